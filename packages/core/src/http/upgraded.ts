import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { types } from 'node:util'
import { replaceMethod } from '../shared/replace.js'
import { answerTime } from '../shared/timing.js'
import type { Connection, OpenOnConnection, Round } from './connection.js'
import { WebSocketFrames } from './web-socket-frames.js'

/** The owner is told only that the connection has closed, because an upgraded connection carries no counted requests. */
type Owner = { forget(connection: Connection): void }

/** A close frame with code 1001 (going away), unmasked because a server sends it (RFC 6455 §5.5.1, §7.4.1). */
const goingAway = Buffer.from([0x88, 0x02, 0x03, 0xe9])

/**
 * A connection that is no longer HTTP: a WebSocket, another protocol after `Upgrade`, or a CONNECT tunnel. Only its upgrade
 * counts as a request in flight. When the ramp reaches a WebSocket, podrain sends a close frame. If the client has just sent a
 * message, the close frame follows the application's next message. The application's WebSocket library then sees the client close.
 * Connections that are still open when the process exits are closed by force.
 */
export class UpgradedConnection implements Connection {
  readonly pending = 0
  readonly since: number
  readonly #socket: Socket
  readonly #shedAt: number = Math.random()
  /** Follows the frames that the application writes. undefined if the connection is not a WebSocket. */
  readonly #frames: WebSocketFrames | undefined
  /** Number of bytes written before the response to the upgrade. If more are written, the upgrade has been answered. */
  readonly #written: number
  /** Number of bytes received when the application last wrote. If more are received, the client has sent something since. */
  #readAtWrite = 0
  /** Number of bytes received at the last visit, and the time of the last visit that found more than the visit before. */
  #read = 0
  #readAt: number = Number.NEGATIVE_INFINITY
  /** When the ramp reached this connection. */
  #reachedAt: number | undefined
  /** Whether the close frame is due. It follows the next frame that the application completes. */
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
    // The client may have sent these bytes long ago, so they do not count as recent.
    this.#read = this.#socket.bytesRead
    return []
  }

  resume(): void {
    this.#closeDue = false
    this.#reachedAt = undefined
  }

  /**
   * Sends the close frame if the ramp has reached this connection. If the client has just sent something, it may wait for an answer,
   * so the close frame waits for the application's next frame, for at most `answerTime`. Without this limit, the clients of an
   * application that pings them, or that only receives, would leave together at the end of the ramp: a pong has no answer. The limit
   * counts from the time when the ramp reached the connection, so that clients that were pinged together leave one by one.
   *
   * The upgrade counts as a request until it is answered. Some applications do not answer an upgrade that they do not support, so
   * the upgrade counts for at most `uploadTimeout`.
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
   * Sends the close frame if the application's last frame is complete, because a control frame may stand only between two frames.
   * Libraries write complete frames, but a proxy may have written half a frame. podrain sends no close frame on a socket into which
   * another stream is piped, because the server behind that stream speaks for itself.
   * @param asked Whether the client may wait for an answer. The close frame then waits for the application's next frame.
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
   * Follows what the application writes. Once podrain's close frame is sent, it drops what the application writes: nothing may
   * follow a close frame (RFC 6455 §5.5.1), and clients ignore what does. Node has no public event for writes, so podrain
   * replaces `write` of this socket.
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

/** Drops a write and calls its callback, because the library may wait for it: `ws` does before it ends the socket. */
function drop(callback: unknown): true {
  if (typeof callback === 'function') process.nextTick(callback as () => void)
  return true
}

/** The bytes that a socket writes for a string, a typed array or a DataView. */
function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string')
    return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as never) : undefined)
  return ArrayBuffer.isView(chunk) ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.alloc(0)
}
