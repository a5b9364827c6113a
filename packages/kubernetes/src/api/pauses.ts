import type { Clock } from '@podrain/core'
import { ApiError, TooLong } from './api.js'

const minute = 60_000

/**
 * Within how many milliseconds what failed is asked for again: after the first failure, by how much each further one lengthens
 * that, and the longest. The moment is drawn from the whole of it, so that after an outage of the API its clients come one by
 * one: with three minutes, 6 of 100 pods come in the first ten seconds.
 */
const spread = {
  serving: { first: 3 * minute, growth: 2, longest: 5 * minute },
  draining: { first: 500, growth: 4, longest: minute },
} as const

/** What will not change soon, a permission, an API that is not there, or a size, is asked for again after so many milliseconds. */
const seldom = { least: 10 * minute, most: 30 * minute } as const

/** @returns a random number of milliseconds */
export function between(least: number, most: number): number {
  return least + Math.random() * (most - least)
}

/** Whether asking again soon would get the same answer. */
function isLasting(error: unknown): boolean {
  return error instanceof TooLong || (error instanceof ApiError && [403, 404].includes(error.status))
}

/** The pauses between the requests of one kind: how long each is, and that the beginning of a drain cuts it short. */
export class Pauses {
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

  /** Whether the last failure is one that lasts. */
  get lasting(): boolean {
    return this.#lasting
  }

  /** It has worked. */
  succeeded(): void {
    this.#failures = 0
    this.#lasting = false
  }

  /** @returns for how many milliseconds the API is left alone after a failure */
  after(error: unknown): number {
    this.#lasting = isLasting(error)
    if (this.#lasting) return between(seldom.least, seldom.most)
    const { first, growth, longest } = this.#draining ? spread.draining : spread.serving
    const within = Math.min(longest, first * growth ** Math.min(this.#failures++, 20))
    return (error instanceof ApiError ? error.retryAfter : 0) + between(0, within)
  }

  /** Resolves when the time is up, or earlier because a drain began. */
  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#resume = resolve
      if (this.#stopped) resolve()
      else this.#cancel = this.#clock.after(ms, resolve)
    })
  }

  /** A drain began, so what is to be known must be known soon. */
  drain(): void {
    this.#draining = true
    this.#failures = 0
    if (this.#lasting || !this.#resume || this.#stopped) return
    this.#cancel()
    this.#cancel = this.#clock.after(between(0, spread.draining.first), this.#resume)
  }

  /** The drain is undone. */
  serve(): void {
    this.#draining = false
  }

  stop(): void {
    this.#stopped = true
    this.#cancel()
    this.#resume?.()
  }
}
