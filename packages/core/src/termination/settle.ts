import type { Clock } from '../shared/clock.js'
import { seconds } from '../shared/log.js'
import type { LastRequest } from '../shared/report.js'
import type { SettleVerdict } from '../shared/states.js'
import { checkInterval, recheckDelay } from '../shared/timing.js'
import type { Budget } from './budget.js'
import type { Tasks } from './tasks.js'

/** The view of connections that the wait needs. */
export interface Clients {
  /** The time at which the newest request since the beginning of the drain arrived. */
  readonly lastArrival: number
  /** The newest request since the beginning of the drain. undefined if none has arrived. */
  readonly lastRequest: LastRequest | undefined
  /** Number of requests in flight. */
  readonly inFlight: number
  /** Ends the ramp: all clients are shed from now on. */
  hurry(): void
  /**
   * Sheds the clients that the ramp has reached, and returns what the drain must wait for: `busy` requests, and `held` idle
   * connections until `heldUntil`.
   */
  survey(now: number): { readonly busy: number; readonly heldUntil: number; readonly held: number }
}

export interface SettleOptions {
  readonly clock: Clock
  readonly clients: Clients
  readonly tasks: Tasks
  /** The wait for load balancers (`SettleOptions` in options.ts). */
  readonly times: { readonly min: number; readonly quiet: number; readonly max: number }
  /** Milliseconds between two progress lines. */
  readonly progress: number | false
  /** Whether load balancers have stopped sending (`Drain.settledWhen`). */
  readonly endpoints: () => SettleVerdict
  /** Called when the wait is over, or the time for it. May be called again while the drain is tentative. */
  readonly onOver: (budget: Budget) => void
  /** Called when what is still open will soon be cut. */
  readonly onLastCall: () => void
  /** Called at each check while the wait is not over. */
  readonly onChecked: () => void
  /** Called when the grace period of a tentative drain has passed without a signal. */
  readonly onExpired: () => void
  /** Called when a progress line is due. */
  readonly onProgress: () => void
  /** Called when a step of the check has failed. */
  readonly onFailure: (step: string, error: unknown) => void
}

/**
 * The wait until clients have left and requests are answered. It is over when `settle.min` has passed, no request has arrived for
 * `settle.quiet`, no request is in flight, no task runs, and no idle connection must stay open. At the cut of the budget it is over
 * in any case.
 */
export class SettleWait {
  readonly #options: SettleOptions
  #progressAt = 0
  #checkedAt = 0
  #wasLate = false
  /** Number of checks so far. If the number has changed during a check, that check has called another one, and stops. */
  #checks = 0
  #cancel = (): void => {}

  constructor(options: SettleOptions) {
    this.#options = options
  }

  /** Called when a drain begins. The first progress line comes one interval later. */
  begin(): void {
    this.#progressAt = this.#options.clock.now()
    this.#checkedAt = this.#progressAt
  }

  stop(): void {
    this.#checks++
    this.#cancel()
  }

  /**
   * Checks whether the wait is over. If not, the next check is scheduled.
   * @param committed Whether the process will end. A tentative drain does not keep the process alive.
   * @param balancers Whether load balancers are waited for.
   */
  check(budget: Budget, committed: boolean, balancers: boolean): void {
    this.stop()
    const check = this.#checks
    const { clock, progress } = this.#options
    const now = clock.now()
    if (!committed && now >= budget.killed) {
      this.#options.onExpired()
      return
    }
    const cut = now >= budget.cut
    if (cut) this.#options.onLastCall()
    // The event loop was blocked. What clients have sent in the meantime is read only after this timer. So the wait is over at the
    // next check at the earliest.
    const late = !this.#wasLate && now > this.#checkedAt + 2 * checkInterval
    this.#wasLate = late
    this.#checkedAt = now
    if (cut || (this.#settled(now, budget, balancers) && !late)) this.#options.onOver(budget)
    else this.#attempt('to check for new requests', this.#options.onChecked)
    // A listener of the application may have committed or disposed of the drain, which has run another check.
    if (check !== this.#checks) return
    if (progress !== false && now >= this.#progressAt + progress) {
      this.#progressAt = now
      this.#attempt('to say what is still open', this.#options.onProgress)
    }
    this.#cancel = clock.after(
      late || (committed && !balancers) ? recheckDelay : checkInterval,
      () => this.check(budget, committed, balancers),
      committed,
    )
  }

  /** What is waited for besides requests and tasks, in words. */
  waits(budget: Budget, committed: boolean, balancers: boolean): string[] {
    const { clock, clients, tasks, times } = this.#options
    const now = clock.now()
    const { busy, heldUntil, held } = this.#survey(now)
    const waits: string[] = []
    if (balancers) {
      const verdict = this.#options.endpoints()
      const forBalancers = budget.begun + this.#wait(verdict) - now
      const evidence = verdict === false ? ', which still list this pod' : ''
      if (forBalancers > 0) waits.push(`load balancers${evidence}, ${seconds(forBalancers)} more`)
      const idle = held > 0 ? `${held} idle connection${held === 1 ? '' : 's'}, kept` : 'TLS handshakes,'
      if (heldUntil > now && heldUntil !== Number.POSITIVE_INFINITY)
        waits.push(`${idle} for ${seconds(heldUntil - now)} more${held > 0 ? ' as promised' : ''}`)
      const { lastArrival, lastRequest } = clients
      if (lastRequest && lastArrival + times.quiet > now) {
        const { method, path, agent } = lastRequest
        waits.push(
          `${seconds(times.quiet)} without a request: the last came ${seconds(now - lastArrival)} ago, ` +
            `${method} ${path}, ${agent === undefined ? 'without an agent' : `agent ${agent}`}`,
        )
      }
    }
    if (waits.length === 0 && busy === 0 && tasks.size === 0 && !committed) {
      waits.push(`the signal; without one the pod serves again in ${seconds(budget.killed - now)}`)
    }
    return waits
  }

  #settled(now: number, budget: Budget, balancers: boolean): boolean {
    const { clients, tasks, times, endpoints } = this.#options
    const verdict = endpoints()
    // A client that is shed now will not connect to this pod again, because load balancers no longer send it here.
    if (verdict === true || verdict === 'soon') clients.hurry()
    const { busy, heldUntil } = this.#survey(now)
    if (busy > 0 || tasks.size > 0) return false
    if (!balancers) return true
    return now >= Math.max(budget.begun + this.#wait(verdict), clients.lastArrival + times.quiet, heldUntil)
  }

  /** Never throws, because an error of one connection must not keep the drain from its end. */
  #survey(now: number): ReturnType<Clients['survey']> {
    const { clients, onFailure } = this.#options
    try {
      return clients.survey(now)
    } catch (error) {
      onFailure('to check connections', error)
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

  /** The wait for load balancers in milliseconds from the first sign. */
  #wait(verdict: SettleVerdict): number {
    const { min, quiet, max } = this.#options.times
    switch (verdict) {
      case true:
        return Math.min(min, quiet)
      case false:
        return max
      case 'soon':
      case undefined:
        return min
    }
  }
}
