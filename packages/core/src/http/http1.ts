import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { isProbe, routeOf } from '../shared/request.js'
import { farewellTime, firstRequestTime } from '../shared/timing.js'
import type { Connection, ConnectionOwner, Handling, OpenOnConnection, Round } from './connection.js'
import { awaitsContinue, hasContinued } from './continue.js'
import { hasBody, InboundBytes } from './http1-bytes.js'
import { type Received, receivedBy } from './received.js'
import { hearClose, saidClose, sayClose } from './say-close.js'

const kConnection: unique symbol = Symbol('podrain.connection')

type Owner = ConnectionOwner<Http1Connection, ServerResponse>
type Behind = ReturnType<InboundBytes['behind']>
type KnownSocket = Socket & { [kConnection]?: Http1Connection; readonly server?: Server }

/** A request that others have come behind. */
interface Earlier {
  readonly url: string | undefined
  readonly handling: Handling | undefined
}

/** What is known of one HTTP/1 connection. It lives as long as its socket; a request adds nothing to it but numbers. */
export class Http1Connection implements Connection {
  readonly owner: Owner
  readonly socket: Socket
  /** Milliseconds that an answer on this connection promises it may stay idle. */
  readonly #promise: number
  /** The share of the ramp, 0 to 1, from which on its responses say `Connection: close`. */
  readonly #shedAt: number = Math.random()
  /** More than one when the client pipelines. */
  pending = 0
  /** The newest response, while it is open and counted, and nothing else has come behind its request. */
  response: ServerResponse | undefined
  /** For all responses, so that a request costs no closure; 'close', not 'finish', as an aborted response never finishes. */
  readonly #closeResponse: (this: ServerResponse) => void
  /** What its handler returned. Not on the response: where Express has set its prototype, all that is not there is dear. */
  #handling: Handling | undefined
  /** What the newest request asked for: the application may write over that of the request. */
  url: string | undefined = ''
  /** The open ones before it, when the client pipelines. */
  #earlier: Map<ServerResponse, Earlier> | undefined
  since = 0 // a number from the start, or V8 allocates each that is written here
  /** Whether it has carried a response, and so was promised keep-alive. */
  #answered = false
  readonly #received: Received
  /** The response that was told to say `Connection: close`, and what undoes it. */
  #closing: ServerResponse | undefined
  #unclose: (() => void) | undefined
  /** The request after whose body its response is told so. */
  #expected: IncomingMessage | undefined
  /** The newest response that answers no user, while draining. */
  dismissed: ServerResponse | undefined
  /** What seemed to be behind the newest request; undefined if it came while serving. */
  #behind: Behind | undefined
  readonly #inbound: InboundBytes
  /** For a body that may have stalled: the bytes seen so far, and when there were last more. */
  #bytesRead = 0
  #movedAt = 0

  constructor(owner: Owner, socket: Socket, promise: number, now: number) {
    this.owner = owner
    this.socket = socket
    this.#promise = promise
    this.since = now
    this.#received = receivedBy(socket)
    this.#inbound = new InboundBytes(this.#received)
    ;(socket as KnownSocket)[kConnection] = this
    // Node 20 and 22 never close the responses queued behind the first when a pipelining client hangs up, so the socket
    // settles what is left.
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
   * Whether another request can be answered: not once the connection has been ended, or a response has said that it will
   * be. Its client knows then that the request was not begun, and may send it again (RFC 9112 §9.6).
   */
  get answerable(): boolean {
    if (this.ended) return false
    const { response } = this
    return !(response && saidClose(response)) && !(this.#closing && saidClose(this.#closing))
  }

  /**
   * A request came that can no longer be answered. What its client still sends is read, or the kernel would reset the
   * connection, and an answer that is on its way could be lost with that. So the connection is half-closed behind the answer
   * in front of it, and the client gets a moment to close its side; Node would destroy it at once.
   * @param source the request, or the socket where Node has given that up for an upgrade
   */
  turnAway(source: IncomingMessage | Socket): void {
    const { socket } = this
    source.resume()
    if (source === socket) socket.on('error', () => {}) // nobody else listens now
    socket.destroySoon = () => {
      socket.end()
      setTimeout(() => socket.destroy(), farewellTime).unref()
    }
  }

  /** The newest request arrived while draining. */
  beginDraining(request: IncomingMessage, share: number, now: number): void {
    this.since = now
    this.#bytesRead = -1
    this.#movedAt = now
    this.#behind = this.#inbound.behind(request, this.pending === 1)
    if (this.response) hearClose(this.response)
    if (share < this.#shedAt) return
    if (this.#behind === 'its body') request.once('end', () => shedUnlessMore(this))
    if (this.#behind === 'nothing') this.shed()
    else process.nextTick(shedUnlessMore, this)
  }

  /** A request arrived while draining that no user has sent. */
  pass(request: IncomingMessage, response: ServerResponse): void {
    this.#setAside()
    this.#behind = this.#inbound.behind(request, this.pending === 0)
    this.dismiss(response)
  }

  /** The response in flight is not to be counted after all. */
  exclude(response: ServerResponse): boolean {
    if (this.response !== response) return false
    response.removeListener('close', this.#closeResponse)
    this.pending--
    this.response = undefined
    if (this.#behind === undefined) this.#inbound.parsedAll()
    return true
  }

  /** Something has come behind the open responses that must not be lost. Calls back when they have closed, or now. */
  yieldTo(next: () => void): void {
    this.unshed()
    this.#setAside()
    const last = [...(this.#earlier?.keys() ?? [])].at(-1)
    if (last) last.once('close', next)
    else next()
  }

  /** Keeps what the handler returned until the response closes. Returns whether it is open, and counted. */
  keep(response: ServerResponse, handling: Handling): boolean {
    if (this.response === response) this.#handling = handling
    else if (this.#earlier?.has(response)) this.#earlier.set(response, { url: this.urlOf(response), handling })
    else return false
    return true
  }

  /** What has been kept. */
  handlingOf(response: ServerResponse): Handling | undefined {
    return this.response === response ? this.#handling : this.#earlier?.get(response)?.handling
  }

  /** What the request of an open response asked for. */
  urlOf(response: ServerResponse): string | undefined {
    return this.response === response ? this.url : this.#earlier?.get(response)?.url
  }

  /** The response has closed. Returns whether it was counted. */
  end(response: ServerResponse): boolean {
    if (this.response === response) {
      this.response = undefined
      this.#handling = undefined // or it would keep the request in memory while the connection is idle
    } else {
      this.#earlier?.delete(response)
    }
    if (this.pending === 0) return false
    this.pending--
    this.#answered = true
    return true
  }

  /** A response closed while draining. */
  endDraining(response: ServerResponse, now: number): void {
    this.since = now
    if (this.#closing === response) this.#closing = undefined // or it would be kept in memory
    if (this.pending === 0) this.#inbound.caughtUp()
  }

  drain(now: number): readonly ServerResponse[] {
    this.#movedAt = now
    this.#bytesRead = -1
    if (this.response && !this.response.headersSent) hearClose(this.response)
    if (this.pending > 0) {
      if (this.response) this.#inbound.adopt(this.response.req, this.pending === 1 && !this.#answered)
      else this.#inbound.expectNothing()
    } else if (this.#answered) {
      this.#inbound.parsedAll() // on one that is new, half a header may have come
    }
    // When its last response closed is not known, as serving does not look at the clock for it: now is safe.
    if (this.pending === 0 && this.#answered) this.since = now
    return this.response && isProbe(this.response.req.headers) ? [this.response] : []
  }

  /** While serving, nobody looks whether another request has come behind the open one. */
  resume(): void {
    this.#expected = undefined
    this.unshed()
  }

  visit({ now, share, uploadPause }: Round): number {
    if (this.pending === 0 || this.#stalled(now, uploadPause)) return 0
    if (share >= this.#shedAt) {
      if (this.receiving) this.#shedWhenReceived()
      else this.shed()
    }
    return this.pending
  }

  /**
   * Says `Connection: close` on the open response. With pipelined requests only the newest may say so, as the rest would be
   * lost. And only when the request is there whole: an upload may be refused by its beginning, and behind `close` Node closes the
   * socket, so that the kernel resets a client that still sends, and the answer may be lost with that (RFC 9112 §9.6).
   * Where the header has left, its promise holds: the next response on the connection says it.
   */
  shed(): void {
    if (this.response) this.#close(this.response)
  }

  /** Another request is already there behind the open one, so the open one must not close the connection. */
  unshed(): void {
    if (!this.#closing || this.#closing.headersSent) return
    this.#unclose?.()
    this.#closing = undefined
  }

  /** No user waits for this response: the connection need not be kept once it is answered, unless more has come on it. */
  dismiss(response: ServerResponse): void {
    this.dismissed = response
    if (this.#behind === undefined || this.#behind === 'nothing') this.#close(response)
    if (this.pending === 0) this.since = Number.NEGATIVE_INFINITY
  }

  /** Whether the body of the newest request is still coming. */
  get receiving(): boolean {
    const request = this.response?.req
    return request !== undefined && hasBody(request) && !request.complete
  }

  /** Whether this side of it is closed: by us, or behind a response that said so. */
  get ended(): boolean {
    return this.socket.writableEnded
  }

  heldUntil(quiet: number): number {
    if (this.ended) return Number.NEGATIVE_INFINITY
    return this.since + (this.#answered ? this.#promise : quiet)
  }

  /**
   * Not a connection that has sent something else than a request: half a header may be on its way. And not one that was
   * opened just now: its first request is.
   */
  endIdle(now: number): void {
    if (this.ended || this.#inbound.begun || !(this.#answered || now - this.since >= firstRequestTime)) return
    this.socket.end()
  }

  destroy(): void {
    this.socket.destroy()
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

  /** An upload that began while serving is often answered when its end is there, and then it is too late to look. */
  #shedWhenReceived(): void {
    const request = this.response?.req
    if (!request || this.#expected === request) return
    this.#expected = request
    request.prependOnceListener('end', () => {
      if (this.#expected !== request) return // the drain has been undone
      this.#expected = undefined
      if (this.response?.req === request) shedUnlessMore(this)
    })
  }

  /** The newest response is not the last any more. */
  #setAside(): void {
    if (!this.response) return
    this.#earlier ??= new Map()
    this.#earlier.set(this.response, { url: this.url, handling: this.#handling })
    this.response = undefined
    this.#handling = undefined
  }

  /**
   * A request whose body stopped coming, through no fault of ours: nobody reads slower than it is sent, or has yet to ask
   * for it.
   */
  #stalled(now: number, uploadPause: number): boolean {
    const { response } = this
    const request = response?.req
    if (this.pending !== 1 || !request || request.complete || response.headersSent) return false
    // Whoever sends a body does not wait to be told to.
    if (this.#bytesRead >= 0 && this.#bytesRead !== this.#received.bytesRead) hasContinued(response)
    if (this.#bytesRead !== this.#received.bytesRead || request.readableLength > 0 || awaitsContinue(response)) {
      this.#bytesRead = this.#received.bytesRead
      this.#movedAt = now
    }
    return now - this.#movedAt >= uploadPause
  }
}

/** The connection of a socket, if a drain watches its server. */
export function http1ConnectionOf(socket: Socket | undefined): Http1Connection | undefined {
  return (socket as KnownSocket | undefined)?.[kConnection]
}

/** The server that accepted the request's socket; undefined under `inject()` and the like, where none did. */
export function serverOf(request: IncomingMessage): Server | undefined {
  return (request.socket as KnownSocket | undefined)?.server
}

/** In the next tick everything that arrived together with the open request has been parsed. */
function shedUnlessMore(connection: Http1Connection): void {
  if (connection.pending === 1 && !connection.receiving) connection.shed()
}
