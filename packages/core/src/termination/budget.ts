import type { Clock } from '../shared/clock.js'
import { closingShare, leastGrace } from '../shared/timing.js'

/**
 * The time that all steps of a drain share, counted from the first sign of termination.
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
  /** An earlier deadline than the grace period gives, set by `shortenTo`. */
  #shortened = Number.POSITIVE_INFINITY
  #killed: number
  #killTimeGiven = false

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
    return Math.min(this.#deadline, this.#shortened) - this.#closing
  }

  /** When SIGKILL comes, as far as is known. */
  get killed(): number {
    return this.#killed
  }

  /** Milliseconds until the deadline, never negative. */
  get left(): number {
    return Math.max(0, Math.min(this.#deadline, this.#shortened) - this.#clock.now())
  }

  /** Milliseconds until SIGKILL, as far as is known, never negative. */
  get untilKilled(): number {
    return Math.max(0, this.#killed - this.#clock.now())
  }

  /** Milliseconds since the first sign. */
  get elapsed(): number {
    return this.#clock.now() - this.begun
  }

  /** The grace period is spent, and the kubelet's signal has come all the same: `leastGrace` later it kills. */
  spent(): void {
    this.#killed = this.#clock.now() + leastGrace
  }

  /** Moves the deadline to `ms` from now, if that is earlier. */
  shortenTo(ms: number): void {
    this.#shortened = Math.min(this.#shortened, this.#clock.now() + ms)
  }

  /**
   * Sets the time of SIGKILL to `ms` from now, on the word of the cluster or a process manager. The first call counts
   * in both directions; later calls can only make it earlier. A short time is shared out like a short grace period in
   * options.ts: by the whole time since the first sign, because a share of the rest would move the cut later.
   */
  killedIn(ms: number, reserve: number): void {
    const killed = this.#clock.now() + ms
    if (this.#killTimeGiven && killed >= this.#killed) return
    this.#killTimeGiven = true
    this.#killed = killed
    const share = (killed - this.begun) * closingShare
    this.#closing = Math.min(this.#closing, share)
    this.#deadline = killed - Math.min(reserve, share)
  }
}
