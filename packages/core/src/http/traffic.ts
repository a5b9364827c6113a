import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Http2ServerResponse } from 'node:http2'
import type { Server as AnyServer } from 'node:net'
import type { Clock } from '../shared/clock.js'
import type { LastRequest, OpenRequest } from '../shared/report.js'
import { type Answer, originalUrlOf } from '../shared/request.js'
import type { Handling } from './connection.js'
import { Connections, type Survey } from './connections.js'
import { Counter, isHttp2 } from './counter.js'
import { http1ConnectionOf, serverOf } from './http1.js'
import { http2ConnectionOf } from './http2.js'
import { Ramp } from './ramp.js'
import { Servers } from './servers.js'
import { Shedding } from './shedding.js'

export interface TrafficOptions {
  readonly clock: Clock
  readonly keepAliveCap: number
  readonly quiet: number
  /** Milliseconds over which responses begin to say `Connection: close`. */
  readonly ramp: number
  /** Called, while draining, when a request ended and none is left in flight. */
  readonly onIdle: () => void
  /** Called when a client has gone before its response, and the handler may still run. */
  readonly onAbandoned: (handling: Handling, url: string | undefined) => void
  /** Called when somebody closed a server that is still wanted. `by` is a place in the code. */
  readonly onClosedEarly: (server: AnyServer, by: string) => void
  /** Called when a server that it watches listens. */
  readonly onListening: (server: AnyServer) => void
  /** Called when a server had connections before it was watched that cannot be found, only counted. */
  readonly onUnknown: (count: number, server: AnyServer) => void
}

/** All that comes over the wire, as the rest of a drain sees it: this file puts the parts of the folder together. */
export class Traffic {
  readonly #clock: Clock
  readonly #ramp: Ramp
  readonly #connections: Connections
  readonly #counter: Counter
  readonly #shedding: Shedding
  #closedEarly: string[] = []
  /** The servers that the requests come from. */
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
      closedEarly: (server, by) => {
        this.#closedEarly.push(by)
        onClosedEarly(server, by)
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

  /** Requests in flight. */
  get inFlight(): number {
    return this.#counter.inFlight
  }

  /** When the newest request arrived since the drain began. */
  get lastArrival(): number {
    return this.#counter.lastArrival
  }

  /** What that request was; undefined if none has arrived since. */
  get lastRequest(): LastRequest | undefined {
    return this.#counter.lastRequest
  }

  /** Requests answered since the drain began. */
  get answered(): number {
    return this.#counter.answered
  }

  /** Who has closed a server while it was still wanted: places in the code. */
  get closedEarly(): readonly string[] {
    return this.#closedEarly
  }

  /** Connections until now, also those in a TLS handshake. */
  get accepted(): number {
    return this.#counter.accepted
  }

  /** Whether connections are open, with or without a request, or are to be after their TLS handshake. */
  get connected(): boolean {
    return this.#shedding.connected
  }

  /**
   * For a middleware without a server handle: the first request leads to the server. Later requests have been counted
   * where they arrived; then it returns true.
   */
  track(request: IncomingMessage, response: ServerResponse, answer?: Answer): boolean {
    if (this.#counter.connectionOf(request, response)?.owner === this.#counter) return true
    const server = serverOf(request)
    if (!server || this.servers.released) return false
    this.servers.find(server, answer)
    // The client may have hung up while the application awaited something in front of us; then nothing is in flight.
    if (response.destroyed || request.socket.destroyed) return false
    // A WebSocket, which express-ws leads through the middleware with a response of its own that nobody ends.
    if (request.headers.upgrade !== undefined && !response.socket) this.#counter.upgrade(request, request.socket, true)
    else if (isHttp2(request)) this.#counter.countStream(request.stream, request.headers)
    else this.#counter.count(request, response)
    // The application has had it before us, so a router may have cut its own path off.
    const connection = http1ConnectionOf(request.socket)
    if (connection?.response === response) connection.url = originalUrlOf(request)
    return false
  }

  /** A control endpoint answers this request, so it is not traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    this.#counter.exclude(request, response)
  }

  /** What the handler of a response has returned: it may go on when its client has gone. */
  handling(response: ServerResponse | Http2ServerResponse, promise: unknown): void {
    this.#counter.handling(response, promise)
  }

  /** What is in flight, the oldest first. */
  open(): OpenRequest[] {
    return this.inFlight === 0 ? [] : this.#connections.open()
  }

  /** From now on clients are led away. */
  drain(): void {
    const now = this.#clock.now()
    this.#closedEarly = []
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

  /** Leads all clients away at once: there is no time for a ramp. */
  hurry(): void {
    this.#ramp.hurry()
  }

  /** Serves as before. */
  resume(): void {
    this.servers.unguard()
    this.#ramp.stop()
    this.#connections.resume()
  }

  /** Leads away those whose turn it is, and says what still has to be waited for. */
  survey(now: number): Survey {
    this.servers.checkGuarded()
    return this.#shedding.survey(now, this.inFlight)
  }

  /**
   * Says good-bye on every connection that carries no request.
   * @param left Milliseconds that it may take.
   * @returns whether it was said to anybody
   */
  endIdle(left: () => number): Promise<boolean> {
    return this.#shedding.endIdle(left)
  }

  /** Cuts what is left. Returns the requests that were lost by that; `begun` is when the closing began. */
  destroy(begun: number): Promise<OpenRequest[]> {
    return this.#shedding.destroy(begun)
  }
}
