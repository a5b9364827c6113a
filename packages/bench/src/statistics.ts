/** The middle of some measurements, and how far they spread. */
export interface Spread {
  readonly median: number
  /** Quartiles: half of the measurements lie between them. */
  readonly low: number
  readonly high: number
  /** Where the true median lies, with at least 95 % confidence; undefined if there are too few for that. */
  readonly confidence: readonly [number, number] | undefined
  readonly count: number
}

export function spread(values: readonly number[]): Spread {
  const ordered = [...values].sort((a, b) => a - b)
  return {
    median: quantile(ordered, 0.5),
    low: quantile(ordered, 0.25),
    high: quantile(ordered, 0.75),
    confidence: confidence(ordered),
    count: ordered.length,
  }
}

function quantile(ordered: readonly number[], share: number): number {
  const place = (ordered.length - 1) * share
  const below = ordered[Math.floor(place)] ?? Number.NaN
  const above = ordered[Math.ceil(place)] ?? Number.NaN
  return below + (above - below) * (place - Math.floor(place))
}

/**
 * Order statistics that hold the median whatever the distribution: how many of n measurements lie below it is a matter of
 * n tosses of a coin.
 */
function confidence(ordered: readonly number[]): readonly [number, number] | undefined {
  const { length } = ordered
  const rank = length > 100 ? Math.floor(length / 2 - 0.98 * Math.sqrt(length)) : exactRank(length)
  const low = ordered[rank - 1]
  const high = ordered[length - rank]
  return low === undefined || high === undefined ? undefined : [low, high]
}

/** The most tosses that come with a chance of no more than 2.5 %, as do all that are fewer. */
function exactRank(tosses: number): number {
  let chance = 0.5 ** tosses
  let all = chance
  let rank = 0
  while (all <= 0.025) {
    chance *= (tosses - rank) / (rank + 1)
    all += chance
    rank++
  }
  return rank
}

/** All of them in an order that chance decides. */
export function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items]
  return items.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0] as T)
}
