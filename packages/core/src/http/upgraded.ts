import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { types } from 'node:util'
import { replaceMethod } from '../shared/replace.js'
import { answerTime } from '../shared/timing.js'
import type { Connection, OpenOnConnection, Round } from './connection.js'
import { WebSocketFrames } from './web-socket-frames.js'

/** The owner needs only to know that the connection has closed: an upgraded connection carries no counted requests. */
type Owner = { forget(connection: Connection): void }

/** A close frame with code 1001 (going away), unmasked because a server sends it (RFC 6455 §5.5.1, §7.4.1). */
const goingAway = Buffer.from([0x88, 0x02, 0x03, 0xe9])

/**
 * A connection that is no longer HTTP: a WebSocket, another protocol after `Upgrade`, or a CONNECT tunnel. Only its
 * upgrade counts as a request in flight. When the ramp reaches a WebSocket, a close frame is sent on it, behind the
 * answer to what its client has just said. The application's WebSocket library then sees the client close. Connections
 * that are still open when the process exits are closed by force.
 */
export class UpgradedConnection implements Connection {
  readonly pending = 0
  readonly since: number
  readonly #socket: Socket
  readonly #shedAt: number = Math.random()
  /** Follows the frames that the application writes; undefined if it is not a WebSocket. */
  readonly #frames: WebSocketFrames | undefined
  /** Number of bytes written before the response to the upgrade. If more were written, it has been answered. */
  readonly #written: number
  /** Number of bytes that the client had sent when the application wrote last. If it has sent more, it spoke last. */
  #readAtWrite = 0
  /** Number of bytes that the client had sent at the last visit, and when a visit saw more of them than the one before. */
  #read = 0
  #readAt: number = Number.NEGATIVE_INFINITY
  /** When the ramp reached this connection. */
  #reachedAt: number | undefined
  /** Whether the close frame is due, and follows the frame that the application completes next. */
  #closeDue = false
  #closeSent = false

  /** @param written Number of bytes written to the socket before the response to the upgrade. */
  constructor(owner: Owner, request: IncomingMessage, socket: Socket, now: number, written: number) {
    this.#socket = socket
    this.since = now
    this.#written = written
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      this.#frames = new WebSocketFrames(socket.bytesWritten > written)
      this.#follow(this.#frames)
    }
    socket.on('close', () => owner.forget(this))
  }

  get farewellSent(): boolean {
    return this.#closeSent
  }

  drain(): readonly [] {
    // Nobody knows when the client sent these: it may have been long ago.
    this.#read = this.#socket.bytesRead
    return []
  }

  resume(): void {
    this.#closeDue = false
    this.#reachedAt = undefined
  }

  /**
   * Tells the client to leave if the ramp has reached it, unless it has just spoken and waits for an answer. That is
   * limited, because not everything has an answer, as the answer to a ping: of an application that pings its clients, or
   * only listens to them, most would otherwise leave together at the end of the ramp. The limit counts from when the ramp
   * reached the connection, so that those that were pinged together leave one by one, too.
   *
   * The upgrade counts as a request until it is answered. Some applications never answer an upgrade they do not
   * support, so it counts only up to `uploadTimeout`.
   */
  visit({ now, share, uploadTimeout }: Round): number {
    const { bytesRead } = this.#socket
    if (bytesRead > this.#read) this.#readAt = now
    this.#read = bytesRead
    if (share >= this.#shedAt) {
      this.#reachedAt ??= now
      const recent = this.#reachedAt - this.#readAt < answerTime && now - this.#reachedAt < answerTime
      this.#sendClose(share < 1 && recent && bytesRead > this.#readAtWrite)
    }
    return this.#answered || now - this.since >= uploadTimeout ? 0 : 1
  }

  heldUntil(): number {
    return Number.NEGATIVE_INFINITY
  }

  closeIdle(): void {
    this.#sendClose(false)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  get destroyed(): boolean {
    return this.#socket.destroyed
  }

  open(): OpenOnConnection[] {
    return []
  }

  clear(): void {}

  /**
   * Sends the close frame, if the last frame of the application is complete: a control frame may stand between any two.
   * Libraries write complete frames, but a proxy may be in the middle of one. A socket that another server is piped
   * into is left to that server.
   * @param asked Whether the client waits for an answer. The close frame then waits for the application's next frame.
   */
  #sendClose(asked: boolean): void {
    if (this.#closeSent || !this.#frames || !this.#socket.writable || !this.#answered) return
    if (this.#socket.listenerCount('unpipe') > 0) return
    this.#closeDue = true
    if (asked || !this.#frames.open) return
    this.#closeDue = false
    this.#socket.write(goingAway)
    this.#closeSent = true
  }

  /**
   * Follows what the application writes, and drops what it writes behind our close frame: nothing may follow a close
   * frame (RFC 6455 §5.5.1), and clients ignore what does. Node has no public way to see what is written, so `write` of
   * this socket is replaced.
   */
  #follow(frames: WebSocketFrames): void {
    const socket = this.#socket
    replaceMethod(socket, 'write', (write) => (...args) => {
      if (this.#closeSent) return drop(args.at(-1))
      const [chunk, encoding] = args
      frames.add(types.isUint8Array(chunk) ? chunk : bytesOf(chunk, encoding))
      this.#readAtWrite = socket.bytesRead
      const more = write(...args)
      if (this.#closeDue) this.#sendClose(false)
      return more
    })
  }

  get #answered(): boolean {
    return this.#socket.bytesWritten > this.#written
  }
}

/** Takes a write without writing. The library may wait for its callback, as `ws` does before it ends the socket. */
function drop(callback: unknown): true {
  if (typeof callback === 'function') process.nextTick(callback as () => void)
  return true
}

/** The bytes that a socket writes for a string or for any kind of view. */
function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as never) : undefined)
  return ArrayBuffer.isView(chunk) ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.alloc(0)
}
