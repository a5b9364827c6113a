import { isMap, isScalar, isSeq, type Pair } from 'yaml'
import { keyOf, type Origin } from '../text/place.js'
import { entriesOf, itemsOf, listOf, mapOf, type Part, partOf, textAt, withValue } from './graft.js'

/**
 * The keys that identify the items of a list, for lists that a patch merges and does not replace.
 * Source: `x-kubernetes-patch-merge-key` of the OpenAPI schema of Kubernetes, which kustomize goes by.
 */
const mergeKeys: Readonly<Record<string, readonly string[]>> = {
  containers: ['name'],
  initContainers: ['name'],
  ephemeralContainers: ['name'],
  env: ['name'],
  volumes: ['name'],
  volumeMounts: ['mountPath'],
  volumeDevices: ['devicePath'],
  imagePullSecrets: ['name'],
  hostAliases: ['ip'],
  topologySpreadConstraints: ['topologyKey'],
  ports: ['containerPort', 'port'],
}

/**
 * Merges a patch into an object as `kubectl` and kustomize do: maps entry by entry, lists of Kubernetes' own kinds by the key of
 * their items. `null` removes an entry.
 * @param byKey Whether lists are merged by key. Lists of custom resources are replaced.
 * @returns undefined if the patch deletes the object
 */
export function merge(base: Part, patch: Part, byKey: boolean): Part | undefined {
  const directive = textAt(patch, '$patch')
  if (directive === 'delete') return undefined
  if (directive === 'replace' || !isMap(base.node))
    return { node: mapOf(withoutDirectives(patch)), origin: patch.origin }
  const pairs = entriesOf(base)
  for (const pair of withoutDirectives(patch)) {
    const index = pairs.findLastIndex((each) => keyOf(each) === keyOf(pair))
    const old = pairs[index]
    const merged =
      old === undefined ? asNew(pair, patch.origin) : mergeEntry(old, pair, base.origin, patch.origin, byKey)
    if (isNothing(pair) || merged === undefined) {
      if (index !== -1) pairs.splice(index, 1)
    } else {
      pairs.splice(index === -1 ? pairs.length : index, 1, merged)
    }
  }
  return { node: mapOf(pairs), origin: base.origin }
}

/** A new entry without directives of the patch. */
function asNew(pair: Pair, from: Origin): Pair {
  const { node, origin } = partOf(pair, from)
  if (!isMap(node)) return pair
  const pairs = withoutDirectives({ node, origin }).filter((each) => !isNothing(each))
  return withValue(pair, mapOf(pairs.map((each) => asNew(each, origin))), from)
}

function mergeEntry(old: Pair, pair: Pair, from: Origin, patchFrom: Origin, byKey: boolean): Pair | undefined {
  const [base, patch] = [partOf(old, from), partOf(pair, patchFrom)]
  const keep = ({ node }: Part) => withValue(old, node, from)
  if (isMap(patch.node) && isMap(base.node)) {
    const merged = merge(base, patch, byKey)
    return merged && keep(merged)
  }
  if (isSeq(patch.node) && isSeq(base.node) && byKey) {
    const keys = mergeKeys[keyOf(pair)]
    if (keys !== undefined) return keep(mergeItems(base, patch, keys))
  }
  // An equal value keeps its old position.
  const isSame = isScalar(base.node) && isScalar(patch.node) && base.node.value === patch.node.value
  return isSame ? old : pair
}

/** Merges lists by key. The items of the patch come first, in its order, as in kustomize. */
function mergeItems(base: Part, patch: Part, keys: readonly string[]): Part {
  const patched: Part[] = []
  let rest = itemsOf(base)
  for (const item of itemsOf(patch)) {
    const directive = textAt(item, '$patch')
    const name = nameOf(item, keys)
    const index = rest.findIndex((each) => name !== undefined && nameOf(each, keys) === name)
    const old = rest[index]
    const isEmpty = name === undefined && directive !== undefined
    const merged = old === undefined ? item : merge(old, item, true)
    if (isEmpty && directive === 'replace') rest = []
    if (old !== undefined) rest = rest.toSpliced(index, 1)
    if (!isEmpty && merged !== undefined && directive !== 'delete') patched.push(merged)
  }
  return { node: listOf([...patched, ...rest]), origin: base.origin }
}

/** The identity of an item: its key, and for a port its protocol too. */
function nameOf(item: Part, keys: readonly string[]): string | undefined {
  for (const key of keys) {
    const node = entriesOf(item).find((pair) => keyOf(pair) === key)?.value
    if (isScalar(node)) return `${key} ${node.value} ${key.endsWith('ort') ? (textAt(item, 'protocol') ?? 'TCP') : ''}`
  }
  return undefined
}

function withoutDirectives(patch: Part): Pair[] {
  return entriesOf(patch).filter((pair) => !isDirective(pair))
}

function isDirective(pair: Pair): boolean {
  return keyOf(pair).startsWith('$')
}

function isNothing({ value }: Pair): boolean {
  return value === null || (isScalar(value) && value.value === null)
}
