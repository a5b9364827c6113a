import { type ReservedTimes, reservedTimes } from '@podrain/core/budget'

// The numbers are those of core, so that the app and the advice about its manifest agree.
export {
  graceSecondsFor,
  graceVariable,
  misfitOf,
  presets,
  reservedTimes,
  type Times,
  timesOf,
} from '@podrain/core/budget'

/** The variable of podrain's option `behind`. */
export const behindVariable = 'PODRAIN_BEHIND'

/** The sum of the parts of a budget. */
export interface Sum {
  /** ms */
  readonly total: number
  /** The sum as text: `settle 5 s + closing 5 s + reserve 1 s = 11 s`. */
  readonly sum: string
}

/** Adds `settle + longest request + closing + reserve`, all in ms. */
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

/** The budget of a pod with this grace period. */
export function budgetOf(graceSeconds: number, settle: number, request = 0): Sum {
  return sumOf({ settle, request, ...reservedTimes(graceSeconds) })
}

/** `1.5 s` */
export function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(3))} s`
}
