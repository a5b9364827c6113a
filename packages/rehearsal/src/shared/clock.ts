/** Milliseconds since the rehearsal began, to a tenth: more digits would only pretend. */
export type Clock = () => number

/**
 * A moment that every thread and process of this machine means the same by, in ms: `performance.now()` counts from the
 * start of its own thread.
 */
export function machineTime(): number {
  return Number(process.hrtime.bigint() / 1000n) / 1000
}

/** Starts a clock that was 0 at `startedAt`, in {@link machineTime}. */
export function createClock(startedAt: number = machineTime()): Clock {
  return () => Math.round((machineTime() - startedAt) * 10) / 10
}
