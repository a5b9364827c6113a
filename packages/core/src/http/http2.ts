import type {
  Http2Session,
  IncomingHttpHeaders,
  OutgoingHttpHeaders,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import { isProbe, pathOf } from '../shared/request.js'
import type { Connection, ConnectionOwner, HandlerRun, OpenOnConnection, Round } from './connection.js'

const kSession: unique symbol = Symbol('podrain.session')
const kHandling: unique symbol = Symbol('podrain.handling')

/** Counts the streams of a session, including those that the server pushes. */
interface Owner extends ConnectionOwner<Http2Connection, ServerHttp2Stream> {
  countPush(connection: Http2Connection, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void
}

interface Tagged {
  [kSession]?: Http2Connection
}
type TaggedStream = ServerHttp2Stream & Tagged & { [kHandling]?: HandlerRun }

interface Opened {
  readonly headers: IncomingHttpHeaders
  /** The path of the request. It is kept here because the application may overwrite the headers. */
  readonly path: string | undefined
  readonly begun: number
  /**
   * To recognise a stalled upload: the room left in the stream's flow-control window at the last pass, and when that room last
   * changed.
   */
  window: number | undefined
  movedAt: number
}

/**
 * The record of one HTTP/2 session. To shed the client, the session sends GOAWAY with the id of the last stream that it has
 * received. Open streams finish. The client knows that later streams were not processed, and may send them again (RFC 9113 §6.8).
 * The RFC also describes a pair of GOAWAYs, of which the first has the highest stream id, so that the client can go on for a round
 * trip. This pair would lose requests here, because Node ignores new streams after any GOAWAY.
 */
export class Http2Connection implements Connection {
  readonly owner: Owner
  readonly #session: ServerHttp2Session
  /** The share of the ramp, from 0 to 1, at which this session sends GOAWAY. */
  readonly #shedAt: number = Math.random()
  readonly #streams = new Map<ServerHttp2Stream, Opened>()
  since: number
  #used = false

  constructor(owner: Owner, session: ServerHttp2Session, now: number) {
    this.owner = owner
    this.#session = session
    this.since = now
    ;(session as Tagged)[kSession] = this
    session.on('close', closeSession)
  }

  get pending(): number {
    return this.#streams.size
  }

  get farewellSent(): boolean {
    return this.#session.closed
  }

  has(stream: ServerHttp2Stream): boolean {
    return this.#streams.has(stream)
  }

  begin(stream: TaggedStream, headers: IncomingHttpHeaders, now: number): void {
    const isNew = stream[kSession] === undefined // otherwise another drain has already added our listeners
    stream[kSession] = this
    this.#streams.set(stream, { headers, path: headers[':path'], begun: now, window: undefined, movedAt: now })
    this.#used = true
    this.since = now
    if (!isNew) return
    // Node has no event for a stream that the application pushes, so podrain replaces the method.
    stream.pushStream = push
    stream.on('close', closeStream)
  }

  /** The open streams, with the headers of their requests. */
  get streams(): [ServerHttp2Stream, IncomingHttpHeaders][] {
    return [...this.#streams].map(([stream, { headers }]) => [stream, headers])
  }

  /** Keeps a handler run until its stream closes. Returns whether the stream is open. */
  keep(stream: TaggedStream, handling: HandlerRun): boolean {
    stream[kHandling] = handling
    return !stream.closed
  }

  /** The handler run that was kept for a stream. */
  handlingOf(stream: TaggedStream): HandlerRun | undefined {
    return stream[kHandling]
  }

  /** The path that the client of an open stream has requested. */
  urlOf(stream: ServerHttp2Stream): string | undefined {
    return this.#streams.get(stream)?.path
  }

  /** Called when a stream has closed or must not be counted. Returns whether it was counted. */
  finish(stream: ServerHttp2Stream): boolean {
    return this.#streams.delete(stream)
  }

  finishDraining(_stream: ServerHttp2Stream, now: number): void {
    this.since = now
  }

  drain(now: number): readonly ServerHttp2Stream[] {
    for (const opened of this.#streams.values()) opened.movedAt = now
    return [...this.#streams].filter(([, { headers }]) => isProbe(headers)).map(([stream]) => stream)
  }

  resume(): void {}

  visit({ now, share, uploadTimeout }: Round): number {
    // The client of a new, unused session would only open another session.
    if (share >= this.#shedAt && (this.#used || now - this.since >= uploadTimeout)) this.#goAway()
    let busy = 0
    for (const [stream, opened] of this.#streams) {
      if (!isTunnel(stream, opened) && !stalled(stream, opened, now, uploadTimeout)) busy++
    }
    return busy
  }

  heldUntil(quiet: number): number {
    return this.#used ? Number.NEGATIVE_INFINITY : this.since + quiet
  }

  closeIdle(): void {
    this.#goAway()
  }

  destroy(): void {
    this.#session.destroy()
  }

  get destroyed(): boolean {
    return this.#session.destroyed
  }

  open(now: number, begun: number): OpenOnConnection[] {
    return [...this.#streams].map(([stream, opened]) => ({
      method: String(opened.headers[':method']),
      path: pathOf({ url: opened.path }),
      ageMs: Math.round(now - opened.begun),
      alive: !isTunnel(stream, opened) && (!unfinished(stream) || opened.movedAt > begun),
    }))
  }

  clear(): void {
    this.#streams.clear()
  }

  /**
   * Sends GOAWAY. Open streams finish, then the session closes. Does nothing while a pushed stream has not sent its header,
   * because after GOAWAY Node would not send that header.
   */
  #goAway(): void {
    if (this.#session.closed) return
    for (const stream of this.#streams.keys()) if (isPushed(stream) && !stream.headersSent) return
    this.#session.close()
  }
}

/** The record of a session, if a drain watches its server. */
export function http2ConnectionOf(session: Http2Session | undefined): Http2Connection | undefined {
  return (session as Tagged | undefined)?.[kSession]
}

/**
 * Whether the stream is a CONNECT tunnel, such as a WebSocket (RFC 8441), and the application has accepted it. Its response
 * has then been sent.
 */
function isTunnel(stream: ServerHttp2Stream, { headers }: Opened): boolean {
  if (headers[':method'] !== 'CONNECT' || !stream.headersSent) return false
  const status = Number(stream.sentHeaders?.[':status'])
  return status >= 200 && status < 300 // any other status refuses the tunnel
}

/** Whether the server opened the stream. Such streams have even ids (RFC 9113 §5.1.1). */
function isPushed({ id = 1 }: ServerHttp2Stream): boolean {
  return id % 2 === 0
}

/** Whether the request is still being sent and its response has not begun. */
function unfinished(stream: ServerHttp2Stream): boolean {
  return stream.state.remoteClose === 0 && !stream.headersSent
}

/**
 * Whether the client has stopped sending the body. The stream's flow-control window shows this, because received data take room
 * in it, read or not. The bytes of the session do not show this, because they include other streams, pings and replies to GOAWAY.
 */
function stalled(stream: ServerHttp2Stream, opened: Opened, now: number, uploadTimeout: number): boolean {
  if (!unfinished(stream)) return false
  // The client waits for `100 Continue`.
  if (opened.headers.expect !== undefined && !stream.sentInfoHeaders?.length) return false
  const window = stream.state.localWindowSize
  // If the application has not read what has arrived, the client cannot send more.
  if (window !== opened.window || stream.readableLength > 0) {
    opened.window = window
    opened.movedAt = now
  }
  return now - opened.movedAt >= uploadTimeout
}

type PushCallback = (error: Error | null, pushed: ServerHttp2Stream, headers: OutgoingHttpHeaders) => void

/**
 * Replaces `pushStream` of a stream, to count what is pushed. A pushed response is in flight like any other response, and may
 * outlive the stream that it belongs to.
 */
function push(this: TaggedStream, ...args: unknown[]): void {
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

// All streams share one listener, and all sessions share another. The record is a property of the stream, because Node has
// cleared `stream.session` when a stream emits 'close'.
function closeStream(this: TaggedStream): void {
  const session = this[kSession]
  session?.owner.release(session, this)
}

function closeSession(this: Http2Session): void {
  const connection = http2ConnectionOf(this)
  connection?.owner.forget(connection)
}
