import { isScalar } from 'yaml'
import type { Edit } from './finding.js'
import type { Place } from './place.js'

/** Writes another value in place of a scalar; undefined where that is not safe. */
export function replaceValue(place: Place, text: string): Edit[] | undefined {
  const range = place.valueRange
  if (place.shared || range === undefined || !isScalar(place.node) || place.node.anchor !== undefined) return undefined
  // A block scalar's range ends on the next line.
  if (place.node.type === 'BLOCK_FOLDED' || place.node.type === 'BLOCK_LITERAL') return undefined
  return [{ start: range[0], end: range[1], text }]
}

/** Writes another string in place of a string, in the quotes it had. */
export function replaceText(place: Place, text: string): Edit[] | undefined {
  return replaceValue(place, inQuotesOf(place.node, text))
}

/** Gives an entry another key. */
export function renameKey(place: Place, name: string): Edit[] | undefined {
  const { key } = place
  if (place.shared || !isScalar(key) || !key.range) return undefined
  return [{ start: key.range[0], end: key.range[1], text: inQuotesOf(key, name) }]
}

function inQuotesOf(node: unknown, text: string): string {
  const type = isScalar(node) ? node.type : undefined
  const quote = type === 'QUOTE_SINGLE' ? "'" : type === 'QUOTE_DOUBLE' ? '"' : ''
  return `${quote}${text}${quote}`
}

/** Makes the edits; of two that touch each other, only the first. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let result = ''
  let position = 0
  for (const { start, end, text: replacement } of [...edits].sort((one, other) => one.start - other.start)) {
    if (start < position) continue
    result += text.slice(position, start) + replacement
    position = end
  }
  return result + text.slice(position)
}
