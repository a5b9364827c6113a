import type { Tick } from './crowd.js'
import { type ClientKind, clientKinds, eachKind } from './kinds.js'

/** The state of the load at one time. A sample is taken about every 100 ms. */
export interface Sample {
  readonly type: 'sample'
  /** ms since the rehearsal began. */
  readonly t: number
  /** Requests in flight, for each kind of client. */
  readonly inFlight: Readonly<Record<ClientKind, number>>
  /** Requests that have an outcome so far. */
  readonly requests: number
  /** Requests lost so far. */
  readonly lost: number
  /** Responses since the sample before, for each pod that gave one. */
  readonly answered: Readonly<Record<string, number>>
  /** How long these responses took, for the kinds that are timed (`timed` in `kinds`); null when there were none. */
  readonly latency: Latency | null
}

/** Quantiles in ms: from when a request is sent, opening its connection included, to the end of the response's body. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** The sums of the crowds' latest counters. */
export function totalsOf(crowds: readonly (Tick | undefined)[]): Pick<Tick, 'inFlight' | 'requests' | 'lost'> {
  const sumOf = (name: 'inFlight' | 'requests' | 'lost') =>
    eachKind((kind) => crowds.reduce((sum, tick) => sum + (tick?.[name][kind] ?? 0), 0))
  return { inFlight: sumOf('inFlight'), requests: sumOf('requests'), lost: sumOf('lost') }
}

/** Makes a sample of the latest tick of each crowd, and of all ticks since the sample before. */
export function sampleOf(t: number, crowds: readonly (Tick | undefined)[], ticks: readonly Tick[]): Sample {
  const { inFlight, requests, lost } = totalsOf(crowds)
  const answered: Record<string, number> = {}
  const times: number[] = []
  for (const tick of ticks) {
    for (const [pod, count] of Object.entries(tick.answered)) answered[pod] = (answered[pod] ?? 0) + count
    for (const time of tick.times) times.push(time)
  }
  const latency = latencyOf(times)
  return { type: 'sample', t, inFlight, requests: total(requests), lost: total(lost), answered, latency }
}

export function total(counts: Readonly<Record<ClientKind, number>>): number {
  return clientKinds.reduce((sum, kind) => sum + counts[kind], 0)
}

/** The quantiles of these times. Sorts them in place. */
function latencyOf(times: number[]): Latency | null {
  if (times.length === 0) return null
  times.sort((a, b) => a - b)
  // The nearest-rank quantile: the smallest time that at least this share of the times does not exceed.
  const quantile = (share: number) => tenth(times[Math.ceil(share * times.length) - 1] ?? 0)
  return { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) }
}

/** To a tenth of a millisecond: more digits would claim a precision that timers do not have. */
function tenth(ms: number): number {
  return Math.round(ms * 10) / 10
}
