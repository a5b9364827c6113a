import type { Sample } from '../../load/sample.js'
import type { Rehearsal } from '../../result/rehearsal.js'
import type { LoadSeries } from './drawing.js'

/** The load between two samples. */
export interface Interval {
  readonly from: number
  readonly to: number
  /** Requests answered, by pod. */
  readonly answered: Readonly<Record<string, number>>
  readonly lost: number
  readonly p50: number | null
  readonly p99: number | null
  readonly max: number | null
  /** Requests in flight at the end of the interval. */
  readonly inFlight: number
}

/** Joins the samples to at most `most` intervals, so that a page stays small however long the rehearsal was. */
export function intervalsOf({ samples, events }: Rehearsal, most = 1000): Interval[] {
  const intervals: Interval[] = []
  const begin = events.find((event) => event.type === 'phase' && event.phase === 'warming up')
  let from = begin?.t ?? 0
  let lostBefore = 0
  for (const joined of grouped(samples, Math.max(1, Math.ceil(samples.length / most)))) {
    const last = joined.at(-1)
    if (last === undefined || last.t <= from) continue
    intervals.push({ from, to: last.t, ...join(joined), lost: last.lost - lostBefore, inFlight: total(last.inFlight) })
    from = last.t
    lostBefore = last.lost
  }
  return intervals
}

/** The usual time between two samples, in ms. */
const usualTime = 100

/**
 * Groups of `size` samples. The last sample is taken when the load ends, perhaps right after the one before. A few answers in such
 * a short time would be drawn as a high rate, so the last group then joins the one before.
 */
function grouped(samples: readonly Sample[], size: number): Sample[][] {
  const groups = Array.from({ length: Math.ceil(samples.length / size) }, (_, index) =>
    samples.slice(index * size, (index + 1) * size),
  )
  const [last, before] = [groups.at(-1), groups.at(-2)]
  if (last === undefined || before === undefined) return groups
  const time = (last.at(-1)?.t ?? 0) - (before.at(-1)?.t ?? 0)
  return time >= (size * usualTime) / 2 ? groups : [...groups.slice(0, -2), [...before, ...last]]
}

/** Intervals as the lines of a drawing. `since` converts a time of the rehearsal into one of the drawing. */
export function seriesOf(intervals: readonly Interval[], since: (t: number) => number): LoadSeries {
  return {
    t: intervals.map(({ to }) => since(to)),
    answered: intervals.map((interval) => perSecond(total(interval.answered), interval)),
    lost: intervals.map((interval) => perSecond(interval.lost, interval)),
    p50: intervals.map(({ p50 }) => p50),
    p99: intervals.map(({ p99 }) => p99),
    inFlight: intervals.map(({ inFlight }) => inFlight),
  }
}

/** A count within an interval as a rate per second, rounded. */
export function perSecond(count: number, { from, to }: Interval): number {
  return Math.round((count * 1000) / (to - from))
}

export function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0)
}

function join(samples: readonly Sample[]): Pick<Interval, 'answered' | 'p50' | 'p99' | 'max'> {
  const answered: Record<string, number> = {}
  for (const sample of samples) {
    for (const [pod, count] of Object.entries(sample.answered)) answered[pod] = (answered[pod] ?? 0) + count
  }
  const latencies = samples.flatMap(({ latency }) => latency ?? [])
  if (latencies.length === 0) return { answered, p50: null, p99: null, max: null }
  const medians = latencies.map(({ p50 }) => p50).sort((a, b) => a - b)
  return {
    answered,
    // Over several samples, the median of the medians is an approximation. The largest p99 is never too low.
    p50: medians[Math.floor(medians.length / 2)] ?? null,
    p99: Math.max(...latencies.map(({ p99 }) => p99)),
    max: Math.max(...latencies.map(({ max }) => max)),
  }
}
