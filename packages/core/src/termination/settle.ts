import type { Clock } from '../shared/clock.js'
import { seconds } from '../shared/log.js'
import type { LastRequest } from '../shared/report.js'
import { lookAgainAfter, lookInterval } from '../shared/timing.js'
import type { Budget } from './budget.js'
import type { Tasks } from './tasks.js'

/** What a wait for clients to leave asks of the connections. */
export interface Clients {
  /** When the newest request arrived since the drain began. */
  readonly lastArrival: number
  /** What that request asked for, and who sent it; undefined if none has arrived. */
  readonly lastRequest: LastRequest | undefined
  /** Requests in flight. */
  readonly inFlight: number
  /** Leads away those whose turn it is, and says what still has to be waited for. `held` are the idle connections among it. */
  survey(now: number): { readonly busy: number; readonly heldUntil: number; readonly held: number }
}

export interface SettleOptions {
  readonly clock: Clock
  readonly clients: Clients
  readonly tasks: Tasks
  /** The wait for load balancers: see `SettleOptions` of the drain. */
  readonly times: { readonly min: number; readonly quiet: number; readonly max: number }
  /** Milliseconds between two progress lines. */
  readonly progress: number | false
  /** Whether load balancers have stopped sending, by those who know: see `Drain.settledWhen`. */
  readonly endpoints: () => boolean | undefined
  /** Nothing is left to wait for, or no time to. May be called again while the drain is tentative. */
  readonly onOver: (budget: Budget) => void
  /** What is still open will soon be cut. */
  readonly onLastCall: () => void
  /** It is not over, and load balancers are not waited for. */
  readonly onHurried: () => void
  /** The grace period has passed and no signal came. */
  readonly onExpired: () => void
  /** Time for a line that says what is still open. */
  readonly onProgress: () => void
  /** A look has failed. */
  readonly onFailure: (step: string, error: unknown) => void
}

/**
 * The wait until clients have left and requests are answered. It is over when `settle.min` has passed, no request came for
 * `settle.quiet`, nothing is in flight, no task runs and no promise of keep-alive is open; or at the cut of the budget.
 */
export class Settle {
  readonly #options: SettleOptions
  #spokeAt = 0
  #lookedAt = 0
  #wasLate = false
  /** Counts the looks, so that one which has been overtaken by another knows it. */
  #looks = 0
  #cancel = (): void => {}

  constructor(options: SettleOptions) {
    this.#options = options
  }

  /** A drain began: the first progress line comes one interval later. */
  begin(): void {
    this.#spokeAt = this.#options.clock.now()
    this.#lookedAt = this.#spokeAt
  }

  stop(): void {
    this.#looks++
    this.#cancel()
  }

  /**
   * Looks whether it is over, and again a little later if not.
   * @param committed whether the process will end: a tentative drain does not keep it alive
   * @param balancers whether load balancers are waited for
   */
  look(budget: Budget, committed: boolean, balancers: boolean): void {
    this.stop()
    const look = this.#looks
    const { clock, progress } = this.#options
    const now = clock.now()
    if (!committed && now >= budget.killed) {
      this.#options.onExpired()
      return
    }
    const cut = now >= budget.cut
    if (cut) this.#options.onLastCall()
    // The event loop has been busy: what clients sent meanwhile comes only after this timer, and has come at the next.
    const late = !this.#wasLate && now > this.#lookedAt + 2 * lookInterval
    this.#wasLate = late
    this.#lookedAt = now
    if (cut || (this.#settled(now, budget, balancers) && !late)) this.#options.onOver(budget)
    else if (committed && !balancers) this.#attempt('to see who still comes', this.#options.onHurried)
    // A listener of the application may have started, ended or disposed of the drain meanwhile.
    if (look !== this.#looks) return
    if (progress !== false && now >= this.#spokeAt + progress) {
      this.#spokeAt = now
      this.#attempt('to say what is still open', this.#options.onProgress)
    }
    this.#cancel = clock.after(
      late || (committed && !balancers) ? lookAgainAfter : lookInterval,
      () => this.look(budget, committed, balancers),
      committed,
    )
  }

  /** What is waited for beside requests and tasks, in words. */
  waits(budget: Budget, committed: boolean, balancers: boolean): string[] {
    const { clock, clients, tasks, times } = this.#options
    const now = clock.now()
    const { busy, heldUntil, held } = this.#survey(now)
    const waits: string[] = []
    if (balancers) {
      const forBalancers = budget.begun + this.#wait() - now
      const known = this.#options.endpoints() === false ? ', which still have this pod' : ''
      if (forBalancers > 0) waits.push(`load balancers${known}, ${seconds(forBalancers)} more`)
      const idle = held > 0 ? `${held} idle connection${held === 1 ? '' : 's'}, kept` : 'TLS handshakes,'
      if (heldUntil > now) waits.push(`${idle} for ${seconds(heldUntil - now)} more${held > 0 ? ' as promised' : ''}`)
      const { lastArrival, lastRequest } = clients
      if (lastRequest && lastArrival + times.quiet > now) {
        const { method, route, agent } = lastRequest
        waits.push(
          `${seconds(times.quiet)} without a request: the last came ${seconds(now - lastArrival)} ago, ` +
            `${method} ${route}, ${agent === undefined ? 'without an agent' : `agent ${agent}`}`,
        )
      }
    }
    if (waits.length === 0 && busy === 0 && tasks.size === 0 && !committed) {
      waits.push(`the signal; without one it serves again in ${seconds(budget.killed - now)}`)
    }
    return waits
  }

  #settled(now: number, budget: Budget, balancers: boolean): boolean {
    const { clients, tasks, times } = this.#options
    const { busy, heldUntil } = this.#survey(now)
    if (busy > 0 || tasks.size > 0) return false
    if (!balancers) return true
    return now >= Math.max(budget.begun + this.#wait(), clients.lastArrival + times.quiet, heldUntil)
  }

  /** One connection that cannot be looked at must not keep the drain from its end. */
  #survey(now: number): ReturnType<Clients['survey']> {
    const { clients, onFailure } = this.#options
    try {
      return clients.survey(now)
    } catch (error) {
      onFailure('to look at connections', error)
      return { busy: clients.inFlight, heldUntil: Number.NEGATIVE_INFINITY, held: 0 }
    }
  }

  #attempt(step: string, act: () => void): void {
    try {
      act()
    } catch (error) {
      this.#options.onFailure(step, error)
    }
  }

  /** Milliseconds that pass in any case. */
  #wait(): number {
    const { min, quiet, max } = this.#options.times
    switch (this.#options.endpoints()) {
      case true:
        return Math.min(min, quiet)
      case false:
        return max
      case undefined:
        return min
    }
  }
}
