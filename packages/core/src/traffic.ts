import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Clock } from './clock.js'
import { Connection, connectionOf, serverOf } from './connection.js'
import { Ramp } from './ramp.js'
import type { OpenRequest } from './report.js'
import { isProbe, routeOf } from './request.js'
import { Servers } from './servers.js'

/** What a look at the connections of a draining server found. */
export interface Survey {
  /** Requests in flight, without those whose client stopped sending the body. */
  readonly busy: number
  /** Until when an idle connection has to be kept. */
  readonly heldUntil: number
}

export interface TrafficOptions {
  readonly clock: Clock
  readonly keepAliveCap: number
  readonly quiet: number
  /** Milliseconds over which responses begin to say `Connection: close`. */
  readonly ramp: number
  /** Called, while draining, when a request ended and none is left in flight. */
  readonly onIdle: () => void
}

/** Counts the requests in flight on any number of servers, and leads their clients away while draining. */
export class Traffic {
  readonly #options: TrafficOptions
  /** The servers the requests come from. */
  readonly servers: Servers = new Servers(
    (request, response) => this.count(request, response),
    (socket, server) => {
      if (!connectionOf(socket)) this.#adopt(socket, server)
    },
  )
  readonly #connections = new Set<Connection>()
  readonly #ramp: Ramp
  /** Requests in flight. */
  inFlight = 0
  /** When the newest request arrived since the drain began, and the one before it. */
  lastArrival = 0
  #arrivalBefore = 0
  /** Requests answered since the drain began. */
  answered = 0

  constructor(options: TrafficOptions) {
    this.#options = options
    this.#ramp = new Ramp(options.ramp)
  }

  /**
   * For a middleware without a server handle: the first request leads to the server. Later requests have been counted
   * where they arrived.
   */
  track(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request
    if (connectionOf(socket)?.traffic === this) return
    const server = serverOf(request)
    if (!server || request.httpVersionMajor !== 1 || this.servers.released) return
    this.servers.watch(server)
    // The client may have hung up while the application awaited something in front of us; then nothing is in flight.
    if (!response.destroyed && !socket.destroyed) this.count(request, response)
  }

  /** The whole cost of a request: two numbers, a time, a pointer and one shared listener. */
  count(request: IncomingMessage, response: ServerResponse): void {
    if (request.httpVersionMajor !== 1) return
    const known = connectionOf(request.socket)
    // One that a drain disposed of has left behind is not ours.
    const connection = known?.traffic === this ? known : this.#adopt(request.socket, serverOf(request))
    const now = this.#options.clock.now()
    if (!this.#ramp.active) {
      this.inFlight++
      connection.begin(response, now)
    } else {
      this.#countDraining(request, response, connection, now)
    }
  }

  /** A control endpoint answers this request, so it is not traffic. */
  exclude(request: IncomingMessage, response: ServerResponse): void {
    const connection = connectionOf(request.socket)
    if (!connection?.exclude(response)) return
    this.inFlight--
    if (!this.#ramp.active) return
    if (this.lastArrival === connection.since) this.lastArrival = this.#arrivalBefore
    connection.dismiss(response)
  }

  release(connection: Connection, response: ServerResponse): void {
    connection.pending--
    this.inFlight--
    connection.answered = true
    if (connection.response === response) connection.response = undefined
    if (!this.#ramp.active) return
    connection.since = this.#options.clock.now()
    if (connection.pending === 0) connection.caughtUp()
    this.answered++
    // The application itself said `Connection: keep-alive`, and Node lets that win: end the connection instead.
    if (connection.shedding && response.shouldKeepAlive) setImmediate(endUnlessBusy, connection)
    if (this.inFlight === 0) setImmediate(this.#options.onIdle) // at once would cut the last chunk off
  }

  forget(connection: Connection): void {
    this.inFlight -= connection.pending
    const wasBusy = connection.pending > 0
    connection.pending = 0
    connection.response = undefined
    this.#connections.delete(connection)
    if (wasBusy && this.inFlight === 0 && this.#ramp.active) setImmediate(this.#options.onIdle)
  }

  /** From now on clients are led away. */
  drain(): void {
    const now = this.#options.clock.now()
    this.#ramp.begin(now)
    this.lastArrival = now
    this.answered = 0
    for (const connection of this.#connections) {
      connection.movedAt = now
      connection.caughtUp()
      // When its last response closed is not known, as serving does not look at the clock for it: now is safe.
      if (connection.pending === 0 && connection.answered) connection.since = now
      if (connection.response && isProbe(connection.response.req)) {
        this.exclude(connection.response.req, connection.response)
      }
    }
  }

  /** Leads all clients away at once: there is no time for a ramp. */
  hurry(): void {
    this.#ramp.hurry()
  }

  /** Serves as before. */
  resume(): void {
    this.#ramp.stop()
  }

  /** Looks at every connection: marks the open responses whose turn it is, and says what still has to be waited for. */
  survey(now: number): Survey {
    const share = this.#ramp.share(now)
    let busy = 0
    let heldUntil = Number.NEGATIVE_INFINITY
    for (const connection of this.#connections) {
      if (connection.pending === 0) {
        heldUntil = Math.max(heldUntil, connection.heldUntil(this.#options.quiet))
      } else if (!connection.stalled(now, this.#options.keepAliveCap)) {
        busy += connection.pending
        if (share >= connection.shedAt) connection.shed()
      }
    }
    return { busy, heldUntil }
  }

  /** What is in flight, the oldest first. */
  open(): OpenRequest[] {
    return this.#describe(() => true)
  }

  /**
   * Says good-bye on every connection that carries no request, the longest idle first. Not on those that have sent
   * something else than a request: an upgraded one is for its protocol to close.
   */
  endIdle(): void {
    const idle = [...this.#connections].filter(
      ({ pending, answered, socket }) => pending === 0 && (answered || socket.bytesRead === 0),
    )
    for (const { socket } of idle.sort((a, b) => a.since - b.since)) socket.end()
  }

  /**
   * Cuts what is left. Returns the requests that were cut: complete ones, those that are being answered, and those whose
   * body was still coming since `begun`. A request that nobody goes on sending is only closed.
   */
  destroy(begun: number): OpenRequest[] {
    const forced = this.#describe(
      ({ response, movedAt }) => response?.req.complete === true || response?.headersSent === true || movedAt > begun,
    )
    for (const { socket } of [...this.#connections]) socket.destroy()
    this.servers.closeAllConnections()
    return forced
  }

  /** Connections that are open, with or without a request. */
  get connections(): number {
    return this.#connections.size
  }

  #describe(wanted: (connection: Connection) => boolean): OpenRequest[] {
    const now = this.#options.clock.now()
    const requests: OpenRequest[] = []
    for (const connection of this.#connections) {
      const { response, since } = connection
      if (!response || !wanted(connection)) continue
      requests.push({ method: response.req.method ?? '', route: routeOf(response.req), ageMs: Math.round(now - since) })
    }
    return requests.sort((a, b) => b.ageMs - a.ageMs)
  }

  #adopt(socket: Socket, server: Server | undefined): Connection {
    const { keepAliveCap, clock } = this.#options
    // 0 turns the server's timeout off: it promised any time at all.
    const promise = Math.min(server?.keepAliveTimeout || keepAliveCap, keepAliveCap)
    const connection = new Connection(this, socket, promise, clock.now())
    this.#connections.add(connection)
    return connection
  }

  #countDraining(request: IncomingMessage, response: ServerResponse, connection: Connection, now: number): void {
    if (isProbe(request)) {
      connection.dismiss(response)
      return
    }
    if (connection.pending > 0) connection.unshed()
    this.inFlight++
    this.#arrivalBefore = this.lastArrival
    this.lastArrival = now
    connection.begin(response, now)
    connection.bytesRead = -1
    connection.movedAt = now
    const maybeMore = connection.moreBehind(request)
    if (this.#ramp.share(now) < connection.shedAt) return
    if (maybeMore) process.nextTick(shedUnlessMore, connection)
    else connection.shed()
  }
}

function endUnlessBusy(connection: Connection): void {
  if (connection.pending === 0) connection.socket.end()
}

/** In the next tick everything that arrived together with the open request has been parsed. */
function shedUnlessMore(connection: Connection): void {
  if (connection.pending === 1) connection.shed()
}
