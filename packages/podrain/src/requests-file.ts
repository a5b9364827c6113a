import { readFileSync } from 'node:fs'
import type { RequestSpec } from '@podrain/rehearsal'
import { isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, type YAMLMap } from 'yaml'
import { UsageError } from './usage.js'

/** What is wrong, and where. */
type Complain = (node: unknown, what: string) => void

const keys = ['method', 'path', 'headers', 'body', 'weight', 'status']
const shownComplaints = 10

/**
 * Reads a mix of requests: a YAML list of `{ method, path, headers, body, weight, status }`.
 * @throws UsageError with file, line, column and key of everything that is wrong.
 */
export function readRequests(file: string): RequestSpec[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--requests: ${(error as Error).message}`)
  }
  return parseRequests(text, file)
}

/** The same for a text that is there; `file` is what messages call it. */
export function parseRequests(text: string, file: string): RequestSpec[] {
  const lineCounter = new LineCounter()
  const complaints: string[] = []
  const at = (offset: number, what: string) => {
    const { line, col } = lineCounter.linePos(offset)
    complaints.push(`${file}:${line}:${col}: ${what}`)
  }
  const complain: Complain = (node, what) => at((node as Node | null)?.range?.[0] ?? 0, what)

  const document = parseDocument(text, { lineCounter, prettyErrors: false })
  for (const { pos, message } of document.errors) at(pos[0], message)
  let requests: RequestSpec[] = []
  if (complaints.length === 0) {
    const root = document.contents
    if (!isSeq(root) || root.items.length === 0) complain(root, 'Expected a list of requests, such as `- path: /work`')
    else requests = root.items.map((item) => readRequest(item, complain))
  }
  if (complaints.length > 0) {
    const more = complaints.length - shownComplaints
    throw new UsageError(
      [...complaints.slice(0, shownComplaints), ...(more > 0 ? [`… and ${more} more`] : [])].join('\n'),
    )
  }
  return requests
}

function readRequest(item: unknown, complain: Complain): RequestSpec {
  if (!isMap(item)) {
    complain(item, 'Expected a request, such as `path: /work`')
    return { path: '/' }
  }
  for (const { key } of item.items) {
    const name = String(isScalar(key) ? key.value : key)
    if (!keys.includes(name)) complain(key, `Unknown key \`${name}\`; expected one of ${keys.join(', ')}`)
  }
  if (!item.has('path')) complain(item, 'A request needs a `path`')
  const read = reader(item, complain)
  return {
    method: read('method', 'a method in capitals, such as POST', (value) => /^[A-Z]+$/.test(String(value))),
    path:
      read('path', 'a path that begins with / and holds no spaces', (value) => /^\/[\x21-\x7e]*$/.test(String(value))) ??
      '/',
    headers: read('headers', 'names with texts', areTexts),
    body: read('body', 'a text; write it in quotes', (value) => typeof value === 'string'),
    weight: read('weight', 'a number above 0', (value) => typeof value === 'number' && value > 0),
    status: read('status', 'a status such as 200, or a list of them', (value) => [value].flat().every(isStatus)),
  }
}

/** Reads a key of `map`, or complains of its value. */
function reader(map: YAMLMap, complain: Complain) {
  return <K extends keyof RequestSpec>(
    key: K,
    expected: string,
    fits: (value: unknown) => boolean,
  ): RequestSpec[K] | undefined => {
    const pair: Pair | undefined = map.items.find((each) => isScalar(each.key) && each.key.value === key)
    if (pair === undefined) return undefined
    const value: unknown = (pair.value as Node | null)?.toJSON() ?? null
    if (fits(value)) return value as RequestSpec[K]
    complain(pair.value ?? pair.key, `Expected \`${key}\` to be ${expected}, got \`${JSON.stringify(value)}\``)
    return undefined
  }
}

function isStatus(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 100 && (value as number) <= 599
}

function areTexts(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    Object.values(value).every((text) => typeof text === 'string')
  )
}
