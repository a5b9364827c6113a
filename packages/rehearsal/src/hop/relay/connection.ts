import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Endpoint } from '../../load/endpoint.js'
import type { Clock } from '../../shared/clock.js'
import { connectTo } from '../../shared/connect.js'
import type { UpstreamEnd } from '../../timeline/upstream.js'
import type { Sighting } from './messages.js'

/** Whom a connection tells. */
export interface ConnectionListener {
  /** An answer has begun. */
  onAnswer(): void
  /** A client may have lost a request by this. */
  onSeen(seen: Sighting): void
}

/**
 * A connection through the relay, of which every byte and each end passes as it came. Bytes towards the pod, then bytes from it, are a
 * request and its answer: over one connection, HTTP/1.1 takes turns. Where the pod speaks TLS, so does this, in the program's place:
 * else nobody could see what passes.
 */
export class Connection {
  readonly #back: Socket
  readonly #pod: string
  readonly #clock: Clock
  readonly #listener: ConnectionListener
  #connected = false
  /** Whether a request waits for its answer. */
  #asking = false
  #sentAt: number
  #answers = 0
  /** Who ended it first. */
  #endedBy: 'pod' | 'hop' | undefined

  /** Connects `front` with the pod. */
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
      // One that speaks TLS cannot be reset.
      if (other.connecting || other instanceof TLSSocket) other.destroy()
      else other.resetAndDestroy()
    })
  }

  /** Told before the end is passed on, so that nobody hears of what it leads to before. */
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
    // The pod's end and the request have met on the way.
    if (this.#endedBy === 'pod' && this.#connected) this.#tell('unanswered')
  }

  #answer(piece: Buffer): void {
    if (!this.#asking) return
    const status = statusOf(piece)
    // 100 Continue is no answer.
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

/** The status that a piece of an answer begins with; 0 for what is no beginning of one. */
function statusOf(piece: Buffer): number {
  return Number(statusLine.exec(piece.toString('latin1', 0, 12))?.[1] ?? 0)
}
