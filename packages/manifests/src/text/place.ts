import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml'
import type { Manifest } from './source.js'

type Name = string | number

/** The text that a node is in. One object may be put together from several texts: a base and its patches. */
export interface Origin {
  readonly manifest: Manifest
  readonly document: Document.Parsed
  /** Whether the text is also part of other places, by an alias, a merge, or a text within a text. */
  readonly shared: boolean
}

/** The origins of entries and items that are in another text than the map or list around them. */
const origins = new WeakMap<object, Origin>()

/** Marks an entry of a map or an item of a list, and everything in it, as being in another text than the map or list around it. */
export function setOrigin<Part extends Pair | Node>(part: Part, origin: Origin): Part {
  origins.set(part, origin)
  return part
}

export function originOf(part: object): Origin | undefined {
  return origins.get(part)
}

/**
 * A value of a document and its position. A missing value has the position of the nearest map or list that should contain it.
 * Aliases and merges are resolved.
 */
export class Place {
  readonly origin: Origin
  readonly parent: Place | undefined
  readonly name: Name | undefined
  /** The value; undefined if it is missing. */
  readonly node: Node | undefined
  /** The key of the value, if it is an entry of a map. */
  readonly key: Node | undefined
  constructor(origin: Origin, node: unknown, from: { parent?: Place; name?: Name; key?: unknown } = {}) {
    this.parent = from.parent
    this.name = from.name
    this.key = isNode(from.key) ? from.key : undefined
    const resolved = isAlias(node) ? resolve(node, origin.document) : node
    this.origin = isAlias(node) && !origin.shared ? { ...origin, shared: true } : origin
    this.node = isNode(resolved) ? resolved : undefined
  }

  /** The text of the value, or of the nearest map or list that should contain it. */
  get manifest(): Manifest {
    return this.origin.manifest
  }

  get document(): Document.Parsed {
    return this.origin.document
  }

  /** Whether the text is also part of other places, so that it must not be edited. */
  get shared(): boolean {
    return this.origin.shared
  }

  /** Whether the value exists. `null` is a value too. */
  get exists(): boolean {
    return this.node !== undefined || this.key !== undefined
  }

  /** The place at a path below this one. */
  get(...names: readonly Name[]): Place {
    let place: Place = this
    for (const name of names) place = place.#child(name)
    return place
  }

  #child(name: Name): Place {
    if (isSeq(this.node) && typeof name === 'number') return this.#within(this.node.items[name], { name })
    const found = isMap(this.node) ? findPair(this.node, String(name), this.document) : undefined
    if (found === undefined) return this.#within(undefined, { name })
    return this.#within(found.pair.value, { name, pair: found.pair, merged: found.merged })
  }

  #within(node: unknown, { name, pair, merged = false }: { name: Name; pair?: Pair; merged?: boolean }): Place {
    const part = pair ?? node
    const own = typeof part === 'object' && part !== null ? originOf(part) : undefined
    const origin = own ?? this.origin
    return new Place(merged && !origin.shared ? { ...origin, shared: true } : origin, node, {
      parent: this,
      name,
      key: pair?.key,
    })
  }

  /** The items of a list; empty for anything else. */
  get items(): Place[] {
    return isSeq(this.node) ? this.node.items.map((_, index) => this.get(index)) : []
  }

  /** The entries of a map in their order, without merged ones; empty for anything else. */
  get entries(): Array<readonly [name: string, place: Place]> {
    if (!isMap(this.node)) return []
    return this.node.items.map((pair) => [keyOf(pair), this.#within(pair.value, { name: keyOf(pair), pair })])
  }

  /** The value as plain JavaScript. */
  get value(): unknown {
    if (this.node === undefined) return this.key === undefined ? undefined : null
    if (isScalar(this.node)) return plain(this.node.value)
    try {
      return this.node.toJS(this.document, { maxAliasCount: 1000 })
    } catch {
      return undefined // aliases of aliases of aliases: nobody's manifest
    }
  }

  get text(): string | undefined {
    const { value } = this
    return typeof value === 'string' ? value : undefined
  }

  get number(): number | undefined {
    const { value } = this
    return typeof value === 'number' ? value : undefined
  }

  /** The strings and numbers in a list, as strings. */
  get texts(): string[] {
    return this.items.flatMap(({ value }) =>
      typeof value === 'string' || typeof value === 'number' ? [String(value)] : [],
    )
  }

  /** The path from the root: `spec.template.spec.containers[0]`. */
  get path(): string {
    if (this.parent === undefined || this.name === undefined) return ''
    const before = this.parent.path
    if (typeof this.name === 'number') return `${before}[${this.name}]`
    return before === '' ? this.name : `${before}.${this.name}`
  }

  /** The offsets to show: those of the key, or of an item's first entry; for a missing value, those of its parent. */
  get range(): readonly [start: number, end: number] {
    const node = this.key ?? (isMap(this.node) ? (firstKeyOf(this.node, this.origin) ?? this.node) : this.node)
    if (node?.range) return [node.range[0], node.range[1]]
    return this.parent?.range ?? [0, 0]
  }

  /** The offsets of the value itself, for an edit. */
  get valueRange(): readonly [start: number, end: number] | undefined {
    return this.node?.range ? [this.node.range[0], this.node.range[1]] : undefined
  }
}

/** The first key of a map that is in the same text as the map. */
function firstKeyOf(map: YAMLMap, origin: Origin): Node | undefined {
  const key = map.items.find((pair) => (originOf(pair)?.manifest ?? origin.manifest) === origin.manifest)?.key
  return isNode(key) ? key : undefined
}

/** All texts that an object is put together from. */
export function manifestsIn(place: Place): ReadonlySet<Manifest> {
  const found = new Set([place.manifest])
  const look = (node: unknown) => {
    if (!isMap(node) && !isSeq(node)) return
    for (const part of node.items as ReadonlyArray<Pair | Node>) {
      const origin = originOf(part)
      if (origin !== undefined) found.add(origin.manifest)
      look(isPair(part) ? part.value : part)
    }
  }
  look(place.node)
  return found
}

/** Kubernetes gets JSON, which has numbers but no bigints. */
function plain(value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}

function resolve(alias: unknown, document: Document.Parsed): unknown {
  try {
    return isAlias(alias) ? alias.resolve(document) : alias
  } catch {
    return undefined
  }
}

/** The key of an entry as a string; `?` if the key is a map or a list. */
export function keyOf({ key }: Pair): string {
  return isScalar(key) ? String(key.value) : '?'
}

export function isMerge(pair: Pair): boolean {
  const value: unknown = isScalar(pair.key) ? pair.key.value : pair.key
  return value === '<<' || (typeof value === 'symbol' && value.description === '<<')
}

function findPair(
  map: YAMLMap,
  name: string,
  document: Document.Parsed,
  depth = 0,
): { pair: Pair; merged: boolean } | undefined {
  // The last one wins, as it does in the cluster.
  const own = map.items.findLast((pair) => !isMerge(pair) && keyOf(pair) === name)
  if (own !== undefined) return { pair: own, merged: false }
  if (depth > 8) return undefined
  for (const pair of map.items) {
    if (!isMerge(pair)) continue
    const merged = resolve(pair.value, document)
    for (const each of isSeq(merged) ? merged.items : [merged]) {
      const source = resolve(each, document)
      const found = isMap(source) ? findPair(source, name, document, depth + 1) : undefined
      if (found !== undefined) return { pair: found.pair, merged: true }
    }
  }
  return undefined
}
