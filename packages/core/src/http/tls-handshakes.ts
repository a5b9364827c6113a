import type { Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'

/** A TLS handshake on a connection. */
interface Handshake {
  readonly socket: Socket
  readonly begun: number
}

/** The TLS handshakes in progress. After each handshake its client will send a request. */
export class TlsHandshakes {
  /** All connections of TLS servers, until they close. */
  readonly #connections = new Set<Socket>()
  /**
   * The handshakes in progress, by the addresses of both ends, because Node has no public link from an encrypted socket to its
   * connection. Connections without addresses, such as those of a unix socket, share one entry, the oldest first.
   */
  readonly #going = new Map<string, Handshake[]>()

  /** Whether a handshake is in progress. */
  get active(): boolean {
    return this.#going.size > 0
  }

  /** The time until which the drain waits for handshakes: `quiet` for each, as for the first request of a new connection. */
  heldUntil(quiet: number): number {
    let newest = Number.NEGATIVE_INFINITY
    for (const handshakes of this.#going.values()) {
      for (const { begun } of handshakes) newest = Math.max(newest, begun)
    }
    return newest + quiet
  }

  begin(socket: Socket, now: number): void {
    const handshake = { socket, begun: now }
    const addresses = addressesOf(socket)
    const others = this.#going.get(addresses)
    if (others) others.push(handshake)
    else this.#going.set(addresses, [handshake])
    this.#connections.add(socket)
    socket.on('close', () => {
      this.#connections.delete(socket)
      this.#remove(addresses, handshake)
    })
  }

  /**
   * Called when a handshake has ended. Returns whether its beginning was seen. It was not seen if the server was not watched
   * then.
   */
  finish(socket: TLSSocket): boolean {
    const addresses = addressesOf(socket)
    const handshake = this.#going.get(addresses)?.[0]
    this.#remove(addresses, handshake)
    return handshake !== undefined
  }

  /** Closes all connections by force, including those whose handshake has ended. */
  destroy(): void {
    for (const socket of this.#connections) socket.destroy()
  }

  #remove(addresses: string, handshake: Handshake | undefined): void {
    const left = this.#going.get(addresses)?.filter((other) => other !== handshake)
    if (left?.length) this.#going.set(addresses, left)
    else this.#going.delete(addresses)
  }
}

function addressesOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
}
