import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isProbe, pathOf } from '../shared/request.js'
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

/** The data that is kept of an open request after the client has pipelined another one. */
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
  /** The newest response of the connection, while that response is open and counted. */
  response: ServerResponse | undefined
  /**
   * One listener for all responses of the connection, so that a request allocates no closure. It listens to 'close',
   * because a response that is aborted never emits 'finish'.
   */
  readonly #closeResponse: (this: ServerResponse) => void
  /**
   * The handler run of the newest response. It is not a property of the response, because Express replaces the prototype of
   * responses, and looking up a missing property is then slow.
   */
  #handling: HandlerRun | undefined
  /** The URL of the newest request. The application may overwrite `request.url`. */
  url: string | undefined = ''
  /** The open responses before the newest one, if the client pipelines. */
  #earlier: Map<ServerResponse, Earlier> | undefined
  since = 0 // initialised with a number, or V8 would allocate on each write
  /** Whether the connection has carried a response. Its client was then promised keep-alive. */
  #answered = false
  readonly #received: Received
  /** The response that podrain has made say `Connection: close`, and the function that undoes this. */
  #closing: ServerResponse | undefined
  #unclose: (() => void) | undefined
  /** The upload whose response will say `Connection: close` when the body has been received. */
  #expected: IncomingMessage | undefined
  /** While draining, the newest response to a probe or control request. */
  dismissed: ServerResponse | undefined
  /** What seemed to follow the newest request. undefined if that request arrived while serving. */
  #behind: Behind | undefined
  readonly #inbound: InboundBytes
  /** To recognise a stalled upload: the number of bytes received at the last pass, and when that number last changed. */
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
    // When a pipelining client disconnects, Node 20 and 22 do not close the responses that are queued behind the first one. So
    // the 'close' of the socket ends all of them.
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
   * Whether another request on this connection can be answered. After our FIN, or after a response with `Connection: close`, it
   * cannot. The client then knows that its request was not processed, and may send it again (RFC 9112 §9.6).
   */
  get answerable(): boolean {
    if (this.farewellSent) return false
    const { response } = this
    return !(response && saidClose(response)) && !(this.#closing && saidClose(this.#closing))
  }

  /**
   * Refuses a request that can no longer be answered. Node would destroy the connection at once. If the client still sends, the
   * kernel then resets the connection, and the response before this request may be lost. So podrain reads and discards the rest of
   * the request, half-closes the connection behind that response, and gives the client `farewellTime` to close its side.
   * @param source The request, or the socket if Node has released the socket for an upgrade.
   */
  refuse(source: IncomingMessage | Socket): void {
    const { socket } = this
    source.resume()
    if (source === socket) socket.on('error', () => {}) // otherwise an error of the socket would end the process
    socket.destroySoon = () => {
      socket.end()
      setTimeout(() => socket.destroy(), farewellTime).unref()
    }
  }

  /** Called when the newest request has arrived while draining. */
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

  /** Called when a probe has arrived while draining. */
  pass(request: IncomingMessage, response: ServerResponse): void {
    this.#setAside()
    this.#behind = this.#inbound.behind(request, this.pending === 0)
    this.dismiss(response)
  }

  /** Stops counting a response. Returns whether the response was counted. */
  exclude(response: ServerResponse): boolean {
    if (this.response !== response) return false
    response.removeListener('close', this.#closeResponse)
    this.pending--
    this.response = undefined
    if (this.#behind === undefined) this.#inbound.parsedAll()
    return true
  }

  /**
   * Keeps the open responses from closing the connection, because more has arrived behind them. Calls `next` when these
   * responses have closed.
   */
  yieldTo(next: () => void): void {
    this.unshed()
    this.#setAside()
    const last = [...(this.#earlier?.keys() ?? [])].at(-1)
    if (last) last.once('close', next)
    else next()
  }

  /** Keeps a handler run until its response closes. Returns false if the response is not open or not counted. */
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

  /** The URL that the client of an open response has requested. */
  urlOf(response: ServerResponse): string | undefined {
    return this.response === response ? this.url : this.#earlier?.get(response)?.url
  }

  /** Called when a response has closed. Returns whether it was counted. */
  finish(response: ServerResponse): boolean {
    if (this.response === response) {
      this.response = undefined
      this.#handling = undefined // otherwise it would keep the request in memory while the connection is idle
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
    if (this.#closing === response) this.#closing = undefined // otherwise the response would stay in memory
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
    // The time at which the last response closed is not recorded while serving. The present time is a safe upper bound.
    if (this.pending === 0 && this.#answered) this.since = now
    return this.response && isProbe(this.response.req.headers) ? [this.response] : []
  }

  /**
   * Takes `Connection: close` back, because while serving nothing checks whether another request has arrived behind the open
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
   * Says `Connection: close` on the newest open response. The caller checks two conditions:
   * - The response is the last of pipelined responses, because Node discards the requests behind it.
   * - Its request is complete. Node closes the socket behind the response, so the kernel would reset the connection of a client that
   *   still sends, and the response may be lost (RFC 9112 §9.6).
   * If the header of the response has been sent, the next response says `Connection: close`.
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
   * Marks a response to a probe or control request. Its connection need not stay open after the response, unless more has
   * arrived on the connection.
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

  /** Whether our side of the socket has ended, by `closeIdle` or behind a response with `Connection: close`. */
  get farewellSent(): boolean {
    return this.socket.writableEnded
  }

  heldUntil(quiet: number): number {
    if (this.farewellSent) return Number.NEGATIVE_INFINITY
    return this.since + (this.#answered ? this.#keepAlive : quiet)
  }

  /**
   * Closes the connection unless a request may be on its way. That is so if half a header has arrived, or if the connection is so
   * new that its first request is still to come.
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
        path: pathOf({ url: this.urlOf(response) }),
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

  /**
   * Says `Connection: close` on the response to an upload as soon as the body has been received. Applications often respond at that
   * moment, and not only after the next visit.
   */
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

  /** Moves the newest response to `#earlier`. */
  #setAside(): void {
    if (!this.response) return
    this.#earlier ??= new Map()
    this.#earlier.set(this.response, { url: this.url, handling: this.#handling })
    this.response = undefined
    this.#handling = undefined
  }

  /**
   * Whether the client has stopped sending the body of its request. A client does not count as stalled while the application has
   * not read what has arrived, or while the client waits for `100 Continue`.
   */
  #stalled(now: number, uploadTimeout: number): boolean {
    const { response } = this
    const request = response?.req
    if (this.pending !== 1 || !request || request.complete || response.headersSent) return false
    // A client that sends its body no longer waits for `100 Continue`.
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

/** The server that accepted the socket of a request or session. undefined without a server, as under Fastify's `inject()`. */
export function serverOf(request: { readonly socket?: Socket | undefined }): Server | undefined {
  return (request.socket as TaggedSocket | undefined)?.server
}

/** Sheds the client unless it has pipelined. Called in the next tick, when all that came with the open request has been parsed. */
function shedUnlessMore(connection: Http1Connection): void {
  if (connection.pending === 1 && !connection.receiving) connection.shed()
}
