import type { Clock } from '@podrain/core'
import { ApiError, ResponseTooLong } from './api.js'

const minute = 60_000

/**
 * The longest pause before a failed request is repeated, in milliseconds: after the first failure, the factor for each further failure,
 * and the maximum. Each pause is a random time between 0 and that, so that after an outage of the API its clients come one by one:
 * with three minutes, 6 of 100 pods come in the first ten seconds.
 */
const spread = {
  serving: { first: 3 * minute, growth: 2, longest: 5 * minute },
  draining: { first: 500, growth: 4, longest: minute },
} as const

/** The pause, in milliseconds, after a failure that will last: a missing permission, a missing API, or a response that is too long. */
const lastingPause = { least: 10 * minute, most: 30 * minute } as const

/** Returns a random number between two others. */
export function randomBetween(least: number, most: number): number {
  return least + Math.random() * (most - least)
}

/** Whether the same request would soon fail again for the same reason. */
function isLasting(error: unknown): boolean {
  return error instanceof ResponseTooLong || (error instanceof ApiError && [403, 404].includes(error.status))
}

/** The backoff between the requests of one kind. They are shorter while draining. The beginning of a drain ends a pause early. */
export class Backoff {
  readonly #clock: Clock
  #draining = false
  #failures = 0
  #lasting = false
  #stopped = false
  #resume: (() => void) | undefined
  #cancel: () => void = () => {}

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Whether the last failure will last. */
  get lasting(): boolean {
    return this.#lasting
  }

  /** Called when a request has succeeded. */
  succeeded(): void {
    this.#failures = 0
    this.#lasting = false
  }

  /** Called when a request has failed. Returns the milliseconds until the next request. */
  after(error: unknown): number {
    this.#lasting = isLasting(error)
    if (this.#lasting) return randomBetween(lastingPause.least, lastingPause.most)
    const { first, growth, longest } = this.#draining ? spread.draining : spread.serving
    const within = Math.min(longest, first * growth ** Math.min(this.#failures++, 20))
    return (error instanceof ApiError ? error.retryAfter : 0) + randomBetween(0, within)
  }

  /** Resolves after `ms` milliseconds, or earlier if a drain begins. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
      if (this.#stopped) resolve()
      else this.#cancel = this.#clock.after(ms, resolve)
    })
  }

  /** Called when a drain begins. Ends the present pause within half a second, because the drain needs the answer soon. */
  drain(): void {
    this.#draining = true
    this.#failures = 0
    if (this.#lasting || !this.#resume || this.#stopped) return
    this.#cancel()
    this.#cancel = this.#clock.after(randomBetween(0, spread.draining.first), this.#resume)
  }

  /** Called when the drain is undone. */
  serve(): void {
    this.#draining = false
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
    this.#resume?.()
  }
}
