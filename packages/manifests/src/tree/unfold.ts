import { isAlias, isMap, isScalar, isSeq, type Node, Pair } from 'yaml'
import { isMerge, type Origin, setOrigin } from '../text/place.js'
import { itemsOf, listOf, mapOf, type Part } from './graft.js'

/** More nodes than any manifest written by hand. Beyond the limit, aliases are not resolved. */
const limit = 200_000

/**
 * The same with aliases and merges replaced by their values. A build puts texts together, in which an alias would not find its
 * anchor. These values are marked as shared, because each is in the text only once.
 */
export function unfold(part: Part): Part {
  let count = 0
  const through = ({ node, origin }: Part): Part => {
    if (++count > limit) return { node, origin }
    if (isAlias(node)) {
      const meant = node.resolve(origin.document)
      return meant === undefined ? { node, origin } : through({ node: meant as Node, origin: asShared(origin) })
    }
    if (isMap(node)) return { node: mapOf(pairsOf({ node, origin })), origin }
    if (isSeq(node)) return { node: listOf(itemsOf({ node, origin }).map(through)), origin }
    return { node, origin }
  }
  const pairsOf = ({ node, origin }: Part): Pair[] => {
    if (!isMap(node)) return []
    const own = node.items.filter((pair) => !isMerge(pair))
    const names = new Set(own.map(({ key }) => String(isScalar(key) ? key.value : key)))
    const merged = node.items
      .filter(isMerge)
      .flatMap(({ value }) => {
        const sources = through({ node: value as Node, origin: asShared(origin) })
        return isSeq(sources.node) ? itemsOf(sources) : [sources]
      })
      .flatMap(pairsOf)
      .filter(({ key }) => !names.has(String(isScalar(key) ? key.value : key)))
    return [...own, ...merged].map((pair) => {
      const inner = pair.value === null ? null : through({ node: pair.value as Node, origin })
      return setOrigin(new Pair(pair.key, inner?.node ?? null), inner?.origin ?? origin)
    })
  }
  return isFolded(part) ? through(part) : part
}

function asShared(origin: Origin): Origin {
  return origin.shared ? origin : { ...origin, shared: true }
}

function isFolded({ origin }: Part): boolean {
  // Aliases and merges both contain a `*`.
  return origin.manifest.source.text.includes('*') && hasAlias(origin.document.contents)
}

function hasAlias(node: unknown): boolean {
  if (isAlias(node)) return true
  if (isMap(node)) return node.items.some(({ value }) => hasAlias(value))
  return isSeq(node) && node.items.some(hasAlias)
}
