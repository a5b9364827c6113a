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
 * Stops accepting connections before the closing, if load balancers are not waited for: new requests would prolong the
 * drain. It waits until every request in flight has begun since then. While older requests are in flight, serving new ones
 * costs no time.
 */
export class EarlyStop {
  readonly #options: EarlyStopOptions
  /** Since when load balancers are not waited for; undefined if they are. */
  #since: number | undefined
  /** When all requests in flight were last checked. */
  #checkedAt = Number.NEGATIVE_INFINITY
  #stopped = false

  constructor(options: EarlyStopOptions) {
    this.#options = options
  }

  /** From now on load balancers are not waited for. */
  begin(): void {
    this.#since ??= this.#options.clock.now()
  }

  check(): void {
    const { clock, traffic, stop } = this.#options
    if (this.#stopped || this.#since === undefined) return
    const now = clock.now()
    // Checking every request takes a while, and is of no use until a new request has arrived.
    if (now < this.#checkedAt + checkInterval) return
    if (traffic.inFlight > 0 && traffic.lastArrival < this.#since) return
    this.#checkedAt = now
    const [oldest] = traffic.open()
    if (oldest && oldest.ageMs + 1 >= now - this.#since) return
    this.#stopped = true
    stop()
  }
}
