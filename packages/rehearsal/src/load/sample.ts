import type { ClientKind } from './kinds.js'

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

/** The quantiles of these times, which are sorted in place. */
export function latencyOf(times: number[]): Latency | null {
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
