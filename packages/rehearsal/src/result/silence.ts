import { type ClientKind, clientKinds, kinds } from '../load/kinds.js'
import type { Sample } from '../load/sample.js'

/** How long clients waited and nobody got an answer, in ms. */
export interface Silence {
  readonly longestMs: number
  readonly totalMs: number
}

/** A pause that long between two answers is no silence. */
const shortest = 300

/**
 * How long no request was answered though some were on their way, from `begunAt` on. A client that hangs asks for
 * nothing else, so a long outage loses few requests: its length says more. Counted are stretches that are at least twice
 * as long as any before `begunAt`.
 */
export function silenceOf(samples: readonly Sample[], begunAt: number): Silence {
  const stretches = stretchesOf(samples)
  const usual = Math.max(0, ...stretches.filter(({ from }) => from < begunAt).map(({ ms }) => ms))
  const least = Math.max(shortest, 2 * usual)
  const silent = stretches.filter(({ from, ms }) => from >= begunAt && ms >= least)
  return {
    longestMs: Math.max(0, ...silent.map(({ ms }) => ms)),
    totalMs: silent.reduce((sum, { ms }) => sum + ms, 0),
  }
}

/** Stretches of samples in a row that saw requests on their way, and no answer. */
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

/** Whether there are requests that would be answered soon if all was well. */
function isWaiting(inFlight: Readonly<Record<ClientKind, number>>): boolean {
  return clientKinds.some((kind) => kinds[kind].timed && inFlight[kind] > 0)
}
