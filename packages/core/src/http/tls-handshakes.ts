import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** The TLS handshakes that go on: there is a client behind each, though there is no request yet. */
export class TlsHandshakes {
  /** Connections to servers with TLS, from before their handshake on, and how many of them have finished it. */
  readonly #encrypted = new Set<Socket>()
  #secured = 0
  #newestAt = 0

  /** Whether a handshake is going on. */
  get active(): boolean {
    return this.#encrypted.size > this.#secured
  }

  /** Until when the newest is waited for, as long as for the first request of a new connection. */
  heldUntil(quiet: number): number {
    return this.active ? this.#newestAt + quiet : Number.NEGATIVE_INFINITY
  }

  begin(socket: Socket, now: number): void {
    this.#encrypted.add(socket)
    this.#newestAt = now
    socket.on('close', () => this.#encrypted.delete(socket))
  }

  end(socket: TLSSocket): void {
    this.#secured++
    socket.on('close', () => this.#secured--)
  }

  /** Cuts them, and the connections that have come of them. */
  destroy(): void {
    for (const socket of this.#encrypted) socket.destroy()
  }
}
