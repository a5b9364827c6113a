import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Connection, OpenOnConnection, Round } from './connection.js'

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
  readonly #isWebSocket: boolean
  /** With more than that the client has been answered. */
  readonly #written: number
  #told = false

  /** @param written What has been written to the socket before the answer to the upgrade. */
  constructor(owner: Owner, request: IncomingMessage, socket: Socket, now: number, written: number) {
    this.#socket = socket
    this.since = now
    this.#isWebSocket = request.headers.upgrade?.toLowerCase() === 'websocket'
    this.#written = written
    socket.on('close', () => owner.forget(this))
  }

  get ended(): boolean {
    return this.#told
  }

  drain(): readonly [] {
    return []
  }

  resume(): void {}

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
   * Between two frames of the library: libraries write whole frames, and a control frame may stand between any two. What
   * is piped into the socket, by a proxy, comes in pieces of any size.
   */
  #tell(): void {
    if (this.#told || !this.#isWebSocket || !this.#socket.writable || !this.#answered) return
    if (this.#socket.listenerCount('unpipe') > 0) return
    this.#told = true
    this.#socket.write(goingAway)
  }

  get #answered(): boolean {
    return this.#socket.bytesWritten > this.#written
  }
}
