/** The largest number of letters that may differ for a name to count as misspelt. */
const likely = 2
/** The number of letters from which the beginning of a name stands for that name. */
const leastBeginning = 10

/**
 * The name that was most probably meant by a misspelt or shortened one. undefined if none is near. Upper and lower case count as the
 * same.
 */
export function nearestTo(misspelt: string, names: readonly string[]): string | undefined {
  const given = misspelt.toLowerCase()
  const most = Math.min(likely, Math.floor(given.length / 2))
  const [best] = names
    .map((name) => ({ name, distance: distanceOf(given, name.toLowerCase()) }))
    .filter(({ distance }) => distance <= most)
    .sort((one, other) => one.distance - other.distance)
  return best?.name ?? names.find((name) => given.length >= leastBeginning && name.toLowerCase().startsWith(given))
}

/** Number of letters that differ (Levenshtein). */
function distanceOf(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index)
  for (let i = 1; i <= one.length; i++) {
    const next = [i]
    for (let j = 1; j <= other.length; j++) {
      const replaced = (row[j - 1] as number) + (one[i - 1] === other[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] as number) + 1, (next[j - 1] as number) + 1))
    }
    row = next
  }
  return row.at(-1) as number
}
