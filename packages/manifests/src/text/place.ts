import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type Node, type Pair, type YAMLMap } from 'yaml'
import type { Manifest } from './source.js'

type Name = string | number

/**
 * A value of a document and where it stands. One that is not there has a place, too: that of the nearest thing that
 * should have held it. Aliases and merges are looked through.
 */
export class Place {
  readonly manifest: Manifest
  readonly document: Document.Parsed
  readonly parent: Place | undefined
  readonly name: Name | undefined
  /** The value, if it is there. */
  readonly node: Node | undefined
  /** The key that it stands behind. */
  readonly key: Node | undefined
  /** Whether it came by an alias or a merge: other places have it as well, so it must not be edited. */
  readonly shared: boolean

  constructor(
    manifest: Manifest,
    document: Document.Parsed,
    node: unknown,
    from: { parent?: Place; name?: Name; key?: unknown; shared?: boolean } = {},
  ) {
    this.manifest = manifest
    this.document = document
    this.parent = from.parent
    this.name = from.name
    this.key = isNode(from.key) ? from.key : undefined
    const resolved = isAlias(node) ? resolve(node, document) : node
    this.shared = from.shared === true || isAlias(node)
    this.node = isNode(resolved) ? resolved : undefined
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
    const found = isMap(this.node)
      ? findPair(this.node, String(name), this.document)
      : isSeq(this.node) && typeof name === 'number'
        ? { value: this.node.items[name] }
        : undefined
    if (found === undefined) return new Place(this.manifest, this.document, undefined, { parent: this, name })
    const { value, key, merged } = found as { value: unknown; key?: unknown; merged?: boolean }
    return new Place(this.manifest, this.document, value, {
      parent: this,
      name,
      key,
      shared: this.shared || merged === true,
    })
  }

  /** The items of a list; none if it is no list. */
  get items(): Place[] {
    return isSeq(this.node) ? this.node.items.map((_, index) => this.get(index)) : []
  }

  /** The entries of a map, in order; none if it is no map. Merged ones are not among them. */
  get entries(): Array<readonly [name: string, place: Place]> {
    if (!isMap(this.node)) return []
    return this.node.items.map((pair) => {
      const name = keyOf(pair)
      const { manifest, document, shared } = this
      return [name, new Place(manifest, document, pair.value, { parent: this, name, key: pair.key, shared })]
    })
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
    const node = this.key ?? (isMap(this.node) ? ((this.node.items[0]?.key as Node | null) ?? this.node) : this.node)
    if (node?.range) return [node.range[0], node.range[1]]
    return this.parent?.range ?? [0, 0]
  }

  /** Offsets of the value itself, for an edit. */
  get valueRange(): readonly [start: number, end: number] | undefined {
    return this.node?.range ? [this.node.range[0], this.node.range[1]] : undefined
  }
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

function isMerge(pair: Pair): boolean {
  const value: unknown = isScalar(pair.key) ? pair.key.value : pair.key
  return value === '<<' || (typeof value === 'symbol' && value.description === '<<')
}

function findPair(
  map: YAMLMap,
  name: string,
  document: Document.Parsed,
  depth = 0,
): { value: unknown; key?: unknown; merged?: boolean } | undefined {
  // The last one wins, as it does in the cluster.
  const own = map.items.findLast((pair) => !isMerge(pair) && keyOf(pair) === name)
  if (own !== undefined) return { value: own.value, key: own.key }
  if (depth > 8) return undefined
  for (const pair of map.items) {
    if (!isMerge(pair)) continue
    const merged = resolve(pair.value, document)
    for (const each of isSeq(merged) ? merged.items : [merged]) {
      const source = resolve(each, document)
      const found = isMap(source) ? findPair(source, name, document, depth + 1) : undefined
      if (found !== undefined) return { ...found, merged: true }
    }
  }
  return undefined
}
