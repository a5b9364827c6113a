import { resolveOptions } from './resolve-options.js'

// How long a grace period must be, for tools that write manifests or give advice. They must calculate as the app does.

/** The parts of a grace period that requests do not get, in milliseconds. */
export interface KeptBack {
  readonly closing: number
  readonly reserve: number
}

/**
 * Returns what an app with default options keeps of its grace period: `closing` for its hooks, and `reserve` before SIGKILL.
 * @param graceSeconds The grace period in seconds. Below 2 s, the result is that of 2 s.
 */
export function keptBack(graceSeconds: number): KeptBack {
  // `resolveOptions` throws for 1 s, because `reserve` takes all of it.
  const terminationGracePeriodSeconds = Math.max(2, graceSeconds)
  const { closing, reserve } = resolveOptions({ terminationGracePeriodSeconds, settle: { min: 0, quiet: 0 } })
  return { closing, reserve }
}

/**
 * Returns the shortest grace period, in whole seconds, into which the settle wait and the longest request fit.
 * @param settle The settle wait, in milliseconds.
 * @param request The longest request, in milliseconds.
 */
export function graceFor(settle: number, request = 0): number {
  let grace = Math.max(2, Math.ceil((settle + request) / 1000))
  for (;;) {
    const { closing, reserve } = keptBack(grace)
    if (settle + request + closing + reserve <= grace * 1000) return grace
    grace++
  }
}
