import type { Clock } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import { minUploadTimeout } from '../shared/timing.js'
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

/** Sheds all clients of a draining server in time, and none of them during a request. */
export class Shedding {
  readonly #options: SheddingOptions

  constructor(options: SheddingOptions) {
    this.#options = options
  }

  /**
   * Makes one pass over all connections. Sheds the clients that the ramp has reached, and returns what the drain must wait for.
   * @param inFlight Number of requests in flight. It is used until the drain has reached all connections.
   */
  survey(now: number, inFlight: number): Survey {
    const { connections, ramp, servers, quiet, keepAliveCap } = this.#options
    servers.earlier.recount()
    const { unknown } = servers.earlier
    // The drain has not reached all connections yet, so none is visited. A later pass visits them.
    if (!connections.reached) return { busy: inFlight + unknown, heldUntil: Number.POSITIVE_INFINITY, held: 0 }
    const round = { now, share: ramp.share(now), uploadTimeout: Math.max(keepAliveCap, minUploadTimeout) }
    const { busy, heldUntil, held } = connections.visit(round, quiet)
    return { busy: busy + unknown, held, heldUntil: Math.max(heldUntil, servers.handshakes.heldUntil(quiet)) }
  }

  /**
   * Sends the farewell on every idle connection.
   * @param left Returns the milliseconds that are left.
   * @returns Whether a farewell was sent to any client.
   */
  closeIdle(left: () => number): Promise<boolean> {
    return this.#options.connections.closeIdle(left)
  }

  /**
   * Closes all connections by force. Returns the requests that were cut.
   * @param begun When the closing began.
   */
  async destroy(begun: number): Promise<OpenRequest[]> {
    const cut = await this.#options.connections.destroy(begun)
    this.#options.servers.closeAllConnections()
    return cut
  }

  /** Whether any connection is open, including idle connections and those in their TLS handshake. */
  get connected(): boolean {
    const { connections, servers } = this.#options
    return connections.size > 0 || servers.handshakes.active
  }
}
