import { presets, resolveOptions } from '@podrain/core'

// The numbers are core's and stay there: what an app does, and what its manifest is told, must not differ.
export { presets }

interface Times {
  readonly closing: number
  readonly reserve: number
}

/** What a podrain app keeps of its grace period for closing, and never uses; in milliseconds, by core's defaults. */
export function keptBack(graceSeconds: number): Times {
  // Nothing fits into less than 2 s, and core says so by throwing.
  const terminationGracePeriodSeconds = Math.max(2, graceSeconds)
  const { closing, reserve } = resolveOptions({ terminationGracePeriodSeconds, settle: { min: 0, quiet: 0 } })
  return { closing, reserve }
}

/** Parts of a budget and what they come to, in milliseconds and as it is written. */
export interface Sum {
  readonly total: number
  readonly sum: string
}

/** `settle + longest request + closing + reserve` */
export function sumOf({ settle, request, closing, reserve }: Times & { settle: number; request: number }): Sum {
  const total = settle + request + closing + reserve
  const parts = [
    `settle ${seconds(settle)}`,
    ...(request > 0 ? [`longest request ${seconds(request)}`] : []),
    `closing ${seconds(closing)}`,
    `reserve ${seconds(reserve)}`,
  ]
  return { total, sum: `${parts.join(' + ')} = ${seconds(total)}` }
}

/** The budget of a pod, if its grace period is so long. */
export function budgetOf(graceSeconds: number, settle: number, request = 0): Sum {
  return sumOf({ settle, request, ...keptBack(graceSeconds) })
}

/** The shortest grace period, in whole seconds, into which it fits. */
export function graceFor(settle: number, request = 0): number {
  let grace = Math.max(2, Math.ceil((settle + request) / 1000))
  while (budgetOf(grace, settle, request).total > grace * 1000) grace++
  return grace
}

/** `1.5 s` */
export function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(3))} s`
}
