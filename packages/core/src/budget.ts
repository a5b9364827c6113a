import type { Clock } from './clock.js'

/**
 * One stretch of time, counted from the first sign of termination, that everything in a drain shares.
 *
 *     first sign ──────────── settle, requests ────────────┤ closing ├ reserve ┤ SIGKILL
 *                                                          cut       deadline
 */
export class Budget {
  readonly #clock: Clock
  readonly #closing: number
  /** When the drain began. */
  readonly begun: number
  #deadline: number

  /**
   * @param total Milliseconds from the first sign to the deadline.
   * @param closing The last milliseconds of `total`, kept for closing the framework and the close hooks.
   * @param ago Milliseconds since the first sign.
   */
  constructor(clock: Clock, total: number, closing: number, ago = 0) {
    this.#clock = clock
    this.#closing = closing
    this.begun = clock.now() - ago
    this.#deadline = this.begun + total
  }

  /** When the wait for load balancers and requests ends, whatever is still open. */
  get cut(): number {
    return this.#deadline - this.#closing
  }

  /** Milliseconds until the deadline, never negative. */
  get left(): number {
    return Math.max(0, this.#deadline - this.#clock.now())
  }

  /** Milliseconds since the first sign. */
  get elapsed(): number {
    return this.#clock.now() - this.begun
  }

  /** Less time is left than was thought. */
  shortenTo(ms: number): void {
    this.#deadline = Math.min(this.#deadline, this.#clock.now() + ms)
  }
}
