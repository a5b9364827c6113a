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
  /** The time of the first sign. */
  readonly begun: number
  /** The time of the first sign, in milliseconds since the epoch. */
  readonly startedAt: number
  #deadline: number
  /** An earlier deadline than the grace period gives, set by `shortenTo`. */
  #shortened = Number.POSITIVE_INFINITY
  #killed: number
  #killTimeGiven = false

  /**
   * @param total Milliseconds from the first sign to the deadline.
   * @param closing The last milliseconds of `total`, for closing the framework and the `onClose` hooks.
   * @param ago Milliseconds since the first sign.
   * @param reserve Milliseconds from the deadline to SIGKILL.
   */
  constructor(clock: Clock, total: number, closing: number, ago = 0, reserve = 0) {
    this.#clock = clock
    this.#closing = closing
    this.begun = clock.now() - ago
    this.startedAt = Math.round(Date.now() - ago)
    this.#deadline = this.begun + total
    this.#killed = this.#deadline + reserve
  }

  /** The time at which the wait for load balancers and requests ends, even if something is still open. */
  get cut(): number {
    return Math.min(this.#deadline, this.#shortened) - this.#closing
  }

  /** The time of SIGKILL, as far as is known. */
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

  /** Called when the kubelet has sent its signal at the end of the grace period. SIGKILL follows after `leastGrace`. */
  spent(): void {
    this.#killed = this.#clock.now() + leastGrace
  }

  /** Moves the deadline to `ms` from now, if that is earlier. */
  shortenTo(ms: number): void {
    this.#shortened = Math.min(this.#shortened, this.#clock.now() + ms)
  }

  /**
   * Sets the time of SIGKILL to `ms` from now, as told by the cluster or a process manager. The first call can move SIGKILL in both
   * directions. Later calls can only move it earlier. If the time is short, `closing` and `reserve` become shorter, as in
   * resolve-options.ts: their shares are shares of the whole time since the first sign, because shares of the remaining time would move
   * the cut later.
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
