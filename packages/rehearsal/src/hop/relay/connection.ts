import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Endpoint } from '../../load/endpoint.js'
import type { Clock } from '../../shared/clock.js'
import { connectTo } from '../../shared/connect.js'
import type { UpstreamEnd } from '../../timeline/upstream.js'
import type { Sighting } from './messages.js'

/** What a connection reports. */
export interface ConnectionListener {
  /** A response has begun. */
  onAnswer(): void
  /** Something that may have cost a client a request. */
  onSeen(seen: Sighting): void
}

/**
 * A connection through the relay. Every byte and each FIN or reset is forwarded as it came. Bytes towards the pod, then bytes from the pod,
 * count as a request and its response, because HTTP/1.1 takes turns on one connection. Where the pod uses TLS, the relay encrypts instead
 * of the program, so that it can see where requests and responses begin.
 */
export class Connection {
  readonly #back: Socket
  readonly #pod: string
  readonly #clock: Clock
  readonly #listener: ConnectionListener
  #connected = false
  /** Whether a request waits for its response. */
  #asking = false
  #sentAt: number
  #answers = 0
  /** Which side ended the connection first. */
  #endedBy: 'pod' | 'hop' | undefined

  /** Connects `front`, the program's connection, with the pod. */
  constructor(front: Socket, endpoint: Endpoint, clock: Clock, listener: ConnectionListener) {
    this.#back = connectTo(endpoint, { allowHalfOpen: true })
    this.#pod = endpoint.name
    this.#clock = clock
    this.#listener = listener
    this.#sentAt = clock()
    this.#back.once('connect', () => {
      this.#connected = true
    })
    this.#follow(front, this.#back, 'hop')
    this.#follow(this.#back, front, 'pod')
    front.on('data', () => this.#request())
    this.#back.on('data', (piece) => this.#answer(piece))
    front.pipe(this.#back)
    this.#back.pipe(front)
  }

  #follow(socket: Socket, other: Socket, by: 'pod' | 'hop'): void {
    socket.once('end', () => this.#ended(by))
    socket.on('error', () => {
      this.#ended(by)
      if (other.destroyed) return
      // Node cannot reset a TLS connection.
      if (other.connecting || other instanceof TLSSocket) other.destroy()
      else other.resetAndDestroy()
    })
  }

  /** Called before the end is forwarded, so that the sighting is sent before the client can report a loss. */
  #ended(by: 'pod' | 'hop'): void {
    if (this.#endedBy !== undefined) return
    this.#endedBy = by
    const refused = by === 'pod' && !this.#connected
    if (refused) this.#tell('refused')
    else if (this.#asking) this.#tell(by === 'pod' ? 'unanswered' : 'given up')
    else if (by === 'pod' && this.#answers > 0) this.#tell('cut')
  }

  #request(): void {
    if (this.#asking) return
    this.#asking = true
    this.#sentAt = this.#clock()
    // The pod has ended the connection before this request reached it.
    if (this.#endedBy === 'pod' && this.#connected) this.#tell('unanswered')
  }

  #answer(piece: Buffer): void {
    if (!this.#asking) return
    const status = statusOf(piece)
    // An informational response, such as 100 Continue, is not the response yet. 101 is: it ends the turns.
    if (status >= 100 && status < 200 && status !== 101) return
    this.#asking = false
    this.#listener.onAnswer()
    if (status > 299) this.#tell('answered', status)
    this.#answers++
  }

  #tell(end: UpstreamEnd, status?: number): void {
    const told = { pod: this.#pod, end, sentAt: this.#sentAt, endedAt: this.#clock() }
    const reused = this.#answers > (end === 'cut' ? 1 : 0)
    this.#listener.onSeen({ ...told, reused, ...(status === undefined ? {} : { status }) })
  }
}

const statusLine = /^HTTP\/1\.[01] (\d{3})/

/** The status of a response that begins with this piece; 0 if no response begins here. */
function statusOf(piece: Buffer): number {
  return Number(statusLine.exec(piece.toString('latin1', 0, 12))?.[1] ?? 0)
}
