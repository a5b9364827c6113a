import { performance } from 'node:perf_hooks'
import { connectionsPerTurn, roughClockGrain } from './timing.js'

/** Where a drain gets its time from. Replace it in tests; everything else in podrain reads only this. */
export interface Clock {
  /** Milliseconds on a clock that never jumps: the wall clock may be set while a pod terminates. */
  now(): number
  /**
   * Calls `fn` once, `ms` milliseconds from now, and returns the function that cancels it.
   * `hold` says whether the timer keeps the process alive until then (default `false`).
   */
  after(ms: number, fn: () => void, hold?: boolean): () => void
}

/** What a timer can wait, in milliseconds, some 25 days: Node takes more for 1. */
export const longestTimer: number = 2 ** 31 - 1

/** The monotonic clock of the process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, fn, hold = false) {
    const timer = setTimeout(fn, Math.min(ms, longestTimer))
    if (!hold) timer.unref()
    return () => clearTimeout(timer)
  },
}

/** What a drain needs in any case: a clock that fails is left behind, and time goes on by that of the process. */
export function lasting(clock: Clock): Clock {
  let time = 0
  let failedAt: number | undefined
  const now = (): number => {
    if (failedAt === undefined) {
      try {
        const asked = clock.now()
        if (Number.isFinite(asked)) {
          time = asked
          return time
        }
      } catch {
        // From now on it is not asked any more.
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
            // What it calls all the same finds nothing to do.
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
 * The time for what happens too often to look at a clock for it. A timer keeps it as new as that while it is asked, and
 * none runs when it is not.
 */
export class RoughClock {
  readonly #clock: Clock
  #time = 0
  #asked = false
  #running = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  now(): number {
    this.#asked = true
    if (!this.#running) this.#look()
    return this.#time
  }

  readonly #look = (): void => {
    this.#running = this.#asked
    if (!this.#asked) return
    this.#asked = false
    this.#time = this.#clock.now()
    this.#clock.after(roughClockGrain, this.#look)
  }
}

/** Node has looked at its sockets once more. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/**
 * Does something with each, in as many turns of the event loop as it takes, so that nobody's request waits for all of them.
 * What fails with one of them is done with the others all the same, and is thrown after the last.
 * @param goesOn is asked at the beginning of each turn but the first
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

/** What `within` answers when the time ran out first. */
export const timedOut: unique symbol = Symbol('timed out')

/**
 * The promise's value, or `timedOut` once `ms` milliseconds have passed.
 * @param hold whether the process stays alive meanwhile
 */
export async function within<T>(
  clock: Clock,
  ms: number,
  promise: Promise<T>,
  hold = true,
): Promise<T | typeof timedOut> {
  let cancel = () => {}
  const limit = new Promise<typeof timedOut>((resolve) => {
    cancel = clock.after(Math.max(0, ms), () => resolve(timedOut), hold)
  })
  try {
    return await Promise.race([promise, limit])
  } finally {
    cancel()
  }
}

/** Waits until `done`, but no longer than `limit()` milliseconds, asking again after `pause()` milliseconds each time. */
export async function until(
  clock: Clock,
  pause: () => number,
  limit: () => number,
  done: () => boolean | Promise<boolean>,
): Promise<void> {
  while (!(await done()) && limit() > 0) {
    await new Promise<void>((resolve) => clock.after(Math.min(pause(), limit()), resolve, true))
  }
}
