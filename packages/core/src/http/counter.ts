import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type {
  Http2ServerRequest,
  Http2ServerResponse,
  Http2Session,
  IncomingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { Socket } from 'node:net'
import { Stream } from 'node:stream'
import { types } from 'node:util'
import { type Clock, RoughClock } from '../shared/clock.js'
import type { LastRequest } from '../shared/report.js'
import { isProbe, routeOf } from '../shared/request.js'
import type { Connection, ConnectionOwner, Handling } from './connection.js'
import type { Connections } from './connections.js'
import { awaitContinue } from './continue.js'
import { Http1Connection, http1ConnectionOf, serverOf } from './http1.js'
import { Http2Connection, http2ConnectionOf } from './http2.js'
import type { Ramp } from './ramp.js'
import { UpgradedConnection } from './upgraded.js'

/** Characters of a User-Agent that the log shows. */
const longestAgent = 80

export interface CounterOptions {
  readonly clock: Clock
  readonly ramp: Ramp
  readonly connections: Connections
  readonly keepAliveCap: number
  /** Called, while draining, when a request ended and none is left in flight. */
  readonly onIdle: () => void
  /** Called when a client has gone before its response, and the handler may still run. */
  readonly onAbandoned: (handling: Handling, url: string | undefined) => void
  /** Called for a connection that was there before its server was watched, when its next request comes. */
  readonly onFound: (connection: Socket | Http2Session, server: Server | undefined) => void
}

/**
 * Counts the requests in flight: each begins when its header is complete and ends when its response has closed. Probes,
 * scrapes and control requests are not counted.
 */
export class Counter
  implements ConnectionOwner<Http1Connection, ServerResponse>, ConnectionOwner<Http2Connection, ServerHttp2Stream>
{
  readonly #options: CounterOptions
  readonly #ramp: Ramp
  readonly #connections: Connections
  /** Where the newest request came: mostly the one that is asked about next, and then it need not be looked for. */
  #newest: Http1Connection | undefined
  /** While serving, the time of a request is only for the age of those that take long. */
  readonly #roughClock: RoughClock
  /** Requests in flight. */
  inFlight = 0
  /** When the newest request arrived since the drain began, and the one before it. */
  lastArrival = 0
  #arrivalBefore = 0
  /** What the newest request since the drain began was, and the one before it. */
  lastRequest: LastRequest | undefined
  #requestBefore: LastRequest | undefined
  /** Requests answered since the drain began. */
  answered = 0
  /** Connections until now, also those in a TLS handshake. */
  accepted = 0

  constructor(options: CounterOptions) {
    this.#options = options
    this.#ramp = options.ramp
    this.#connections = options.connections
    this.#roughClock = new RoughClock(options.clock)
  }

  /**
   * The whole cost of a request over HTTP/1: two numbers, a time, a pointer and one shared listener.
   * @returns whether the request may begin: false if it can no longer be answered
   */
  count(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.httpVersionMajor !== 1) return true // counted as a stream
    const known = http1ConnectionOf(request.socket)
    // One that a drain disposed of has left behind is not ours.
    const connection = known?.owner === this ? known : this.#adopt(request)
    if (connection === undefined) return true
    if (connection.response === response) return true // a library has called our listener again
    this.#newest = connection
    if (!this.#ramp.active || !this.#connections.hasReached(connection)) {
      this.inFlight++
      connection.begin(response)
      connection.since = this.#roughClock.now() // as an argument it would be allocated
      if (this.#ramp.active) {
        this.lastArrival = this.#options.clock.now()
        this.#note(request.method, request.url, request.headers)
      }
      return true
    }
    return this.#countDraining(connection, request, response)
  }

  /** As `count`, a request whose client sends its body only after `100 Continue`, which the application has yet to write. */
  countExpecting(request: IncomingMessage, response: ServerResponse): boolean {
    if (!this.count(request, response)) return false
    if (!isHttp2(request)) awaitContinue(response)
    return true
  }

  countStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (!stream.session) return
    const known = http2ConnectionOf(stream.session)
    const connection = known?.owner === this ? known : this.#findSession(stream.session as ServerHttp2Session)
    if (connection.has(stream)) return // a library has called our listener again
    if (!this.#ramp.active) {
      this.inFlight++
      connection.begin(stream, headers, this.#roughClock.now())
    } else if (!isProbe(headers)) {
      connection.begin(stream, headers, this.#arrive())
      this.#note(headers[':method'], headers[':path'], headers)
    }
  }

  /** The application has pushed a stream: nobody asked for it, so load balancers may be quiet still. */
  countPush(connection: Http2Connection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.inFlight++
    connection.begin(stream, headers, this.#roughClock.now())
  }

  /** A control endpoint answers this request, so it is not traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    if (isHttp2(request)) {
      this.excludeStream(request.stream)
      return
    }
    const connection = http1ConnectionOf(request.socket)
    if (connection?.owner !== this || !connection.exclude(response)) return
    this.#leave(connection)
    if (this.#ramp.active) connection.dismiss(response)
  }

  excludeStream(stream: ServerHttp2Stream): void {
    const connection = http2ConnectionOf(stream.session)
    if (connection?.owner === this && connection.end(stream)) this.#leave(connection)
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
    const connection = this.connectionOf(request, open)
    if (connection?.handlingOf(open)?.unseen && !unseen) return // that one ends with this one, or later
    const handling = { promise, unseen, request }
    if (!connection?.keep(open, handling)) this.#abandon(open, handling, undefined)
  }

  /** A response has closed. */
  release(connection: Http1Connection, response: ServerResponse): void
  release(connection: Http2Connection, stream: ServerHttp2Stream): void
  release(connection: Http1Connection | Http2Connection, response: ServerResponse & ServerHttp2Stream): void {
    const handling = connection.handlingOf(response)
    if (handling) this.#abandon(response, handling, connection.urlOf(response))
    if (!connection.end(response)) return
    this.inFlight--
    if (!this.#ramp.active) return
    connection.endDraining(response, this.#options.clock.now())
    this.answered++
    if (this.inFlight === 0) setImmediate(this.#options.onIdle) // at once would cut the last chunk off
  }

  /** A connection has closed. */
  forget(connection: Connection): void {
    const { pending } = connection
    this.inFlight -= pending
    connection.clear()
    this.#connections.delete(connection)
    if (this.#newest === connection) this.#newest = undefined
    if (pending > 0 && this.inFlight === 0 && this.#ramp.active) setImmediate(this.#options.onIdle)
  }

  /** The drain begins. */
  drain(now: number): void {
    this.lastArrival = now
    this.lastRequest = undefined
    this.#requestBefore = undefined
    this.answered = 0
  }

  /** A new HTTP/1 connection. */
  connect(socket: Socket, server: Server | undefined): Http1Connection {
    const { keepAliveCap } = this.#options
    // 0 turns the server's timeout off: it promised any time at all.
    const promise = Math.min(server?.keepAliveTimeout || keepAliveCap, keepAliveCap)
    return this.#take(new Http1Connection(this, socket, promise, this.#options.clock.now()))
  }

  /** A new HTTP/2 session. */
  openSession(session: ServerHttp2Session): Http2Connection {
    return this.#take(new Http2Connection(this, session, this.#options.clock.now()))
  }

  /**
   * The connection of a request is given to the application: `Upgrade`, or CONNECT.
   * @param granted whether it has been answered already
   * @returns whether that may be: false if it can no longer be answered
   */
  upgrade(request: IncomingMessage, socket: Socket, granted = false): boolean {
    if (isHttp2(request)) return true // counted as a stream
    if (!serverOf(request) && !(socket instanceof Stream)) return true // as requests that came on no connection
    // Known from now on, if it was there before the server was watched: a library may ask about it once more.
    const connection = http1ConnectionOf(socket) ?? this.connect(socket, serverOf(request))
    if (this.#ramp.active && !connection.answerable) {
      connection.turnAway(socket)
      return false
    }
    if (this.#ramp.active) {
      this.lastArrival = this.#options.clock.now()
      this.#note(request.method, request.url, request.headers)
    }
    // Behind a request that is still open its turn comes when that is answered.
    connection.yieldTo(() => {
      this.#connections.delete(connection)
      if (socket.destroyed) return
      const now = this.#options.clock.now()
      this.#take(new UpgradedConnection(this, request, socket, now, granted ? 0 : socket.bytesWritten))
    })
    return true
  }

  /** What a request came on, if a drain watches its server. */
  connectionOf(
    request: IncomingMessage | Http2ServerRequest,
    response: unknown,
  ): Http1Connection | Http2Connection | undefined {
    if (this.#newest?.response === response) return this.#newest
    return isHttp2(request) ? http2ConnectionOf(request.stream.session) : http1ConnectionOf(request.socket)
  }

  /**
   * The connection of a request that nobody told us of: it was there before its server was watched. Undefined if no server
   * accepted it, as when a test, a warm-up or a bridge to functions dispatches a request by hand. What stands there in the
   * place of a socket can do nothing of what a socket can, and the response may never say that it has closed.
   */
  #adopt(request: IncomingMessage): Http1Connection | undefined {
    const server = serverOf(request)
    if (!server) return undefined
    this.#options.onFound(request.socket, server)
    return this.connect(request.socket, server)
  }

  /** Whoever writes a response that has closed may still be at work, if nobody read it to its end. */
  #abandon(response: ServerResponse & ServerHttp2Stream, handling: Handling, url: string | undefined): void {
    const gone = isHttp2(handling.request) ? response.aborted : response.closed && !response.writableFinished
    if (gone) this.#options.onAbandoned(handling, url)
  }

  #countDraining(connection: Http1Connection, request: IncomingMessage, response: ServerResponse): boolean {
    if (connection.dismissed === response) return true // called again
    if (!connection.answerable) {
      connection.turnAway(request)
      return false
    }
    connection.unshed()
    if (isProbe(request.headers)) {
      connection.pass(request, response)
      return true
    }
    const now = this.#arrive()
    this.#note(request.method, request.url, request.headers)
    connection.begin(response)
    connection.beginDraining(request, this.#ramp.share(now), now)
    return true
  }

  /** A request begins while draining. Returns when. */
  #arrive(): number {
    const now = this.#options.clock.now()
    this.inFlight++
    this.#arrivalBefore = this.lastArrival
    this.lastArrival = now
    return now
  }

  /** While draining, the log says who still sends. Only words: to keep the request would keep all that hangs on it. */
  #note(method = '', url: string | undefined, headers: IncomingHttpHeaders): void {
    this.#requestBefore = this.lastRequest
    this.lastRequest = { method, route: routeOf({ url }), agent: headers['user-agent']?.slice(0, longestAgent) }
  }

  /** A request turns out to be no traffic. */
  #leave(connection: Connection): void {
    this.inFlight--
    if (!this.#ramp.active || this.lastArrival !== connection.since) return
    this.lastArrival = this.#arrivalBefore
    this.lastRequest = this.#requestBefore
  }

  #findSession(session: ServerHttp2Session): Http2Connection {
    this.#options.onFound(session, undefined)
    return this.openSession(session)
  }

  #take<Kind extends Connection>(connection: Kind): Kind {
    this.accepted++
    this.#connections.add(connection)
    if (this.#ramp.active) connection.drain(this.#options.clock.now())
    return connection
  }
}

/** By what every request has: Express makes it dear to look for what is not there. */
export function isHttp2(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}

/** Also one of another realm, as under Jest: only the engine knows that, and asking it takes longer. */
function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise || types.isPromise(value)
}
