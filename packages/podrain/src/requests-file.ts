import { readFileSync } from 'node:fs'
import { planRequests, type RequestSpec } from '@podrain/rehearsal'
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { UsageError } from './usage.js'

/**
 * Reads a mix of requests: a YAML list of `{ method, path, headers, body, weight, status }`.
 * @throws UsageError with file, line and column, or when the file cannot be read.
 */
export function readRequests(file: string): readonly RequestSpec[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--requests: ${(error as Error).message}`)
  }
  return parseRequests(text, file)
}

/** The same for a text. `file` is its name in messages. */
export function parseRequests(text: string, file: string): readonly RequestSpec[] {
  const lineCounter = new LineCounter()
  const refuse = (offset: number, what: string): never => {
    const { line, col } = lineCounter.linePos(offset)
    throw new UsageError(`${file}:${line}:${col}: ${what}`)
  }
  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  const [syntax] = document.errors
  if (syntax !== undefined) refuse(syntax.pos[0], syntax.message)
  const mix: unknown = document.toJS()
  try {
    // The engine checks the requests; `locate` finds the position in the file.
    planRequests({ mix: mix as RequestSpec[] })
  } catch (error) {
    const { offset, what } = locate((error as Error).message, document)
    refuse(offset, what)
  }
  return mix as readonly RequestSpec[]
}

/** The offset in the file of an option such as `requests.mix[1].status`, and the message with the name as in the file. */
function locate(message: string, document: Document): { offset: number; what: string } {
  const [, index, field, item] = /`requests\.mix(?:\[(\d+)\](?:\.([a-zA-Z]+)(?:\.([^`]+))?)?)?`/.exec(message) ?? []
  const what = message
    .replace(/ in `requests\.mix\[\d+\]`/, '')
    .replace('Unknown option', 'Unknown key')
    .replace(/`requests\.mix\[\d+\]\.([^`]+)`/, '`$1`')
    .replace(/`requests\.mix(\[\d+\])?`/, (_, request) => (request === undefined ? 'the file' : 'a request'))
  const request = index === undefined ? document.contents : document.getIn([Number(index)], true)
  const [, unknownKey] = /^Unknown option `(.+?)`/.exec(message) ?? []
  if (unknownKey !== undefined && isMap(request)) {
    const pair = request.items.find(({ key }) => isScalar(key) && String(key.value) === unknownKey)
    return { offset: offsetOf(pair?.key), what }
  }
  const keys = [index, field, item].flatMap((key) => (key === undefined ? [] : [key]))
  const value = keys.length === 0 ? request : document.getIn(keys, true)
  return { offset: offsetOf(value ?? request), what }
}

function offsetOf(node: unknown): number {
  return isNode(node) ? (node.range?.[0] ?? 0) : 0
}
