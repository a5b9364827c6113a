import { distance } from 'fastest-levenshtein'

/** The known name that was probably meant; undefined if none is near enough, or two are equally near. */
export function nearest(written: string, known: Iterable<string>): string | undefined {
  const small = written.toLowerCase()
  const candidates = [...known].map((name) => ({ name, far: distance(small, name.toLowerCase()) }))
  candidates.sort((one, other) => one.far - other.far)
  const [best, next] = candidates
  if (best === undefined) return undefined
  // The number of typos that are likely in a word of this length.
  const allowed = small.length < 3 ? 0 : small.length < 5 ? 1 : small.length < 12 ? 2 : 3
  if (best.far <= allowed && best.far !== next?.far) return best.name
  // A part of a name, such as `Rolling`, `terminationGracePeriod` or `gracePeriodSeconds`.
  const parts = candidates.filter(({ name }) => {
    const at = name.toLowerCase().indexOf(small)
    return (at === 0 && small.length >= 5) || (at > 0 && small.length >= 8)
  })
  return parts.length === 1 ? parts[0]?.name : undefined
}
