import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { Server as AnyServer, Socket } from 'node:net'
import { types } from 'node:util'
import type { Handler } from '../endpoints/endpoints.js'
import { type Clock, RoughClock } from '../shared/clock.js'
import type { OpenRequest } from '../shared/report.js'
import type { Carrier, Handling } from './connection.js'
import { Carriers, type Survey } from './connections.js'
import { Connection, connectionOf, serverOf } from './http1.js'
import { Session, sessionOf } from './http2.js'
import { isProbe } from './probes.js'
import { Ramp } from './ramp.js'
import { Servers } from './servers.js'
import { Tunnel } from './upgraded.js'

export interface TrafficOptions {
  readonly clock: Clock
  readonly keepAliveCap: number
  readonly quiet: number
  /** Milliseconds over which responses begin to say `Connection: close`. */
  readonly ramp: number
  /** Called, while draining, when a request ended and none is left in flight. */
  readonly onIdle: () => void
  /** Called when a client has gone before its response, and the handler may still run. */
  readonly onAbandoned: (handling: Handling) => void
  /** Called when a server that it watches listens. */
  readonly onListening: (server: AnyServer) => void
}

/** Milliseconds that an upload may pause, however short idle connections are kept: a packet that was lost takes as long. */
const leastPatience = 1000

/** Counts the requests in flight on any number of servers, and leads their clients away while draining. */
export class Traffic {
  readonly #options: TrafficOptions
  /** The servers the requests come from. */
  readonly servers: Servers = new Servers({
    listening: (server) => this.#options.onListening(server),
    connection: (socket, server) => {
      if (!connectionOf(socket)) this.#connect(socket, server as Server)
    },
    handshake: () => {
      this.accepted++
      this.#handshakeAt = this.#options.clock.now()
    },
    request: (request, response) => this.count(request, response),
    handled: (response, handling, alone) => this.handling(response, handling, alone),
    upgrade: (request, socket) => this.#upgrade(request, socket),
    session: (session) => {
      if (!sessionOf(session)) this.#open(session)
    },
    stream: (stream, headers) => this.#countStream(stream, headers),
  })
  readonly #carriers: Carriers
  /** Where the newest request came: mostly the one that is asked about next, and then it need not be looked for. */
  #newest: Connection | undefined
  readonly #ramp: Ramp
  /** While serving, the time is only for the age of requests that take long. */
  readonly #roughClock: RoughClock
  /** Requests in flight. */
  inFlight = 0
  /** When the newest request arrived since the drain began, and the one before it. */
  lastArrival = 0
  #arrivalBefore = 0
  #handshakeAt = 0
  /** Requests answered since the drain began. */
  answered = 0
  /** Connections until now, also those in a TLS handshake. */
  accepted = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#carriers = new Carriers(options.clock)
    this.#ramp = new Ramp(options.ramp)
    this.#roughClock = new RoughClock(options.clock)
  }

  /**
   * For a middleware without a server handle: the first request leads to the server. Later requests have been counted
   * where they arrived; then it returns true.
   */
  track(request: IncomingMessage, response: ServerResponse, answer?: Handler): boolean {
    if (this.#carrierOf(request, response)?.traffic === this) return true
    const server = serverOf(request)
    if (!server || this.servers.released) return false
    this.servers.find(server, answer)
    // The client may have hung up while the application awaited something in front of us; then nothing is in flight.
    if (response.destroyed || request.socket.destroyed) return false
    // A WebSocket, which express-ws leads through the middleware with a response of its own that nobody ends.
    if (request.headers.upgrade !== undefined && !response.socket) this.#upgrade(request, request.socket, 0)
    else if (isHttp2(request)) this.#countStream(request.stream, request.headers)
    else this.count(request, response)
    return false
  }

  /** The whole cost of a request over HTTP/1: two numbers, a time, a pointer and one shared listener. */
  count(request: IncomingMessage, response: ServerResponse): void {
    if (request.httpVersionMajor !== 1) return // counted as a stream
    const known = connectionOf(request.socket)
    // One that a drain disposed of has left behind is not ours.
    const connection = known?.traffic === this ? known : this.#connect(request.socket, serverOf(request))
    if (connection.response === response) return // a library has called our listener again
    this.#newest = connection
    if (!this.#ramp.active || !this.#carriers.hasReached(connection)) {
      this.inFlight++
      connection.begin(response)
      connection.since = this.#roughClock.now() // as an argument it would be allocated
      if (this.#ramp.active) this.lastArrival = this.#options.clock.now()
      return
    }
    if (isProbe(request.headers)) {
      connection.dismiss(response)
      return
    }
    const now = this.#arrive()
    if (connection.pending > 0) connection.unshed()
    connection.begin(response)
    connection.beginDraining(request, this.#ramp.share(now), now)
  }

  /** A control endpoint answers this request, so it is not traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    if (isHttp2(request)) {
      this.excludeStream(request.stream)
      return
    }
    const connection = connectionOf(request.socket)
    if (connection?.traffic !== this || !connection.exclude(response)) return
    this.#leave(connection)
    if (this.#ramp.active) connection.dismiss(response)
  }

  excludeStream(stream: ServerHttp2Stream): void {
    const session = sessionOf(stream.session)
    if (session?.traffic === this && session.end(stream)) this.#leave(session)
  }

  /**
   * What the handler of a response has returned: kept until the response closes, and looked at if the client went. Only a
   * promise is: what merely has a `then` may do its work in it, as queries of knex and mongoose do, and would do it once more
   * for us.
   */
  handling(response: ServerResponse | Http2ServerResponse, promise: unknown, unseen = false): void {
    if (!isPromise(promise)) return
    const { req: request } = response
    if (!request) return // Fastify calls the handler of a WebSocket with other things
    const open = (isHttp2(request) ? request.stream : response) as ServerResponse & ServerHttp2Stream
    const carrier = this.#carrierOf(request, open)
    if (carrier?.handlingOf(open)?.unseen && !unseen) return // that one ends with this one, or later
    const handling = { promise, unseen, request }
    if (!carrier?.keep(open, handling)) this.#abandon(open, handling)
  }

  /** A response has closed. */
  release(carrier: Connection, response: ServerResponse): void
  release(carrier: Session, stream: ServerHttp2Stream): void
  release(carrier: Connection | Session, response: ServerResponse & ServerHttp2Stream): void {
    const handling = carrier.handlingOf(response)
    if (handling) this.#abandon(response, handling)
    if (!carrier.end(response)) return
    this.inFlight--
    if (!this.#ramp.active) return
    carrier.endDraining(response, this.#options.clock.now())
    this.answered++
    if (this.inFlight === 0) setImmediate(this.#options.onIdle) // at once would cut the last chunk off
  }

  /** A connection has closed. */
  forget(carrier: Carrier): void {
    const { pending } = carrier
    this.inFlight -= pending
    carrier.clear()
    this.#carriers.delete(carrier)
    if (this.#newest === carrier) this.#newest = undefined
    if (pending > 0 && this.inFlight === 0 && this.#ramp.active) setImmediate(this.#options.onIdle)
  }

  /** From now on clients are led away. */
  drain(): void {
    const now = this.#options.clock.now()
    this.#ramp.begin(now)
    this.lastArrival = now
    this.answered = 0
    this.#carriers.drain()
  }

  /** Leads all clients away at once: there is no time for a ramp. */
  hurry(): void {
    this.#ramp.hurry()
  }

  /** Serves as before. */
  resume(): void {
    this.#ramp.stop()
    this.#carriers.resume()
  }

  /** Looks at every connection: leads away those whose turn it is, and says what still has to be waited for. */
  survey(now: number): Survey {
    // A moment later it is known.
    if (!this.#carriers.reached) return { busy: this.inFlight, heldUntil: Number.POSITIVE_INFINITY }
    const { quiet, keepAliveCap } = this.#options
    const look = { now, share: this.#ramp.share(now), patience: Math.max(keepAliveCap, leastPatience) }
    const { busy, heldUntil } = this.#carriers.look(look, quiet)
    return { busy, heldUntil: this.servers.handshaking ? Math.max(heldUntil, this.#handshakeAt + quiet) : heldUntil }
  }

  /** What is in flight, the oldest first. */
  open(): OpenRequest[] {
    return this.inFlight === 0 ? [] : this.#carriers.open()
  }

  /**
   * Says good-bye on every connection that carries no request.
   * @param left Milliseconds that it may take.
   * @returns whether it was said to anybody
   */
  endIdle(left: () => number): Promise<boolean> {
    return this.#carriers.endIdle(left)
  }

  /** Cuts what is left. Returns the requests that were lost by that; `begun` is when the closing began. */
  async destroy(begun: number): Promise<OpenRequest[]> {
    const forced = await this.#carriers.destroy(begun)
    this.servers.closeAllConnections()
    return forced
  }

  /** Whether connections are open, with or without a request, or are to be after their TLS handshake. */
  get connected(): boolean {
    return this.#carriers.size > 0 || this.servers.handshaking
  }

  /** Whoever writes a response that has closed may still be at work, if nobody read it to its end. */
  #abandon(response: ServerResponse & ServerHttp2Stream, handling: Handling): void {
    const gone = isHttp2(handling.request) ? response.aborted : response.closed && !response.writableFinished
    if (gone) this.#options.onAbandoned(handling)
  }

  /** What a request came on, if a drain watches its server. */
  #carrierOf(request: IncomingMessage | Http2ServerRequest, response: unknown): Connection | Session | undefined {
    if (this.#newest?.response === response) return this.#newest
    return isHttp2(request) ? sessionOf(request.stream.session) : connectionOf(request.socket)
  }

  /** A request begins while draining. Returns when. */
  #arrive(): number {
    const now = this.#options.clock.now()
    this.inFlight++
    this.#arrivalBefore = this.lastArrival
    this.lastArrival = now
    return now
  }

  /** A request turns out to be no traffic. */
  #leave(carrier: Carrier): void {
    this.inFlight--
    if (this.#ramp.active && this.lastArrival === carrier.since) this.lastArrival = this.#arrivalBefore
  }

  #countStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (!stream.session) return
    const known = sessionOf(stream.session)
    const session = known?.traffic === this ? known : this.#open(stream.session as ServerHttp2Session)
    if (session.has(stream)) return // a library has called our listener again
    if (!this.#ramp.active) {
      this.inFlight++
      session.begin(stream, headers, this.#roughClock.now())
    } else if (!isProbe(headers)) {
      session.begin(stream, headers, this.#arrive())
    }
  }

  #connect(socket: Socket, server: Server | undefined): Connection {
    const { keepAliveCap } = this.#options
    // 0 turns the server's timeout off: it promised any time at all.
    const promise = Math.min(server?.keepAliveTimeout || keepAliveCap, keepAliveCap)
    return this.#take(new Connection(this, socket, promise, this.#options.clock.now()))
  }

  #open(session: ServerHttp2Session): Session {
    return this.#take(new Session(this, session, this.#options.clock.now()))
  }

  #upgrade(request: IncomingMessage, socket: Socket, written = socket.bytesWritten): void {
    if (isHttp2(request)) return // counted as a stream
    // Known from now on, if it was there before the server was watched: a library may ask about it once more.
    this.#carriers.delete(connectionOf(socket) ?? this.#connect(socket, serverOf(request)))
    const now = this.#options.clock.now()
    if (this.#ramp.active) this.lastArrival = now
    this.#take(new Tunnel(this, request, socket, now, written))
  }

  #take<Kind extends Carrier>(carrier: Kind): Kind {
    this.accepted++
    this.#carriers.add(carrier)
    if (this.#ramp.active) carrier.drain(this.#options.clock.now())
    return carrier
  }
}

/** By what every request has: Express makes it dear to look for what is not there. */
function isHttp2(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}

/** Also one of another realm, as under Jest: only the engine knows that, and asking it takes longer. */
function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise || types.isPromise(value)
}
