import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** A connection to a server with TLS, from before its handshake on. */
interface Handshake {
  readonly socket: Socket
  readonly begun: number
}

/** The TLS handshakes that go on: there is a client behind each, though there is no request yet. */
export class TlsHandshakes {
  /** The connections, until they close. */
  readonly #connections = new Set<Socket>()
  /**
   * Those whose handshake goes on, by the addresses of their two ends: Node does not tell which connection an encrypted
   * socket came of. Without addresses, as over a unix socket, several share a place, the oldest first.
   */
  readonly #going = new Map<string, Handshake[]>()

  /** Whether a handshake is going on. */
  get active(): boolean {
    return this.#going.size > 0
  }

  /** Until when one of them is waited for: each as long as the first request of a new connection. */
  heldUntil(quiet: number): number {
    let newest = Number.NEGATIVE_INFINITY
    for (const handshakes of this.#going.values()) {
      for (const { begun } of handshakes) newest = Math.max(newest, begun)
    }
    return newest + quiet
  }

  begin(socket: Socket, now: number): void {
    const handshake = { socket, begun: now }
    const ends = endsOf(socket)
    const others = this.#going.get(ends)
    if (others) others.push(handshake)
    else this.#going.set(ends, [handshake])
    this.#connections.add(socket)
    socket.on('close', () => {
      this.#connections.delete(socket)
      this.#remove(ends, handshake)
    })
  }

  /** It has come to its end. Returns whether it has been seen to begin: one from before the watch ends no other's record. */
  end(socket: TLSSocket): boolean {
    const ends = endsOf(socket)
    const handshake = this.#going.get(ends)?.[0]
    this.#remove(ends, handshake)
    return handshake !== undefined
  }

  /** Cuts them, and the connections that have come of them. */
  destroy(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  #remove(ends: string, handshake: Handshake | undefined): void {
    const left = this.#going.get(ends)?.filter((other) => other !== handshake)
    if (left?.length) this.#going.set(ends, left)
    else this.#going.delete(ends)
  }
}

function endsOf({ remoteAddress, remotePort, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localPort}`
}
