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

/** The text that a node stands in. One object may be put together from several: a base, and what is patched into it. */
export interface Origin {
  readonly manifest: Manifest
  readonly document: Document.Parsed
  /** Whether other places have it as well: it came by an alias or a merge, or from a text within a text. */
  readonly shared: boolean
}

/** Of entries and items that stand in another text than what holds them. */
const origins = new WeakMap<object, Origin>()

/** Says that an entry of a map or an item of a list, with all that is in it, stands in another text than its holder. */
export function setOrigin<Part extends Pair | Node>(part: Part, origin: Origin): Part {
  origins.set(part, origin)
  return part
}

export function originOf(part: object): Origin | undefined {
  return origins.get(part)
}

/**
 * A value of a document and where it stands. One that is not there has a place, too: that of the nearest thing that
 * should have held it. Aliases and merges are looked through.
 */
export class Place {
  readonly origin: Origin
  readonly parent: Place | undefined
  readonly name: Name | undefined
  /** The value, if it is there. */
  readonly node: Node | undefined
  /** The key that it stands behind. */
  readonly key: Node | undefined
  constructor(origin: Origin, node: unknown, from: { parent?: Place; name?: Name; key?: unknown } = {}) {
    this.parent = from.parent
    this.name = from.name
    this.key = isNode(from.key) ? from.key : undefined
    const resolved = isAlias(node) ? resolve(node, origin.document) : node
    this.origin = isAlias(node) && !origin.shared ? { ...origin, shared: true } : origin
    this.node = isNode(resolved) ? resolved : undefined
  }

  /** The text it stands in, or the nearest thing that should have held it. */
  get manifest(): Manifest {
    return this.origin.manifest
  }

  get document(): Document.Parsed {
    return this.origin.document
  }

  /** Whether other places have it as well, so that it must not be edited. */
  get shared(): boolean {
    return this.origin.shared
  }

  /** Whether there is such a value, be it `null`. */
  get exists(): boolean {
    return this.node !== undefined || this.key !== undefined
  }

  /** What is further in. */
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

  /** The items of a list; none if it is no list. */
  get items(): Place[] {
    return isSeq(this.node) ? this.node.items.map((_, index) => this.get(index)) : []
  }

  /** The entries of a map, in order; none if it is no map. Merged ones are not among them. */
  get entries(): Array<readonly [name: string, place: Place]> {
    if (!isMap(this.node)) return []
    return this.node.items.map((pair) => [keyOf(pair), this.#within(pair.value, { name: keyOf(pair), pair })])
  }

  /** As plain JavaScript. */
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

  /** A list of strings; what else is in it is left out. */
  get texts(): string[] {
    return this.items.flatMap(({ value }) =>
      typeof value === 'string' || typeof value === 'number' ? [String(value)] : [],
    )
  }

  /** From the root: `spec.template.spec.containers[0]`. */
  get path(): string {
    if (this.parent === undefined || this.name === undefined) return ''
    const before = this.parent.path
    if (typeof this.name === 'number') return `${before}[${this.name}]`
    return before === '' ? this.name : `${before}.${this.name}`
  }

  /** Offsets of what to show: the key, or an item's first entry; of what should have held it if it is not there. */
  get range(): readonly [start: number, end: number] {
    const node = this.key ?? (isMap(this.node) ? (firstKeyOf(this.node, this.origin) ?? this.node) : this.node)
    if (node?.range) return [node.range[0], node.range[1]]
    return this.parent?.range ?? [0, 0]
  }

  /** Offsets of the value itself, for an edit. */
  get valueRange(): readonly [start: number, end: number] | undefined {
    return this.node?.range ? [this.node.range[0], this.node.range[1]] : undefined
  }
}

/** The first key of a map that stands in the same text as the map. */
function firstKeyOf(map: YAMLMap, origin: Origin): Node | undefined {
  const key = map.items.find((pair) => (originOf(pair)?.manifest ?? origin.manifest) === origin.manifest)?.key
  return isNode(key) ? key : undefined
}

/** All texts that an object was put together from. */
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

/** What Kubernetes gets is JSON, which knows numbers, but no bigints. */
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

/** The name of an entry, as JSON would have it; a key that is a map or a list has none. */
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
