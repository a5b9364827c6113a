import { connectionsPerTurn, longestTimer, roughClockGrain } from './timing.js'

/**
 * The source of time of a drain. Tests replace it. Readiness checks, the log of refusals, the primary of a cluster and the
 * exit of the process use the system clock instead.
 */
export interface Clock {
  /** Milliseconds on a monotonic clock. A wall clock is wrong here, because it may be set while a pod terminates. */
  now(): number
  /**
   * Calls `fn` once, `ms` milliseconds from now, and returns the function that cancels it.
   * `hold` says whether the timer keeps the process alive until then. The default is false.
   */
  after(ms: number, fn: () => void, hold?: boolean): () => void
}

/** The monotonic clock of the process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn, hold = false) {
    const timer = setTimeout(fn, Math.min(ms, longestTimer))
    if (!hold) timer.unref()
    return () => clearTimeout(timer)
  },
}

/**
 * Wraps a clock that may throw or return something other than a number. After the first failure, the clock of the process replaces
 * it, because a drain must end in any case.
 */
export function withFallback(clock: Clock): Clock {
  let time = 0
  let failedAt: number | undefined
  const now = (): number => {
    if (failedAt === undefined) {
      try {
        const read = clock.now()
        if (Number.isFinite(read)) {
          time = read
          return time
        }
      } catch {
        // Falls through to the clock of the process.
      }
      failedAt = systemClock.now()
    }
    return time + systemClock.now() - failedAt
  }
  return {
    now,
    after(ms, fn, hold) {
      if (failedAt !== undefined) return systemClock.after(ms, fn, hold)
      try {
        const cancel = clock.after(ms, fn, hold)
        return () => {
          try {
            cancel()
          } catch {
            // `fn` may then be called although it was cancelled. It finds nothing to do.
          }
        }
      } catch {
        now()
        failedAt ??= systemClock.now()
        return systemClock.after(ms, fn, hold)
      }
    },
  }
}

/**
 * A clock for frequent events, for which reading the real clock is too expensive. A timer refreshes it every `roughClockGrain`
 * milliseconds. The timer stops if the clock has not been read since the last refresh.
 */
export class RoughClock {
  readonly #clock: Clock
  #time = 0
  #wasRead = false
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    this.#wasRead = true
    if (!this.#running) this.#refresh()
    return this.#time
  }

  readonly #refresh = (): void => {
    this.#running = this.#wasRead
    if (!this.#wasRead) return
    this.#wasRead = false
    this.#time = this.#clock.now()
    this.#clock.after(roughClockGrain, this.#refresh)
  }
}

/** Resolves in the next turn of the event loop, after Node has polled its sockets. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Calls `act` for each item. Each turn of the event loop handles `connectionsPerTurn` items, so that requests are served in
 * between. If a call throws, the other calls still take place, and the first error is thrown at the end.
 * @param goesOn Called at the beginning of each turn but the first. If it returns false, the remaining items are skipped.
 */
export async function inTurns<Item>(
  items: Iterable<Item>,
  act: (item: Item) => void,
  goesOn: () => boolean = () => true,
): Promise<void> {
  let done = 0
  const failures: unknown[] = []
  for (const item of items) {
    if (done > 0 && done % connectionsPerTurn === 0) {
      await turn()
      if (!goesOn()) break
    }
    try {
      act(item)
    } catch (error) {
      failures.push(error)
    }
    done++
  }
  if (failures.length > 0) throw failures[0]
}

/** The result of `within` if the time has run out first. */
export const timedOut: unique symbol = Symbol('timed out')

/**
 * Returns the value of the promise, or `timedOut` if the promise has not settled within `ms` milliseconds.
 * @param hold Whether the timer keeps the process alive.
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  hold = true,
): Promise<T | typeof timedOut> {
  let cancel = () => {}
  const timeout = new Promise<typeof timedOut>((resolve) => {
    cancel = clock.after(Math.max(0, ms), () => resolve(timedOut), hold)
  })
  try {
    return await Promise.race([promise, timeout])
  } finally {
    cancel()
  }
}

/** Calls `done` every `interval()` milliseconds until it returns true, or until `left()` is 0 or less. */
export async function until(
  clock: Clock,
  interval: () => number,
  left: () => number,
  done: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await done()) && left() > 0) {
    await new Promise<void>((resolve) => clock.after(Math.min(interval(), left()), resolve, true))
  }
}
