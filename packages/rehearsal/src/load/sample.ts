import type { Tick } from './crowd.js'
import { type ClientKind, clientKinds, eachKind } from './kinds.js'

/** The state of the load at one moment, taken about every 100 ms. */
export interface Sample {
  readonly type: 'sample'
  readonly t: number
  /** Requests on their way, for each kind of client. */
  readonly inFlight: Readonly<Record<ClientKind, number>>
  /** Requests that have an outcome, so far. */
  readonly requests: number
  /** Requests lost, so far. */
  readonly lost: number
  /** Answers since the sample before, for each pod that gave one. */
  readonly answered: Readonly<Record<string, number>>
  /** How long these answers took, of the kinds whose time says something of the server; null without any. */
  readonly latency: Latency | null
}

/** Quantiles in ms, from the moment a request is sent, its connection included, to the end of its body. */
export interface Latency {
  readonly p50: number
  readonly p99: number
  readonly max: number
}

/** The sum of what crowds have counted, each by where it stands. */
export function totalsOf(crowds: readonly (Tick | undefined)[]): Pick<Tick, 'inFlight' | 'requests' | 'lost'> {
  const sumOf = (name: 'inFlight' | 'requests' | 'lost') =>
    eachKind((kind) => crowds.reduce((sum, tick) => sum + (tick?.[name][kind] ?? 0), 0))
  return { inFlight: sumOf('inFlight'), requests: sumOf('requests'), lost: sumOf('lost') }
}

/** Puts together where each crowd stands, and all that they have told since the sample before. */
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

/** The quantiles of these times, which are sorted in place. */
function latencyOf(times: number[]): Latency | null {
  if (times.length === 0) return null
  times.sort((a, b) => a - b)
  // The smallest time that so many of them did not exceed.
  const quantile = (share: number) => tenth(times[Math.ceil(share * times.length) - 1] ?? 0)
  return { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) }
}

/** More digits would only pretend. */
function tenth(ms: number): number {
  return Math.round(ms * 10) / 10
}
