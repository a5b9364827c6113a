import { type ClientKind, clientKinds, kinds } from '../load/kinds.js'
import type { Sample } from '../load/sample.js'

/** Times in which requests were in flight and none was answered. */
export interface Outage {
  /** The longest of them, in ms. */
  readonly longestMs: number
  /** All of them together, in ms. */
  readonly totalMs: number
}

/** ms: a shorter pause between two answers is not counted. */
const shortest = 300

/**
 * How long no request was answered although some were in flight, from `begunAt` on. A client that waits sends no other request, so
 * a long outage loses few requests: its length says more. Only outages at least twice as long as any before `begunAt` count.
 */
export function outageOf(samples: readonly Sample[], begunAt: number): Outage {
  const stretches = stretchesOf(samples)
  const usual = Math.max(0, ...stretches.filter(({ from }) => from < begunAt).map(({ ms }) => ms))
  const least = Math.max(shortest, 2 * usual)
  const outages = stretches.filter(({ from, ms }) => from >= begunAt && ms >= least)
  return {
    longestMs: Math.max(0, ...outages.map(({ ms }) => ms)),
    totalMs: outages.reduce((sum, { ms }) => sum + ms, 0),
  }
}

/** Stretches of consecutive samples with requests in flight and no answer. */
function stretchesOf(samples: readonly Sample[]): Array<{ readonly from: number; readonly ms: number }> {
  const stretches: Array<{ from: number; ms: number }> = []
  let from: number | undefined
  let before = samples[0]?.t ?? 0
  for (const { t, inFlight, answered } of samples) {
    if (Object.keys(answered).length === 0 && isWaiting(inFlight)) from ??= before
    else if (from !== undefined) {
      stretches.push({ from, ms: Math.round(before - from) })
      from = undefined
    }
    before = t
  }
  if (from !== undefined) stretches.push({ from, ms: Math.round(before - from) })
  return stretches
}

/** Whether requests are in flight that a working app would answer soon: those of kinds that are timed. */
function isWaiting(inFlight: Readonly<Record<ClientKind, number>>): boolean {
  return clientKinds.some((kind) => kinds[kind].timed && inFlight[kind] > 0)
}
