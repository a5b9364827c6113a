import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'
import { killed } from './stage.js'

/** An error in one line, with the actual and the expected value, and without parts that differ from run to run. */
export function reasonOf(error: unknown): string {
  const line = describe(error)
    .replace(/\s+/g, ' ')
    .replace(/ 127\.0\.0\.1:\d+/g, '')
    .replace(/date: [^\\]*GMT\\r\\n/gi, '')
    .replace(/(\d+) ms of (\d+)/, (_, took, whole) => `${(took / 1000).toFixed(1)} s of ${whole / 1000}`)
  return line.length > 200 ? `${line.slice(0, 200)} …` : line
}

function describe(error: unknown): string {
  if (!(error instanceof AssertionError)) return error instanceof Error ? error.message : String(error)
  const { generatedMessage, operator, actual, expected } = error
  const [message = ''] = error.message.split('\n')
  const what = generatedMessage ? '' : `${message}: `
  const saw = `${what}${show(actual)}${actual === killed ? ' (SIGKILL)' : ''}`
  switch (operator) {
    case 'strictEqual':
    case 'deepStrictEqual':
      return `${saw} in place of ${show(expected)}`
    case 'notStrictEqual':
      return `${saw}, which it must not be`
    case 'match':
      return `${saw} is not like ${expected}`
    default:
      return message
  }
}

function show(value: unknown): string {
  return inspect(value, { breakLength: Number.POSITIVE_INFINITY, maxStringLength: 120, maxArrayLength: 10 })
}
