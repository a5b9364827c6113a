import type { Traffic } from '../http/traffic.js'
import type { ResolvedOptions } from '../options.js'
import type { Budget } from './budget.js'
import type { Commitment } from './course.js'
import type { Tasks } from './tasks.js'

/** How often a draining server is looked at, in milliseconds: most of what it waits for sends no event. */
const lookEvery = 100

export interface LookoutOptions {
  readonly options: ResolvedOptions
  readonly traffic: Traffic
  readonly tasks: Tasks
  /** Whether load balancers have stopped sending, by those who know: see `Drain.settledWhen`. */
  readonly endpoints: () => boolean | undefined
  /** Nothing is left to wait for, or no time to. May be called again while the drain is tentative. */
  readonly onOver: (budget: Budget) => void
  /** What is still open will soon be cut. */
  readonly onLastCall: () => void
  /** The grace period has passed and no signal came. */
  readonly onExpired: () => void
  /** Time for a line that says what is still open. */
  readonly onProgress: () => void
}

/** Watches a draining server until clients have left and requests are answered. */
export class Lookout {
  readonly #on: LookoutOptions
  #spokeAt = 0
  #lookedAt = 0
  #wasLate = false
  #turn = 0
  #cancel = (): void => {}

  constructor(options: LookoutOptions) {
    this.#on = options
  }

  /** A drain began: the first progress line comes one interval later. */
  begin(): void {
    this.#spokeAt = this.#on.options.clock.now()
    this.#lookedAt = this.#spokeAt
  }

  stop(): void {
    this.#turn++
    this.#cancel()
  }

  /** @param commitment Undefined while the drain is tentative. */
  look(budget: Budget, commitment: Commitment | undefined): void {
    this.stop()
    const turn = this.#turn
    const { clock, progress } = this.#on.options
    const now = clock.now()
    if (!commitment && now >= budget.killed) {
      this.#on.onExpired()
      return
    }
    const cut = now >= budget.cut
    if (cut) this.#on.onLastCall()
    // The event loop has been busy: what clients sent meanwhile comes only after this timer, and has come at the next.
    const late = !this.#wasLate && now > this.#lookedAt + 2 * lookEvery
    this.#wasLate = late
    this.#lookedAt = now
    if (cut || (this.#settled(now, budget, commitment?.settle ?? true) && !late)) this.#on.onOver(budget)
    // A listener of the application may have started, ended or disposed of the drain meanwhile.
    if (turn !== this.#turn) return
    if (progress !== false && now >= this.#spokeAt + progress) {
      this.#spokeAt = now
      this.#on.onProgress()
    }
    // A tentative drain does not keep the process alive, a committed one does until it is over.
    const next = late ? lookEvery / 5 : lookEvery
    this.#cancel = clock.after(next, () => this.look(budget, commitment), commitment !== undefined)
  }

  #settled(now: number, budget: Budget, settle: boolean): boolean {
    const { traffic, tasks, options } = this.#on
    const { busy, heldUntil } = traffic.survey(now)
    if (busy > 0 || tasks.size > 0) return false
    if (!settle) return true
    const { quiet } = options.settle
    return now >= Math.max(budget.begun + this.#wait(), traffic.lastArrival + quiet, heldUntil)
  }

  /** Milliseconds that pass in any case. */
  #wait(): number {
    const { min, quiet, max } = this.#on.options.settle
    switch (this.#on.endpoints()) {
      case true:
        return Math.min(min, quiet)
      case false:
        return max
      case undefined:
        return min
    }
  }
}
