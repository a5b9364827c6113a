import type { Clock } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import { checkInterval } from '../shared/timing.js'

export interface EarlyStopOptions {
  readonly clock: Clock
  readonly traffic: { readonly inFlight: number; readonly lastArrival: number; open(): OpenRequest[] }
  /** Stops accepting connections. */
  readonly stop: () => void
}

/**
 * Stops accepting connections before the closing if load balancers are not waited for, because new requests would prolong the drain.
 * It does so when all requests that were in flight at the beginning have finished. Until then, serving new requests does not prolong
 * the drain.
 */
export class EarlyStop {
  readonly #options: EarlyStopOptions
  /** The time since which load balancers are not waited for. undefined if they are. */
  #since: number | undefined
  /** The time at which all requests in flight were last checked. */
  #checkedAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(options: EarlyStopOptions) {
    this.#options = options
  }

  /** Called when load balancers are no longer waited for. */
  begin(): void {
    this.#since ??= this.#options.clock.now()
  }

  check(): void {
    const { clock, traffic, stop } = this.#options
    if (this.#stopped || this.#since === undefined) return
    const now = clock.now()
    // A check of every request is expensive. It is useless until a new request has arrived.
    if (now < this.#checkedAt + checkInterval) return
    if (traffic.inFlight > 0 && traffic.lastArrival < this.#since) return
    this.#checkedAt = now
    const [oldest] = traffic.open()
    if (oldest && oldest.ageMs + 1 >= now - this.#since) return
    this.#stopped = true
    stop()
  }
}
