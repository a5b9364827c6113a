import { isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'
import { keyOf, type Origin, originOf, setOrigin } from '../text/place.js'

/**
 * A node and the text that it is in. Nothing here changes a node, because a base is part of several builds. A change copies the maps
 * and lists around it; their entries keep their own text and line.
 */
export interface Part {
  readonly node: Node
  readonly origin: Origin
}

/** The entries of a map, each marked with its text. */
export function entriesOf({ node, origin }: Part): Pair[] {
  return isMap(node) ? node.items.map((pair) => setOrigin(pair, originOf(pair) ?? origin)) : []
}

/** The items of a list, each with its text. */
export function itemsOf({ node, origin }: Part): Part[] {
  if (!isSeq(node)) return []
  return (node.items as Node[]).map((item) => ({ node: item, origin: originOf(item) ?? origin }))
}

export function partOf(pair: Pair, origin: Origin): Part {
  return { node: pair.value as Node, origin: originOf(pair) ?? origin }
}

/** A map with these entries. */
export function mapOf(pairs: readonly Pair[]): YAMLMap {
  const map = new YAMLMap()
  map.items = [...pairs]
  return map
}

/** A list with these items. */
export function listOf(items: readonly Part[]): YAMLSeq {
  const list = new YAMLSeq()
  list.items = items.map(({ node, origin }) => setOrigin(node, origin))
  return list
}

/** An entry with a new key. Its position is that of the value, because the key is in no text. */
export function entry(name: string, { node, origin }: Part): Pair {
  const key = new Scalar(name)
  if (node.range) key.range = node.range
  return setOrigin(new Pair(key, node), origin)
}

/** The same entry with another value. */
export function withValue(old: Pair, node: Node, origin: Origin): Pair {
  return setOrigin(new Pair(old.key, node), originOf(old) ?? origin)
}

/** A new text at the position of another. It is in no file, so it must not be edited. */
export function textInPlaceOf({ node, origin }: Part, text: string): Part {
  const scalar = new Scalar(text)
  if (node.range) scalar.range = node.range
  return { node: scalar, origin: { ...origin, shared: true } }
}

/** The part at a path; undefined if there is none. */
export function partAt(part: Part, way: readonly string[]): Part | undefined {
  let current: Part | undefined = part
  for (const name of way) {
    const { node, origin }: Part = current
    if (isSeq(node)) {
      current = itemsOf(current)[Number(name)]
    } else {
      const pair = isMap(node) ? node.items.findLast((each) => keyOf(each) === name) : undefined
      current = pair === undefined || pair.value === null ? undefined : partOf(pair, origin)
    }
    if (current === undefined) return undefined
  }
  return current
}

export function textAt(part: Part, ...way: string[]): string | undefined {
  const node = partAt(part, way)?.node
  return isScalar(node) && typeof node.value === 'string' ? node.value : undefined
}

/**
 * A copy with another value at a path; `undefined` removes it. Missing maps on the path are created. In a list a step is a number, or
 * `-` for a new item at the end.
 * @returns The part unchanged if the path leads through something that is neither a map nor a list.
 */
export function setAt(part: Part, way: readonly string[], value: Part | undefined): Part {
  const [name, ...rest] = way
  if (name === undefined) return value ?? part
  const { node, origin } = part
  if (isSeq(node)) return { node: listOf(itemsSet(itemsOf(part), name, rest, value)), origin }
  if (!isMap(node)) return part
  const pairs = entriesOf(part)
  const index = pairs.findLastIndex((pair) => keyOf(pair) === name)
  const old = pairs[index]
  if (rest.length === 0) {
    const at = index === -1 ? pairs.length : index
    if (value === undefined) pairs.splice(at, 1)
    // A value without a position gets that of the old value.
    else if (old !== undefined && !value.node.range) pairs[at] = withValue(old, value.node, origin)
    else pairs.splice(at, 1, entry(name, value))
  } else if (old === undefined || !isHolder(old.value)) {
    if (value === undefined) return part
    pairs.splice(index === -1 ? pairs.length : index, 1, entry(name, setAt({ ...value, node: mapOf([]) }, rest, value)))
  } else {
    pairs[index] = withValue(old, setAt(partOf(old, origin), rest, value).node, origin)
  }
  return { node: mapOf(pairs), origin }
}

function itemsSet(items: Part[], name: string, rest: readonly string[], value: Part | undefined): Part[] {
  const index = name === '-' ? items.length : Number(name)
  const old = items[index]
  if (rest.length > 0) return old === undefined ? items : items.with(index, setAt(old, rest, value))
  if (value === undefined) return items.toSpliced(index, 1)
  return items.toSpliced(index, old === undefined ? 0 : 1, value)
}

function isHolder(node: unknown): boolean {
  return isMap(node) || isSeq(node)
}
