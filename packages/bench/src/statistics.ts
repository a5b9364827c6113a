/** The median of some measurements, and how far the measurements spread. */
export interface Spread {
  readonly median: number
  /** Quartiles: half of the measurements lie between them. */
  readonly low: number
  readonly high: number
  /** An interval that holds the true median with at least 95 % confidence; undefined if there are too few measurements. */
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
 * The confidence interval of the median from order statistics, which needs no assumption about the distribution. Each of n
 * measurements lies below the true median with probability ½, so the number below it is binomial.
 */
function confidence(ordered: readonly number[]): readonly [number, number] | undefined {
  const { length } = ordered
  const rank = length > 100 ? Math.floor(length / 2 - 0.98 * Math.sqrt(length)) : exactRank(length)
  const low = ordered[rank - 1]
  const high = ordered[length - rank]
  return low === undefined || high === undefined ? undefined : [low, high]
}

/** The largest rank for which a binomial number with p = ½ is below that rank with a probability of at most 2.5 %. */
function exactRank(count: number): number {
  let probability = 0.5 ** count
  let cumulative = probability
  let rank = 0
  while (cumulative <= 0.025) {
    probability *= (count - rank) / (rank + 1)
    cumulative += probability
    rank++
  }
  return rank
}

/** The items in random order. */
export function shuffled<T>(items: readonly T[]): T[] {
  const left = [...items]
  return items.map(() => left.splice(Math.floor(Math.random() * left.length), 1)[0] as T)
}
