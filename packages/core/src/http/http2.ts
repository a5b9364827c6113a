import type {
  Http2Session,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import { isProbe, routeOf } from '../shared/request.js'
import type { Connection, ConnectionOwner, Handling, OpenOnConnection, Round } from './connection.js'

const kSession: unique symbol = Symbol('podrain.session')
const kHandling: unique symbol = Symbol('podrain.handling')

/** Who counts the streams: also those that the server opens itself. */
interface Owner extends ConnectionOwner<Http2Connection, ServerHttp2Stream> {
  countPush(connection: Http2Connection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
}

interface Known {
  [kSession]?: Http2Connection
}
type KnownStream = ServerHttp2Stream & Known & { [kHandling]?: Handling }

interface Opened {
  readonly headers: IncomingHttpHeaders
  /** What was asked for: the application may write over that of the headers. */
  readonly path: string | undefined
  readonly begun: number
  /** For a body that may have stalled: the room left in the stream's window when last seen, and when that last changed. */
  window: number | undefined
  movedAt: number
}

/**
 * What is known of one HTTP/2 session. To lead its client away it sends GOAWAY with the last stream it has seen: open
 * streams finish, and what the client has sent meanwhile it knows to be unprocessed and safe to send again (RFC 9113 §6.8).
 * That section's gentler pair, a first GOAWAY that names no last stream, would lose requests: after any GOAWAY Node
 * ignores new streams without a word.
 */
export class Http2Connection implements Connection {
  readonly owner: Owner
  readonly #session: ServerHttp2Session
  /** The share of the ramp, 0 to 1, from which on it is led away. */
  readonly #shedAt: number = Math.random()
  readonly #streams = new Map<ServerHttp2Stream, Opened>()
  since: number
  #used = false

  constructor(owner: Owner, session: ServerHttp2Session, now: number) {
    this.owner = owner
    this.#session = session
    this.since = now
    ;(session as Known)[kSession] = this
    session.on('close', closeSession)
  }

  get pending(): number {
    return this.#streams.size
  }

  get ended(): boolean {
    return this.#session.closed
  }

  has(stream: ServerHttp2Stream): boolean {
    return this.#streams.has(stream)
  }

  begin(stream: KnownStream, headers: IncomingHttpHeaders, now: number): void {
    stream[kSession] = this
    this.#streams.set(stream, { headers, path: headers[':path'], begun: now, window: undefined, movedAt: now })
    this.#used = true
    this.since = now
    // Node has no event for a stream that the application pushes: only the call tells.
    stream.pushStream = push
    stream.on('close', closeStream)
  }

  /** Keeps what the handler returned until the stream closes. Returns whether it is open. */
  keep(stream: KnownStream, handling: Handling): boolean {
    stream[kHandling] = handling
    return !stream.closed
  }

  /** What has been kept. */
  handlingOf(stream: KnownStream): Handling | undefined {
    return stream[kHandling]
  }

  /** What the request of an open stream asked for. */
  urlOf(stream: ServerHttp2Stream): string | undefined {
    return this.#streams.get(stream)?.path
  }

  /** The stream has closed, or is not to be counted after all. Returns whether it was counted. */
  end(stream: ServerHttp2Stream): boolean {
    return this.#streams.delete(stream)
  }

  endDraining(_stream: ServerHttp2Stream, now: number): void {
    this.since = now
  }

  drain(now: number): readonly ServerHttp2Stream[] {
    for (const opened of this.#streams.values()) opened.movedAt = now
    return [...this.#streams].filter(([, { headers }]) => isProbe(headers)).map(([stream]) => stream)
  }

  resume(): void {}

  visit({ now, share, uploadPause }: Round): number {
    // One that is new and not yet used would only be opened again.
    if (share >= this.#shedAt && (this.#used || now - this.since >= uploadPause)) this.#goAway()
    let busy = 0
    for (const [stream, opened] of this.#streams) {
      if (!isTunnel(stream, opened) && !stalled(stream, opened, now, uploadPause)) busy++
    }
    return busy
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

  open(now: number, begun: number): OpenOnConnection[] {
    return [...this.#streams].map(([stream, opened]) => ({
      method: String(opened.headers[':method']),
      route: routeOf({ url: opened.path }),
      ageMs: Math.round(now - opened.begun),
      alive: !isTunnel(stream, opened) && (!unfinished(stream) || opened.movedAt > begun),
    }))
  }

  clear(): void {
    this.#streams.clear()
  }

  /** Open streams finish, then it ends by itself. But one that is pushed must have begun to be answered: behind GOAWAY it cannot. */
  #goAway(): void {
    if (this.#session.closed) return
    for (const stream of this.#streams.keys()) if (isPushed(stream) && !stream.headersSent) return
    this.#session.close()
  }
}

/** What is known of a session, if a drain watches its server. */
export function http2ConnectionOf(session: Http2Session | undefined): Http2Connection | undefined {
  return (session as Known | undefined)?.[kSession]
}

/** CONNECT that was granted, as for a WebSocket (RFC 8441): no answer is awaited any more. */
function isTunnel(stream: ServerHttp2Stream, { headers }: Opened): boolean {
  return headers[':method'] === 'CONNECT' && stream.headersSent
}

/** The streams of a server have even numbers (RFC 9113 §5.1.1). */
function isPushed({ id = 1 }: ServerHttp2Stream): boolean {
  return id % 2 === 0
}

/** Whether its request is still being sent, and not being answered yet. */
function unfinished(stream: ServerHttp2Stream): boolean {
  return stream.state.remoteClose === 0 && !stream.headersSent
}

/**
 * Whether its body stopped coming. The window of the stream tells: data take room in it, also data that the application
 * has read. The bytes of the session do not: they are other streams', pings, or the client's answer to our GOAWAY.
 */
function stalled(stream: ServerHttp2Stream, opened: Opened, now: number, uploadPause: number): boolean {
  if (!unfinished(stream)) return false
  if (opened.headers.expect !== undefined && !stream.sentInfoHeaders?.length) return false // it waits for 100
  const window = stream.state.localWindowSize
  // Data that wait here to be read are no fault of the client's.
  if (window !== opened.window || stream.readableLength > 0) {
    opened.window = window
    opened.movedAt = now
  }
  return now - opened.movedAt >= uploadPause
}

type PushCallback = (error: Error | null, pushed: ServerHttp2Stream, headers: OutgoingHttpHeaders) => void

/** `pushStream` of a stream. A pushed response is in flight like any other, and may outlive the one that it belongs to. */
function push(this: KnownStream, ...args: unknown[]): void {
  const connection = this[kSession]
  const callback = args.at(-1) as PushCallback | undefined
  if (connection && typeof callback === 'function') {
    const counted: PushCallback = (error, pushed, headers) => {
      if (!error && !pushed.destroyed) connection.owner.countPush(connection, pushed, headers as IncomingHttpHeaders)
      callback(error, pushed, headers)
    }
    args[args.length - 1] = counted
  }
  Object.getPrototypeOf(this).pushStream.apply(this, args)
}

// Shared by all streams and sessions, as for HTTP/1. Node has parted the stream from its session when it closes.
function closeStream(this: KnownStream): void {
  const session = this[kSession]
  session?.owner.release(session, this)
}

function closeSession(this: Http2Session): void {
  const connection = http2ConnectionOf(this)
  connection?.owner.forget(connection)
}
