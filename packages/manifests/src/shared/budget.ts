import { type ReservedTimes, reservedTimes } from '@podrain/core/budget'

// The numbers are core's and stay there: what an app does, and what its manifest is told, must not differ.
export { graceSecondsFor, presets, reservedTimes } from '@podrain/core/budget'

/** Parts of a budget and what they come to, in milliseconds and as it is written. */
export interface Sum {
  readonly total: number
  readonly sum: string
}

/** `settle + longest request + closing + reserve` */
export function sumOf({ settle, request, closing, reserve }: ReservedTimes & { settle: number; request: number }): Sum {
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
  return sumOf({ settle, request, ...reservedTimes(graceSeconds) })
}

/** `1.5 s` */
export function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(3))} s`
}
