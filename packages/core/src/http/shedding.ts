import type { Clock } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import { leastUploadPause } from '../shared/timing.js'
import type { Connections, Survey } from './connections.js'
import type { Ramp } from './ramp.js'
import type { Servers } from './servers.js'

export interface SheddingOptions {
  readonly clock: Clock
  readonly ramp: Ramp
  readonly connections: Connections
  readonly servers: Servers
  readonly keepAliveCap: number
  readonly quiet: number
}

/** Leads the clients of a draining server away: all of them in time, and none in the middle of a request. */
export class Shedding {
  readonly #options: SheddingOptions

  constructor(options: SheddingOptions) {
    this.#options = options
  }

  /**
   * Looks at every connection: leads away those whose turn it is, and says what still has to be waited for.
   * @param inFlight the requests in flight, for the moment in which the drain has not yet reached all connections
   */
  survey(now: number, inFlight: number): Survey {
    const { connections, ramp, servers, quiet, keepAliveCap } = this.#options
    servers.earlier.look()
    const { unknown } = servers.earlier
    // A moment later it is known.
    if (!connections.reached) return { busy: inFlight + unknown, heldUntil: Number.POSITIVE_INFINITY, held: 0 }
    const round = { now, share: ramp.share(now), uploadPause: Math.max(keepAliveCap, leastUploadPause) }
    const { busy, heldUntil, held } = connections.visit(round, quiet)
    return { busy: busy + unknown, held, heldUntil: Math.max(heldUntil, servers.handshakes.heldUntil(quiet)) }
  }

  /**
   * Says good-bye on every connection that carries no request.
   * @param left Milliseconds that it may take.
   * @returns whether it was said to anybody
   */
  endIdle(left: () => number): Promise<boolean> {
    return this.#options.connections.endIdle(left)
  }

  /** Cuts what is left. Returns the requests that were lost by that; `begun` is when the closing began. */
  async destroy(begun: number): Promise<OpenRequest[]> {
    const forced = await this.#options.connections.destroy(begun)
    this.#options.servers.closeAllConnections()
    return forced
  }

  /** Whether connections are open, with or without a request, or are to be after their TLS handshake. */
  get connected(): boolean {
    const { connections, servers } = this.#options
    return connections.size > 0 || servers.handshakes.active
  }
}
