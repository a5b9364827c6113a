/** Returns the ms since the rehearsal began, to a tenth: more digits would claim a precision that timers do not have. */
export type Clock = () => number

/**
 * A monotonic time in ms that is the same in every thread and process of this machine. `performance.now()` is not: it counts from
 * the start of its own thread.
 */
export function machineTime(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/** Creates a clock that was 0 at `startedAt`, in {@link machineTime}. */
export function createClock(startedAt: number = machineTime()): Clock {
  return () => Math.round((machineTime() - startedAt) * 10) / 10
}
