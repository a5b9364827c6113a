import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { types } from 'node:util'
import type { Connection, OpenOnConnection, Round } from './connection.js'
import { WebSocketFrames } from './web-socket-frames.js'

/** It carries nothing that could be released: it only tells that it has closed. */
type Owner = { forget(connection: Connection): void }

/** A close frame, unmasked as a server sends it, with the code 1001: an endpoint is going away (RFC 6455 §5.5.1, §7.4.1). */
const goingAway = Buffer.from([0x88, 0x02, 0x03, 0xe9])

/**
 * A connection that is no longer HTTP: a WebSocket, another protocol after `Upgrade`, or a CONNECT tunnel. Nothing is in
 * flight on it but the answer to that. A WebSocket is told to go away when its turn has come; the application's library then
 * sees its client close. What is still open when the process is about to exit is cut.
 */
export class UpgradedConnection implements Connection {
  readonly pending = 0
  readonly since: number
  readonly #socket: Socket
  readonly #shedAt: number = Math.random()
  /** What the application writes, if it is a WebSocket. */
  readonly #frames: WebSocketFrames | undefined
  /** With more than that the client has been answered. */
  readonly #written: number
  /** Its turn has come: it is told between two frames. */
  #due = false
  #told = false
  /** Stops seeing what the application writes. */
  #unfollow = (): void => {}

  /** @param written What has been written to the socket before the answer to the upgrade. */
  constructor(owner: Owner, request: IncomingMessage, socket: Socket, now: number, written: number) {
    this.#socket = socket
    this.since = now
    this.#written = written
    if (request.headers.upgrade?.toLowerCase() === 'websocket') {
      this.#frames = new WebSocketFrames(socket.bytesWritten > written)
      this.#unfollow = this.#follow(this.#frames)
    }
    socket.on('close', () => owner.forget(this))
  }

  get ended(): boolean {
    return this.#told
  }

  drain(): readonly [] {
    return []
  }

  resume(): void {
    this.#due = false
  }

  /** Until it is answered, it is a request. Some applications leave an upgrade that they do not know without an answer. */
  visit({ now, share, uploadPause }: Round): number {
    if (share >= this.#shedAt) this.#tell()
    return this.#answered || now - this.since >= uploadPause ? 0 : 1
  }

  heldUntil(): number {
    return Number.NEGATIVE_INFINITY
  }

  endIdle(): void {
    this.#tell()
  }

  destroy(): void {
    this.#socket.destroy()
  }

  open(): OpenOnConnection[] {
    return []
  }

  clear(): void {}

  /**
   * Between two frames: a control frame may stand between any two. Libraries write whole ones; who forwards what another
   * server sends may be in the middle of one, and goes on later. What is piped into the socket is the other server's to end.
   */
  #tell(): void {
    if (this.#told || !this.#frames || !this.#socket.writable || !this.#answered) return
    if (this.#socket.listenerCount('unpipe') > 0) return
    this.#due = true
    if (!this.#frames.open) return
    this.#told = true
    this.#unfollow()
    this.#socket.write(goingAway)
  }

  /**
   * Sees what the application writes. Nothing public tells where its frames end, so the socket gets a `write` of ours in front
   * of the one it has, until its client has been told.
   * @returns what takes it away
   */
  #follow(frames: WebSocketFrames): () => void {
    const socket = this.#socket
    const { write } = socket as { write: (...args: unknown[]) => boolean }
    const wasOwn = Object.hasOwn(socket, 'write')
    const ours = (...args: unknown[]): boolean => {
      if (this.#told) return write.apply(socket, args)
      const [chunk, encoding] = args
      frames.add(types.isUint8Array(chunk) ? chunk : bytesOf(chunk, encoding))
      const more = write.apply(socket, args)
      if (this.#due) this.#tell()
      return more
    }
    socket.write = ours as Socket['write']
    return () => {
      if (socket.write !== ours) return
      if (wasOwn) socket.write = write as Socket['write']
      else delete (socket as Partial<Socket>).write
    }
  }

  get #answered(): boolean {
    return this.#socket.bytesWritten > this.#written
  }
}

/** What a socket writes for a string, or for a view of another kind. */
function bytesOf(chunk: unknown, encoding: unknown): Uint8Array {
  if (typeof chunk === 'string') return Buffer.from(chunk, typeof encoding === 'string' ? (encoding as never) : 'utf8')
  return ArrayBuffer.isView(chunk) ? new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength) : Buffer.alloc(0)
}
