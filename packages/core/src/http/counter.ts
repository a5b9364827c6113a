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
import { isProbe, pathOf } from '../shared/request.js'
import type { Connection, ConnectionOwner, HandlerRun } from './connection.js'
import type { Connections } from './connections.js'
import { awaitContinue } from './continue.js'
import { Http1Connection, http1ConnectionOf, serverOf } from './http1.js'
import { Http2Connection, http2ConnectionOf } from './http2.js'
import type { Ramp } from './ramp.js'
import { UpgradedConnection } from './upgraded.js'

/** Maximum length of a User-Agent in the log, in characters. */
const longestAgent = 80

export interface CounterOptions {
  readonly clock: Clock
  readonly ramp: Ramp
  readonly connections: Connections
  /** Milliseconds that an idle connection is kept at most. */
  readonly keepAliveCap: number
  /** Called while draining, when the last request in flight has ended. */
  readonly onIdle: () => void
  /** Called when a client has disconnected before its response was complete. The handler may still run. */
  readonly onAbandoned: (handling: HandlerRun, url: string | undefined) => void
  /** Called when a request arrives on a connection that was open before its server was watched. */
  readonly onFound: (connection: Socket | Http2Session, server: Server | undefined) => void
}

/**
 * Counts the requests in flight. A request begins when its header is complete and ends when its response has closed.
 * Probes, scrapes and control requests are not counted.
 */
export class Counter
  implements ConnectionOwner<Http1Connection, ServerResponse>, ConnectionOwner<Http2Connection, ServerHttp2Stream>
{
  readonly #options: CounterOptions
  readonly #ramp: Ramp
  readonly #connections: Connections
  /** The connection of the newest request. Most lookups ask for this connection. */
  #newest: Http1Connection | undefined
  /**
   * The clock for requests that arrive while serving. Their time is used only for the age of slow requests, so an error of
   * `roughClockGrain` is small enough.
   */
  readonly #roughClock: RoughClock
  /** Number of requests in flight. */
  inFlight = 0
  /** When the newest request since the beginning of the drain arrived. */
  lastArrival = 0
  #arrivalBefore = 0
  /** The newest request since the beginning of the drain. */
  lastRequest: LastRequest | undefined
  #requestBefore: LastRequest | undefined
  /** Number of requests answered since the drain began. */
  answered = 0
  /** Number of connections accepted so far, including those in a TLS handshake. */
  accepted = 0

  constructor(options: CounterOptions) {
    this.#options = options
    this.#ramp = options.ramp
    this.#connections = options.connections
    this.#roughClock = new RoughClock(options.clock)
  }

  /**
   * Counts a request over HTTP/1. This is the hot path. A request costs two numbers, a time, a pointer and a shared
   * listener.
   * @returns Whether the application gets the request. It does not if the request can no longer be answered.
   */
  count(request: IncomingMessage, response: ServerResponse): boolean {
    if (request.httpVersionMajor !== 1) return true // countStream() counts it
    const existing = http1ConnectionOf(request.socket)
    // A drain that was disposed may have left its record on the connection.
    const connection = existing?.owner === this ? existing : this.#adopt(request)
    if (connection === undefined) return true
    if (connection.response === response) return true // a library has called our listener a second time
    this.#newest = connection
    if (!this.#ramp.active || !this.#connections.hasReached(connection)) {
      this.inFlight++
      connection.begin(response)
      connection.since = this.#roughClock.now() // V8 would allocate the number if it were an argument
      if (this.#ramp.active) {
        this.lastArrival = this.#options.clock.now()
        this.#note(request.method, request.url, request.headers)
      }
      return true
    }
    return this.#countDraining(connection, request, response)
  }

  /**
   * Counts a request with an `Expect` header. Its client sends the body only after `100 Continue`, which the
   * application writes. Returns the same as `count`.
   */
  countExpecting(request: IncomingMessage, response: ServerResponse): boolean {
    if (!this.count(request, response)) return false
    awaitContinue(response)
    return true
  }

  countStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (!stream.session) return
    const existing = http2ConnectionOf(stream.session)
    const connection = existing?.owner === this ? existing : this.#findSession(stream.session as ServerHttp2Session)
    if (connection.has(stream)) return // a library has called our listener a second time
    if (!this.#ramp.active) {
      this.inFlight++
      connection.begin(stream, headers, this.#roughClock.now())
    } else if (!isProbe(headers)) {
      connection.begin(stream, headers, this.#arrive())
      this.#note(headers[':method'], headers[':path'], headers)
    }
  }

  /**
   * Counts a stream that the application pushes. No client requested the stream, so it does not prolong the settle wait.
   */
  countPush(connection: Http2Connection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    this.inFlight++
    connection.begin(stream, headers, this.#roughClock.now())
  }

  /** Stops counting a request that a control endpoint answers, because it is not traffic. */
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
    if (connection?.owner === this && connection.finish(stream)) this.#leave(connection)
  }

  /**
   * Keeps the promise that the handler of a response returned, until the response closes. If the client disconnects first, the
   * drain waits for the promise. Only native promises are kept: calling `then` on a lazy thenable, such as a query of knex or
   * mongoose, would run the query again.
   */
  handling(response: ServerResponse | Http2ServerResponse, promise: unknown, unseen = false): void {
    if (!isPromise(promise)) return
    const { req: request } = response
    if (!request) return // Fastify calls the handler of a WebSocket with a socket in place of the response
    const open = (isHttp2(request) ? request.stream : response) as ServerResponse & ServerHttp2Stream
    const connection = this.connectionOf(request, open)
    if (connection?.handlingOf(open)?.unseen && !unseen) return // the kept promise ends together with this one, or later
    const handling = { promise, unseen, request }
    if (!connection?.keep(open, handling)) this.#abandon(open, handling, undefined)
  }

  /** Called when a response has closed. */
  release(connection: Http1Connection, response: ServerResponse): void
  release(connection: Http2Connection, stream: ServerHttp2Stream): void
  release(connection: Http1Connection | Http2Connection, response: ServerResponse & ServerHttp2Stream): void {
    const handling = connection.handlingOf(response)
    if (handling) this.#abandon(response, handling, connection.urlOf(response))
    if (!connection.finish(response)) return
    this.inFlight--
    if (!this.#ramp.active) return
    connection.finishDraining(response, this.#options.clock.now())
    this.answered++
    if (this.inFlight === 0) setImmediate(this.#options.onIdle) // calling it synchronously would cut off the last chunk
  }

  /** Called when a connection has closed. */
  forget(connection: Connection): void {
    const { pending } = connection
    this.inFlight -= pending
    connection.clear()
    this.#connections.delete(connection)
    if (this.#newest === connection) this.#newest = undefined
    if (pending > 0 && this.inFlight === 0 && this.#ramp.active) setImmediate(this.#options.onIdle)
  }

  /** Called when the drain begins. */
  drain(now: number): void {
    this.lastArrival = now
    this.lastRequest = undefined
    this.#requestBefore = undefined
    this.answered = 0
  }

  /** Adds a new HTTP/1 connection. */
  connect(socket: Socket, server: Server | undefined): Http1Connection {
    const { keepAliveCap } = this.#options
    // A timeout of 0 means no timeout: the server keeps idle connections for ever.
    const keepAlive = Math.min(server?.keepAliveTimeout || keepAliveCap, keepAliveCap)
    return this.#take(new Http1Connection(this, socket, keepAlive, this.#options.clock.now()))
  }

  /** Adds a new HTTP/2 session. */
  openSession(session: ServerHttp2Session): Http2Connection {
    return this.#take(new Http2Connection(this, session, this.#options.clock.now()))
  }

  /**
   * Hands the connection of a request over to the application, for `Upgrade` or CONNECT.
   * @param granted Whether the application has already answered the upgrade.
   * @returns Whether the application gets the connection. It does not if the upgrade can no longer be answered.
   */
  upgrade(request: IncomingMessage, socket: Socket, granted = false): boolean {
    if (isHttp2(request)) return true // countStream() counts it
    if (!serverOf(request) && !(socket instanceof Stream)) return true // no server accepted this request: see `#adopt`
    // The connection may have been open before its server was watched. A library may call this a second time.
    const connection = http1ConnectionOf(socket) ?? this.connect(socket, serverOf(request))
    if (this.#ramp.active && !connection.answerable) {
      connection.refuse(socket)
      return false
    }
    if (this.#ramp.active) {
      this.lastArrival = this.#options.clock.now()
      this.#note(request.method, request.url, request.headers)
    }
    // The upgrade begins when the requests before it on this connection have been answered.
    connection.yieldTo(() => {
      this.#connections.delete(connection)
      if (socket.destroyed) return
      const now = this.#options.clock.now()
      this.#take(new UpgradedConnection(this, request, socket, now, granted ? 0 : socket.bytesWritten))
    })
    return true
  }

  /** The connection that carries a request, if a drain watches its server. */
  connectionOf(
    request: IncomingMessage | Http2ServerRequest,
    response: unknown,
  ): Http1Connection | Http2Connection | undefined {
    if (this.#newest?.response === response) return this.#newest
    return isHttp2(request) ? http2ConnectionOf(request.stream.session) : http1ConnectionOf(request.socket)
  }

  /**
   * Adds the connection of a request if that connection was open before its server was watched.
   * @returns undefined if no server accepted the connection, for example if a test or an adapter for serverless functions
   * dispatches the request. Their replacement for the socket lacks methods of a socket, and the response may never close.
   */
  #adopt(request: IncomingMessage): Http1Connection | undefined {
    const server = serverOf(request)
    if (!server) return undefined
    this.#options.onFound(request.socket, server)
    return this.connect(request.socket, server)
  }

  /** Reports a handler that may still run although its client has disconnected before the response was complete. */
  #abandon(response: ServerResponse & ServerHttp2Stream, handling: HandlerRun, url: string | undefined): void {
    const gone = isHttp2(handling.request) ? response.aborted : response.closed && !response.writableFinished
    if (gone) this.#options.onAbandoned(handling, url)
  }

  #countDraining(connection: Http1Connection, request: IncomingMessage, response: ServerResponse): boolean {
    if (connection.dismissed === response) return true // a library has called our listener a second time
    if (!connection.answerable) {
      connection.refuse(request)
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

  /** Counts a request that begins while draining. Returns its time. */
  #arrive(): number {
    const now = this.#options.clock.now()
    this.inFlight++
    this.#arrivalBefore = this.lastArrival
    this.lastArrival = now
    return now
  }

  /**
   * Notes the newest request, so that the log can name the client that still sends. It copies strings, because a reference to the
   * request would keep its socket and body in memory.
   */
  #note(method = '', url: string | undefined, headers: IncomingHttpHeaders): void {
    this.#requestBefore = this.lastRequest
    this.lastRequest = { method, path: pathOf({ url }), agent: headers['user-agent']?.slice(0, longestAgent) }
  }

  /** Stops counting a request that turns out not to be traffic. */
  #leave(connection: Connection): void {
    this.inFlight--
    if (this.lastArrival !== connection.since) return
    this.lastArrival = this.#arrivalBefore
    this.lastRequest = this.#requestBefore
  }

  #findSession(session: ServerHttp2Session): Http2Connection {
    this.#options.onFound(session, serverOf(session))
    const before = http2ConnectionOf(session)
    const connection = this.openSession(session)
    // If another drain has counted the streams of this session, this drain counts them from now on.
    for (const [stream, headers] of before?.streams ?? []) {
      this.inFlight++
      connection.begin(stream, headers, this.#roughClock.now())
    }
    before?.owner.forget(before)
    return connection
  }

  #take<Kind extends Connection>(connection: Kind): Kind {
    this.accepted++
    this.#connections.add(connection)
    if (this.#ramp.active) connection.drain(this.#options.clock.now())
    return connection
  }
}

/** Reads a property that every request has, because under Express, looking up a missing property is slow. */
export function isHttp2(request: IncomingMessage | Http2ServerRequest): request is Http2ServerRequest {
  return request.httpVersionMajor === 2
}

/** Also recognises promises of another realm, such as those of code under Jest. That check is slower, so it comes second. */
function isPromise(value: unknown): value is Promise<unknown> {
  return value instanceof Promise || types.isPromise(value)
}
