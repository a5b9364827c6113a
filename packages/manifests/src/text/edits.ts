import { isCollection, isMap, isNode, isPair, isScalar, type Node } from 'yaml'
import type { Place } from './place.js'

/** Replaces the characters from offset `start` to `end` (exclusive) of a file by `text`. */
export interface Edit {
  readonly file: string
  readonly start: number
  readonly end: number
  readonly text: string
}

/** Replaces a scalar by another value; undefined if that is not safe. */
export function replaceValue(place: Place, text: string): Edit[] | undefined {
  const range = place.valueRange
  if (place.shared || range === undefined || !isScalar(place.node) || place.node.anchor !== undefined) return undefined
  // A block scalar's range ends on the next line.
  if (place.node.type === 'BLOCK_FOLDED' || place.node.type === 'BLOCK_LITERAL') return undefined
  return [{ file: fileOf(place), start: range[0], end: range[1], text }]
}

/** Replaces a string by another one with the same quotes; undefined if that is not safe. */
export function replaceText(place: Place, text: string): Edit[] | undefined {
  return replaceValue(place, inQuotesOf(place.node, text))
}

/** Replaces the key of an entry; undefined if that is not safe. */
export function renameKey(place: Place, name: string): Edit[] | undefined {
  const { key } = place
  if (place.shared || !isScalar(key) || !key.range) return undefined
  return [{ file: fileOf(place), start: key.range[0], end: key.range[1], text: inQuotesOf(key, name) }]
}

function fileOf(place: Place): string {
  return place.manifest.source.file
}

function inQuotesOf(node: unknown, text: string): string {
  const type = isScalar(node) ? node.type : undefined
  const quote = type === 'QUOTE_SINGLE' ? "'" : type === 'QUOTE_DOUBLE' ? '"' : ''
  return `${quote}${text}${quote}`
}

/**
 * Moves an entry from its map to another one, with the comments above and after it. Undefined if that is more than moving whole
 * lines: in braces, after a dash, with anchors, or if the map would be empty then.
 */
export function moveEntry(place: Place, home: Place): Edit[] | undefined {
  const { key, parent } = place
  const { file, text } = place.manifest.source
  if (
    place.shared ||
    home.shared ||
    place.manifest !== home.manifest ||
    !key?.range ||
    !isMap(parent?.node) ||
    !isMap(home.node)
  )
    return undefined
  if (parent.node.flow || home.node.flow || parent.node.items.length < 2) return undefined
  const first = home.node.items[0]?.key
  if (!isNode(first) || !first.range) return undefined

  let start = lineStart(text, key.range[0])
  const from = key.range[0] - start
  const end = lineEnd(text, Math.max(key.range[1], endOf(place.node)))
  // The comments above the entry move too.
  while (start > 0) {
    const above = lineStart(text, start - 1)
    if (!/^ *#/.test(text.slice(above, start)) || /^ */.exec(text.slice(above, start))?.[0].length !== from) break
    start = above
  }
  const moved = text.slice(start, end)
  if (text.slice(lineStart(text, key.range[0]), key.range[0]).trim() !== '' || /[&*]\w|\t|\r(?!\n)/.test(moved))
    return undefined

  const to = first.range[0] - lineStart(text, first.range[0])
  // The entry goes below the line of the map's key, or, in a list item, below its first entry if that is one line.
  const below = home.key?.range?.[1] ?? (isScalar(home.node.items[0]?.value) ? endOf(home.node.items[0]) : undefined)
  if (below === undefined) return undefined
  const at = lineEnd(text, below)
  const isAbove = lineStart(text, first.range[0]) < at
  if (isAbove !== (home.key === undefined) || text[at - 1] !== '\n') return undefined
  const block = moved.endsWith('\n') ? moved : `${moved}\n`
  const indented = block.replace(new RegExp(`^ {0,${from}}(?=.*\\S)`, 'gm'), ' '.repeat(to))
  return [
    { file, start, end, text: '' },
    { file, start: at, end: at, text: indented },
  ]
}

/** The offset of the end of the last value in a node. */
function endOf(node: unknown): number {
  if (isPair(node)) return Math.max(endOf(node.key), endOf(node.value))
  if (!isNode(node) || !node.range) return 0
  const isBlock = isCollection(node) && node.flow !== true && node.items.length > 0
  return isBlock ? endOf(node.items.at(-1)) : (node as Node & { range: [number, number, number] }).range[1]
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

/** The offset of the next line; `offset` itself if it is the start of a line. */
function lineEnd(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset
  const end = text.indexOf('\n', offset)
  return end === -1 ? text.length : end + 1
}

/** Applies the edits of each finding: all of them, or none if one overlaps with an edit of an earlier finding. */
export function applyEdits(text: string, findings: ReadonlyArray<readonly Edit[]>): string {
  const made: Edit[] = []
  for (const edits of findings) {
    if (edits.every((edit) => made.every((other) => edit.start >= other.end || other.start >= edit.end))) {
      made.push(...edits)
    }
  }
  let result = ''
  let position = 0
  for (const { start, end, text: replacement } of made.sort(
    (one, other) => one.start - other.start || one.end - other.end,
  )) {
    result += text.slice(position, start) + replacement
    position = end
  }
  return result + text.slice(position)
}
