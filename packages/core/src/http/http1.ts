import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isProbe, routeOf } from '../shared/request.js'
import { farewellTime, firstRequestTime } from '../shared/timing.js'
import type { Connection, ConnectionOwner, HandlerRun, OpenOnConnection, Round } from './connection.js'
import { awaitsContinue, hasContinued } from './continue.js'
import { hasBody, InboundBytes } from './http1-bytes.js'
import { type Received, receivedBy } from './received.js'
import { noteClose, saidClose, sayClose } from './say-close.js'

const kConnection: unique symbol = Symbol('podrain.connection')

type Owner = ConnectionOwner<Http1Connection, ServerResponse>
type Behind = ReturnType<InboundBytes['behind']>
type TaggedSocket = Socket & { [kConnection]?: Http1Connection; readonly server?: Server }

/** What is kept of a request behind which the client has pipelined another. */
interface Earlier {
  readonly url: string | undefined
  readonly handling: HandlerRun | undefined
}

/** The record of one HTTP/1 connection. It lives as long as its socket. A request allocates nothing in it. */
export class Http1Connection implements Connection {
  readonly owner: Owner
  readonly socket: Socket
  /** Milliseconds that the client was promised for an idle connection (keep-alive), up to the cap. */
  readonly #keepAlive: number
  /** The share of the ramp, from 0 to 1, at which responses on this connection begin to say `Connection: close`. */
  readonly #shedAt: number = Math.random()
  /** More than 1 if the client pipelines. */
  pending = 0
  /** The newest response, while it is open, counted, and the last one on this connection. */
  response: ServerResponse | undefined
  /**
   * One listener for all responses of the connection, so that a request allocates no closure. It listens to 'close',
   * because a response that is aborted never emits 'finish'.
   */
  readonly #closeResponse: (this: ServerResponse) => void
  /**
   * The handler run of the newest response. It is not a property of the response: under Express, which replaces its
   * prototype, looking up a missing property is slow.
   */
  #handling: HandlerRun | undefined
  /** The URL of the newest request. The application may overwrite `request.url`. */
  url: string | undefined = ''
  /** The open responses before the newest one, if the client pipelines. */
  #earlier: Map<ServerResponse, Earlier> | undefined
  since = 0 // initialised with a number, or V8 would allocate on each write
  /** Whether the connection has carried a response, and its client so was promised keep-alive. */
  #answered = false
  readonly #received: Received
  /** The response that was made to say `Connection: close`, and the function that undoes it. */
  #closing: ServerResponse | undefined
  #unclose: (() => void) | undefined
  /** The upload whose response is shed when its body has been received. */
  #expected: IncomingMessage | undefined
  /** While draining, the newest response to a probe or control request. */
  dismissed: ServerResponse | undefined
  /** What seemed to come behind the newest request; undefined if that request arrived while serving. */
  #behind: Behind | undefined
  readonly #inbound: InboundBytes
  /** To tell a stalled upload: the number of bytes received at the last pass, and when that number last changed. */
  #bytesRead = 0
  #movedAt = 0

  constructor(owner: Owner, socket: Socket, keepAlive: number, now: number) {
    this.owner = owner
    this.socket = socket
    this.#keepAlive = keepAlive
    this.since = now
    this.#received = receivedBy(socket)
    this.#inbound = new InboundBytes(this.#received)
    ;(socket as TaggedSocket)[kConnection] = this
    // Node 20 and 22 never close the responses queued behind the first one when a pipelining client disconnects. So the
    // 'close' of the socket ends them all.
    socket.on('close', () => owner.forget(this))
    const connection = this
    this.#closeResponse = function closeResponse() {
      owner.release(connection, this)
    }
  }

  begin(response: ServerResponse): void {
    if (this.response) this.#setAside()
    this.pending++
    this.response = response
    this.url = response.req.url
    this.#handling = undefined
    this.#behind = undefined
    response.on('close', this.#closeResponse)
  }

  /**
   * Whether another request on this connection can be answered. It cannot after a FIN or after a response with
   * `Connection: close`. The client of such a request knows that it was not processed and may send it again (RFC 9112
   * §9.6).
   */
  get answerable(): boolean {
    if (this.farewellSent) return false
    const { response } = this
    return !(response && saidClose(response)) && !(this.#closing && saidClose(this.#closing))
  }

  /**
   * Refuses a request that can no longer be answered. Node would destroy the connection at once. But while the client
   * still sends, the kernel then resets the connection, and the response before this request may be lost. So the rest
   * of the request is read and discarded, the connection is half-closed behind that response, and the client gets
   * `farewellTime` to close its side.
   * @param source The request, or the socket if Node has released it for an upgrade.
   */
  turnAway(source: IncomingMessage | Socket): void {
    const { socket } = this
    source.resume()
    if (source === socket) socket.on('error', () => {}) // nothing else listens for errors now
    socket.destroySoon = () => {
      socket.end()
      setTimeout(() => socket.destroy(), farewellTime).unref()
    }
  }

  /** Called when the newest request arrived while draining. */
  beginDraining(request: IncomingMessage, share: number, now: number): void {
    this.since = now
    this.#bytesRead = -1
    this.#movedAt = now
    this.#behind = this.#inbound.behind(request, this.pending === 1)
    if (this.response) noteClose(this.response)
    if (share < this.#shedAt) return
    if (this.#behind === 'its body') request.once('end', () => shedUnlessMore(this))
    if (this.#behind === 'nothing') this.shed()
    else process.nextTick(shedUnlessMore, this)
  }

  /** Called when a probe arrived while draining. */
  pass(request: IncomingMessage, response: ServerResponse): void {
    this.#setAside()
    this.#behind = this.#inbound.behind(request, this.pending === 0)
    this.dismiss(response)
  }

  /** Stops counting the response in flight. Returns whether it was counted. */
  exclude(response: ServerResponse): boolean {
    if (this.response !== response) return false
    response.removeListener('close', this.#closeResponse)
    this.pending--
    this.response = undefined
    if (this.#behind === undefined) this.#inbound.parsedAll()
    return true
  }

  /**
   * Protects what has arrived behind the open responses: they will not close the connection. Calls `next` when they
   * have closed.
   */
  yieldTo(next: () => void): void {
    this.unshed()
    this.#setAside()
    const last = [...(this.#earlier?.keys() ?? [])].at(-1)
    if (last) last.once('close', next)
    else next()
  }

  /** Keeps a handler run until its response closes. Returns whether the response is open and counted. */
  keep(response: ServerResponse, handling: HandlerRun): boolean {
    if (this.response === response) this.#handling = handling
    else if (this.#earlier?.has(response)) this.#earlier.set(response, { url: this.urlOf(response), handling })
    else return false
    return true
  }

  /** The handler run that was kept for a response. */
  handlingOf(response: ServerResponse): HandlerRun | undefined {
    return this.response === response ? this.#handling : this.#earlier?.get(response)?.handling
  }

  /** The URL that the request of an open response asked for. */
  urlOf(response: ServerResponse): string | undefined {
    return this.response === response ? this.url : this.#earlier?.get(response)?.url
  }

  /** Called when a response has closed. Returns whether it was counted. */
  finish(response: ServerResponse): boolean {
    if (this.response === response) {
      this.response = undefined
      this.#handling = undefined // it would keep the request in memory while the connection is idle
    } else {
      this.#earlier?.delete(response)
    }
    if (this.pending === 0) return false
    this.pending--
    this.#answered = true
    return true
  }

  /** Called when a response has closed while draining, after `finish`. */
  finishDraining(response: ServerResponse, now: number): void {
    this.since = now
    if (this.#closing === response) this.#closing = undefined // it would be kept in memory
    if (this.pending === 0) this.#inbound.caughtUp()
  }

  drain(now: number): readonly ServerResponse[] {
    this.#movedAt = now
    this.#bytesRead = -1
    if (this.response && !this.response.headersSent) noteClose(this.response)
    if (this.pending > 0) {
      if (this.response) this.#inbound.adopt(this.response.req, this.pending === 1 && !this.#answered)
      else this.#inbound.expectNothing()
    } else if (this.#answered) {
      this.#inbound.parsedAll() // not on a new connection: half a header may have arrived
    }
    // Serving does not record when the last response closed. The present time is a safe upper bound.
    if (this.pending === 0 && this.#answered) this.since = now
    return this.response && isProbe(this.response.req.headers) ? [this.response] : []
  }

  /**
   * `Connection: close` is taken back: while serving nothing checks whether another request has arrived behind the open
   * one.
   */
  resume(): void {
    this.#expected = undefined
    this.unshed()
  }

  visit({ now, share, uploadTimeout }: Round): number {
    if (this.pending === 0 || this.#stalled(now, uploadTimeout)) return 0
    if (share >= this.#shedAt) {
      if (this.receiving) this.#shedWhenReceived()
      else this.shed()
    }
    return this.pending
  }

  /**
   * Says `Connection: close` on the newest open response, under two conditions. It is the last of pipelined responses,
   * as Node discards the requests behind it. Its request is complete: Node closes the socket behind the response, so
   * the kernel would reset a client that still sends, and the response may be lost (RFC 9112 §9.6). If the header of
   * the response was sent before, the next response says it.
   */
  shed(): void {
    if (this.response) this.#close(this.response)
  }

  /** Takes `Connection: close` back, because another request has arrived behind the open one. */
  unshed(): void {
    if (!this.#closing || this.#closing.headersSent) return
    this.#unclose?.()
    this.#closing = undefined
  }

  /**
   * Marks a response to a probe or control request. Its connection need not stay open afterwards, unless more has
   * arrived on it.
   */
  dismiss(response: ServerResponse): void {
    this.dismissed = response
    if (this.#behind === undefined || this.#behind === 'nothing') this.#close(response)
    if (this.pending === 0) this.since = Number.NEGATIVE_INFINITY
  }

  /** Whether the body of the newest request is still arriving. */
  get receiving(): boolean {
    const request = this.response?.req
    return request !== undefined && hasBody(request) && !request.complete
  }

  /** Whether our side of the socket has ended: by `closeIdle`, or behind a response with `Connection: close`. */
  get farewellSent(): boolean {
    return this.socket.writableEnded
  }

  heldUntil(quiet: number): number {
    if (this.farewellSent) return Number.NEGATIVE_INFINITY
    return this.since + (this.#answered ? this.#keepAlive : quiet)
  }

  /**
   * Closes the connection unless a request may be on its way: half a header has arrived, or the connection is so new
   * that its first request is still to come.
   */
  closeIdle(now: number): void {
    if (this.farewellSent || this.#inbound.begun || !(this.#answered || now - this.since >= firstRequestTime)) return
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
  }

  get destroyed(): boolean {
    return this.socket.destroyed
  }

  open(now: number, begun: number): OpenOnConnection[] {
    const responses = [...(this.#earlier?.keys() ?? [])]
    if (this.response) responses.push(this.response)
    return responses.map((response) => {
      const { req, headersSent } = response
      const alive = req.complete || headersSent || awaitsContinue(response) || this.#movedAt > begun
      return {
        method: req.method ?? '',
        route: routeOf({ url: this.urlOf(response) }),
        ageMs: Math.round(now - this.since),
        alive,
      }
    })
  }

  clear(): void {
    this.pending = 0
    this.#expected = undefined
  }

  #close(response: ServerResponse): void {
    if (response.headersSent || this.#closing === response) return
    this.#closing = response
    this.#unclose = sayClose(response)
  }

  /** Sheds the response to an upload when its body has been received: it is often sent right then, before the next visit. */
  #shedWhenReceived(): void {
    const request = this.response?.req
    if (!request || this.#expected === request) return
    this.#expected = request
    request.prependOnceListener('end', () => {
      if (this.#expected !== request) return // the drain has been undone
      this.#expected = undefined
      shedUnlessMore(this)
    })
  }

  /** Moves the newest response to the earlier ones. */
  #setAside(): void {
    if (!this.response) return
    this.#earlier ??= new Map()
    this.#earlier.set(this.response, { url: this.url, handling: this.#handling })
    this.response = undefined
    this.#handling = undefined
  }

  /**
   * Whether the client has stopped sending the body of its request. It has not if the application has not read what
   * arrived, or the client waits for `100 Continue`.
   */
  #stalled(now: number, uploadTimeout: number): boolean {
    const { response } = this
    const request = response?.req
    if (this.pending !== 1 || !request || request.complete || response.headersSent) return false
    // A client that sends its body does not wait for `100 Continue` any more.
    if (this.#bytesRead >= 0 && this.#bytesRead !== this.#received.bytesRead) hasContinued(response)
    if (this.#bytesRead !== this.#received.bytesRead || request.readableLength > 0 || awaitsContinue(response)) {
      this.#bytesRead = this.#received.bytesRead
      this.#movedAt = now
    }
    return now - this.#movedAt >= uploadTimeout
  }
}

/** The record of a socket's connection, if a drain watches its server. */
export function http1ConnectionOf(socket: Socket | undefined): Http1Connection | undefined {
  return (socket as TaggedSocket | undefined)?.[kConnection]
}

/** The server that accepted the socket of a request or session; undefined if none did, as under `inject()`. */
export function serverOf(request: { readonly socket?: Socket | undefined }): Server | undefined {
  return (request.socket as TaggedSocket | undefined)?.server
}

/** Sheds in the next tick: by then everything that arrived together with the open request has been parsed. */
function shedUnlessMore(connection: Http1Connection): void {
  if (connection.pending === 1 && !connection.receiving) connection.shed()
}
