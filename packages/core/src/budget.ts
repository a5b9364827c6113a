import { resolveOptions } from './resolve-options.js'

// The sums of a grace period, for those who advise on one: what an app does, and what its manifest is told, must not differ.

/** Parts of a grace period that podrain keeps for itself, in milliseconds. */
export interface KeptBack {
  readonly closing: number
  readonly reserve: number
}

/** What a podrain app keeps of its grace period for closing, and never uses; in milliseconds, by the defaults. */
export function keptBack(graceSeconds: number): KeptBack {
  // Nothing fits into less than 2 s, and `resolveOptions` says so by throwing.
  const terminationGracePeriodSeconds = Math.max(2, graceSeconds)
  const { closing, reserve } = resolveOptions({ terminationGracePeriodSeconds, settle: { min: 0, quiet: 0 } })
  return { closing, reserve }
}

/** The shortest grace period, in whole seconds, into which settling and the longest request fit. Both in milliseconds. */
export function graceFor(settle: number, request = 0): number {
  let grace = Math.max(2, Math.ceil((settle + request) / 1000))
  for (;;) {
    const { closing, reserve } = keptBack(grace)
    if (settle + request + closing + reserve <= grace * 1000) return grace
    grace++
  }
}
