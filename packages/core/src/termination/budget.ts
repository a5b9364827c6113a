import type { Clock } from '../shared/clock.js'

/**
 * One stretch of time, counted from the first sign of termination, that everything in a drain shares.
 *
 *     first sign ──────────── settle, requests ────────────┤ closing ├ reserve ┤ SIGKILL
 *                                                          cut       deadline
 */
export class Budget {
  readonly #clock: Clock
  #closing: number
  /** When the drain began. */
  readonly begun: number
  #deadline: number
  /** Less time than the pod has, for another reason than its grace period. */
  #limit = Number.POSITIVE_INFINITY
  #killed: number
  #toldOfKill = false

  /**
   * @param total Milliseconds from the first sign to the deadline.
   * @param closing The last milliseconds of `total`, kept for closing the framework and the close hooks.
   * @param ago Milliseconds since the first sign.
   * @param reserve Milliseconds from the deadline to SIGKILL.
   */
  constructor(clock: Clock, total: number, closing: number, ago = 0, reserve = 0) {
    this.#clock = clock
    this.#closing = closing
    this.begun = clock.now() - ago
    this.#deadline = this.begun + total
    this.#killed = this.#deadline + reserve
  }

  /** When the wait for load balancers and requests ends, whatever is still open. */
  get cut(): number {
    return Math.min(this.#deadline, this.#limit) - this.#closing
  }

  /** When SIGKILL comes, as far as is known. */
  get killed(): number {
    return this.#killed
  }

  /** Milliseconds until the deadline, never negative. */
  get left(): number {
    return Math.max(0, Math.min(this.#deadline, this.#limit) - this.#clock.now())
  }

  /** Milliseconds since the first sign. */
  get elapsed(): number {
    return this.#clock.now() - this.begun
  }

  /** Less time is left than was thought. */
  shortenTo(ms: number): void {
    this.#limit = Math.min(this.#limit, this.#clock.now() + ms)
  }

  /**
   * SIGKILL comes in `ms`, says who knows. The first word of it counts, be it later or earlier than was thought; from then
   * on it only comes nearer. A short time is shared out as options share out a short grace period: by the whole of it, not by what
   * is left when the word comes, or a late word would put the cut off.
   */
  killedIn(ms: number, reserve: number): void {
    const killed = this.#clock.now() + ms
    if (this.#toldOfKill && killed >= this.#killed) return
    this.#toldOfKill = true
    this.#killed = killed
    const share = (killed - this.begun) / 5
    this.#closing = Math.min(this.#closing, share)
    this.#deadline = killed - Math.min(reserve, share)
  }
}
