import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Server as AnyServer } from 'node:net'
import type { Clock } from '../shared/clock.js'
import type { LastRequest, OpenRequest } from '../shared/report.js'
import { type Answer, originalUrlOf } from '../shared/request.js'
import { Connections, type Survey } from './connections.js'
import { Counter, type CounterOptions, isHttp2 } from './counter.js'
import type { EarlyClose } from './early-close.js'
import { http1ConnectionOf, serverOf } from './http1.js'
import { http2ConnectionOf } from './http2.js'
import { Ramp } from './ramp.js'
import { Servers } from './servers.js'
import { Shedding } from './shedding.js'

export interface TrafficOptions extends Pick<CounterOptions, 'clock' | 'keepAliveCap' | 'onIdle' | 'onAbandoned'> {
  readonly quiet: number
  /** Milliseconds in which the share of responses with `Connection: close` rises from 0 to 1. */
  readonly ramp: number
  /** Called when other code closes a server, or its connections, while load balancers may still send to it. */
  readonly onClosedEarly: (close: EarlyClose) => void
  /** Called when a watched server begins to accept connections. */
  readonly onListening: (server: AnyServer) => void
  /** Called when a server had open connections before it was watched. Node counts them but does not list them. */
  readonly onUnknown: (count: number, server: AnyServer) => void
}

/** Puts the parts of this folder together. The rest of the core uses only this class. */
export class Traffic {
  readonly #clock: Clock
  readonly #ramp: Ramp
  readonly #connections: Connections
  readonly #counter: Counter
  readonly #shedding: Shedding
  readonly #closedEarly = new Set<string>()
  #cutEarly: OpenRequest[] = []
  /** The watched servers. */
  readonly servers: Servers

  constructor(options: TrafficOptions) {
    const { clock, keepAliveCap, quiet, ramp, onIdle, onAbandoned, onClosedEarly, onListening, onUnknown } = options
    this.#clock = clock
    this.#ramp = new Ramp(ramp)
    this.#connections = new Connections(clock)
    const shared = { clock, keepAliveCap, ramp: this.#ramp, connections: this.#connections }
    const counter = new Counter({
      ...shared,
      onIdle,
      onAbandoned,
      onFound: (connection, server) => this.servers.earlier.found(connection, server),
    })
    this.#counter = counter
    this.servers = new Servers(clock, {
      listening: onListening,
      closedEarly: (_server, close, act) => {
        this.#closedEarly.add(close.by)
        onClosedEarly(close)
        this.#cutEarly.push(...this.#connections.cutBy(act))
      },
      connection: (socket, server) => {
        if (!http1ConnectionOf(socket)) counter.connect(socket, server as Server)
      },
      handshake: () => {
        counter.accepted++
      },
      request: (request, response) => counter.count(request, response),
      handled: (response, handling, alone) => counter.handling(response, handling, alone),
      expecting: (request, response) => counter.countExpecting(request, response),
      upgrade: (request, socket) => counter.upgrade(request, socket),
      session: (session) => {
        if (!http2ConnectionOf(session)) counter.openSession(session)
      },
      stream: (stream, headers) => counter.countStream(stream, headers),
      unknown: onUnknown,
    })
    this.#shedding = new Shedding({ ...shared, quiet, servers: this.servers })
  }

  /** Number of requests in flight. */
  get inFlight(): number {
    return this.#counter.inFlight
  }

  /** When the newest request since the beginning of the drain arrived. */
  get lastArrival(): number {
    return this.#counter.lastArrival
  }

  /** The newest request since the beginning of the drain. undefined if none has arrived. */
  get lastRequest(): LastRequest | undefined {
    return this.#counter.lastRequest
  }

  /** Number of requests answered since the drain began. */
  get answered(): number {
    return this.#counter.answered
  }

  /** The places in the code that closed a server, or connections of it, while load balancers may still send to it. */
  get closedEarly(): readonly string[] {
    return [...this.#closedEarly]
  }

  /** Number of connections accepted so far, including those in a TLS handshake. */
  get accepted(): number {
    return this.#counter.accepted
  }

  /** Whether any connection is open, including idle connections and those in their TLS handshake. */
  get connected(): boolean {
    return this.#shedding.connected
  }

  /**
   * Counts a request, for a middleware without a server handle. The server of the first request is watched from then on, and
   * counts later requests before they reach the middleware.
   * @returns Whether the request was counted before.
   */
  track(request: IncomingMessage, response: ServerResponse, answer?: Answer): boolean {
    if (this.#counter.connectionOf(request, response)?.owner === this.#counter) return true
    const server = serverOf(request)
    if (!server || this.servers.released) return false
    this.servers.find(server, answer)
    // The client may have disconnected while the application awaited something before this middleware. Nothing is in flight
    // then.
    if (response.destroyed || request.socket.destroyed) return false
    // express-ws passes a WebSocket through the middleware, with a response of its own that does not end.
    if (request.headers.upgrade !== undefined && !response.socket) this.#counter.upgrade(request, request.socket, true)
    else if (isHttp2(request)) this.#counter.countStream(request.stream, request.headers)
    else this.#counter.count(request, response)
    // A router before this middleware may have removed its mount path from `request.url`.
    const connection = http1ConnectionOf(request.socket)
    if (connection?.response === response) connection.url = originalUrlOf(request)
    return false
  }

  /** Stops counting a request that a control endpoint answers, because it is not traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    this.#counter.exclude(request, response)
  }

  /** Keeps the promise that the handler of a response returned. The handler may still run when its client has disconnected. */
  handling(response: ServerResponse | Http2ServerResponse, promise: unknown): void {
    this.#counter.handling(response, promise)
  }

  /** The requests in flight, the oldest first. */
  open(): OpenRequest[] {
    return this.inFlight === 0 ? [] : this.#connections.open()
  }

  /** Begins to drain: clients are shed from now on, as the ramp rises. */
  drain(): void {
    const now = this.#clock.now()
    this.#closedEarly.clear()
    this.#cutEarly = []
    this.servers.guard()
    this.#ramp.begin(now)
    this.#counter.drain(now)
    this.#connections.drain((probes) => {
      for (const probe of probes) {
        if ('req' in probe) this.#counter.exclude(probe.req, probe)
        else this.#counter.excludeStream(probe)
      }
    })
  }

  /** Sheds all clients from now on, because there is no time for a ramp, or because load balancers have stopped sending. */
  hurry(): void {
    this.#ramp.hurry()
  }

  /** Undoes the drain. */
  resume(): void {
    this.servers.unguard()
    this.#ramp.stop()
    this.#connections.resume()
  }

  /**
   * Makes one pass over all connections. Sheds the clients that the ramp has reached, and returns what the drain must wait
   * for.
   */
  survey(now: number): Survey {
    this.servers.checkGuarded()
    return this.#shedding.survey(now, this.inFlight)
  }

  /**
   * Sends the farewell on every idle connection.
   * @param left Returns the milliseconds that are left.
   * @returns Whether a farewell was sent to any client.
   */
  closeIdle(left: () => number): Promise<boolean> {
    return this.#shedding.closeIdle(left)
  }

  /**
   * Closes all connections by force. Returns the requests that were cut now, and those that other code has cut before.
   * @param begun When the closing began.
   */
  async destroy(begun: number): Promise<OpenRequest[]> {
    return [...this.#cutEarly, ...(await this.#shedding.destroy(begun))]
  }
}
