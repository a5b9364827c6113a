import { distance } from 'fastest-levenshtein'

/** What somebody meant who wrote this; undefined if nothing is near enough to say so. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const small = written.toLowerCase()
  const candidates = [...known].map((name) => ({ name, far: distance(small, name.toLowerCase()) }))
  candidates.sort((one, other) => one.far - other.far)
  const [best, next] = candidates
  if (best === undefined) return undefined
  // As many mistakes as people make in a word of that length; two names that are as near tell nothing.
  const allowed = small.length < 3 ? 0 : small.length < 5 ? 1 : small.length < 12 ? 2 : 3
  if (best.far <= allowed && best.far !== next?.far) return best.name
  // `Rolling`, `terminationGracePeriod`, `gracePeriodSeconds`
  const parts = candidates.filter(({ name }) => {
    const at = name.toLowerCase().indexOf(small)
    return (at === 0 && small.length >= 5) || (at > 0 && small.length >= 8)
  })
  return parts.length === 1 ? parts[0]?.name : undefined
}
