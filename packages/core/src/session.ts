import type { Http2Session, IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { Carrier, Look, OpenOnCarrier } from './carrier.js'
import { isProbe, routeOf } from './request.js'
import type { Traffic } from './traffic.js'

const kSession: unique symbol = Symbol('podrain.session')
const kHeaders: unique symbol = Symbol('podrain.headers')
const kBegun: unique symbol = Symbol('podrain.begun')

interface Known {
  [kSession]?: Session
}
type KnownStream = ServerHttp2Stream & Known & { [kHeaders]?: IncomingHttpHeaders; [kBegun]?: number }

/**
 * What is known of one HTTP/2 session. To lead its client away it sends GOAWAY with the last stream it has seen: open
 * streams finish, and what the client has sent meanwhile it knows to be unprocessed and safe to send again (RFC 9113 §6.8).
 * That section's gentler pair, a first GOAWAY that names no last stream, would lose requests: after any GOAWAY Node
 * ignores new streams without a word.
 */
export class Session implements Carrier {
  readonly traffic: Traffic
  readonly #session: ServerHttp2Session
  /** The share of the ramp, 0 to 1, from which on it is led away. */
  readonly #shedAt: number = Math.random()
  readonly #streams = new Set<KnownStream>()
  since: number
  #used = false
  /** For bodies that may have stalled: the bytes seen so far, and when there were last more. */
  #bytesRead = -1
  #movedAt = 0

  constructor(traffic: Traffic, session: ServerHttp2Session, now: number) {
    this.traffic = traffic
    this.#session = session
    this.since = now
    ;(session as Known)[kSession] = this
    session.on('close', closeSession)
  }

  get pending(): number {
    return this.#streams.size
  }

  has(stream: ServerHttp2Stream): boolean {
    return this.#streams.has(stream)
  }

  begin(stream: KnownStream, headers: IncomingHttpHeaders, now: number): void {
    stream[kSession] = this
    stream[kHeaders] = headers
    stream[kBegun] = now
    this.#streams.add(stream)
    this.#used = true
    this.since = now
    this.#movedAt = now
    stream.on('close', closeStream)
  }

  /** The stream has closed, or is not to be counted after all. Returns whether it was counted. */
  end(stream: ServerHttp2Stream): boolean {
    return this.#streams.delete(stream)
  }

  endDraining(_stream: ServerHttp2Stream, now: number): void {
    this.since = now
  }

  drain(now: number): void {
    this.#movedAt = now
    for (const stream of [...this.#streams]) if (isProbe(stream[kHeaders] ?? {})) this.traffic.excludeStream(stream)
  }

  look({ now, share, patience }: Look): number {
    // One that is new and not yet used would only be opened again.
    if (share >= this.#shedAt && (this.#used || now - this.since >= patience)) this.#goAway()
    const bytesRead = this.#session.socket?.bytesRead
    if (bytesRead !== this.#bytesRead) {
      this.#bytesRead = bytesRead
      this.#movedAt = now
    }
    if (now - this.#movedAt < patience) return this.pending
    return [...this.#streams].filter((stream) => !unfinished(stream)).length
  }

  heldUntil(quiet: number): number {
    return this.#used ? Number.NEGATIVE_INFINITY : this.since + quiet
  }

  endIdle(): void {
    this.#goAway()
  }

  destroy(): void {
    this.#session.destroy()
  }

  open(now: number, begun: number): OpenOnCarrier[] {
    return [...this.#streams].map((stream) => {
      const headers = stream[kHeaders] ?? {}
      return {
        method: String(headers[':method']),
        route: routeOf({ url: headers[':path'] }),
        ageMs: Math.round(now - (stream[kBegun] ?? now)),
        alive: !unfinished(stream) || this.#movedAt > begun,
      }
    })
  }

  clear(): void {
    this.#streams.clear()
  }

  /** Open streams finish, then it ends by itself. */
  #goAway(): void {
    if (!this.#session.closed) this.#session.close()
  }
}

/** What is known of a session, if a drain watches its server. */
export function sessionOf(session: Http2Session | undefined): Session | undefined {
  return (session as Known | undefined)?.[kSession]
}

/** Whether its request is still being sent, and not being answered yet. */
function unfinished(stream: ServerHttp2Stream): boolean {
  return stream.state.remoteClose === 0 && !stream.headersSent
}

// Shared by all streams and sessions, as for HTTP/1. Node has parted the stream from its session when it closes.
function closeStream(this: KnownStream): void {
  const session = this[kSession]
  session?.traffic.release(session, this)
}

function closeSession(this: Http2Session): void {
  const session = sessionOf(this)
  session?.traffic.forget(session)
}
