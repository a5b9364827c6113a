import type { EventEmitter } from 'node:events'
import type net from 'node:net'

/** A connection, encrypted or not, or a session. */
type Found = Pick<net.Socket, 'destroyed'> & EventEmitter

/** A server that had connections before it was watched. */
interface Late {
  /** Its connections that have come since, or have been found. */
  readonly known: Set<Found>
  /** How many more there were when it was last asked. */
  unknown: number
  readonly stop: () => void
}

/**
 * The connections that were there before their server was watched. Node has no public list of them, it only counts
 * (`server.getConnections`). One is found when its next request comes, or at the end of its TLS handshake. The others may carry a
 * request that nobody has counted, so a drain waits for them as for a request.
 */
export class EarlierConnections {
  readonly #late = new Map<net.Server, Late>()
  readonly #onUnknown: (count: number, server: net.Server) => void

  /** @param onUnknown Called when a server that is watched has connections already. */
  constructor(onUnknown: (count: number, server: net.Server) => void) {
    this.#onUnknown = onUnknown
  }

  /** Connections of which nobody knows what they carry, as of the last `look()`. */
  get unknown(): number {
    let unknown = 0
    for (const late of this.#late.values()) unknown += late.unknown
    return unknown
  }

  /** The server is watched from now on. */
  watch(server: net.Server): void {
    const known = new Set<Found>()
    const onConnection = (socket: net.Socket): void => keep(known, socket)
    server.on('connection', onConnection)
    const late: Late = { known, unknown: 0, stop: () => server.removeListener('connection', onConnection) }
    this.#late.set(server, late)
    this.#count(server, late, (count) => {
      if (count > 0) this.#onUnknown(count, server)
    })
  }

  /** A request has come, or a handshake has ended, on a connection that was not known. */
  found(connection: Found, server: net.Server | undefined): void {
    if (this.#late.size === 0) return
    const [only] = this.#late.values()
    const late = server ? this.#late.get(server) : only
    if (late) keep(late.known, connection)
  }

  /** Counts again. It is known a moment later. */
  look(): void {
    for (const [server, late] of this.#late) this.#count(server, late)
  }

  /** Lets go of the server. */
  release(server: net.Server): void {
    this.#late.get(server)?.stop()
    this.#late.delete(server)
  }

  #count(server: net.Server, late: Late, counted: (unknown: number) => void = () => {}): void {
    server.getConnections((_error, count) => {
      if (this.#late.get(server) !== late) return
      late.unknown = Math.max(0, (count ?? 0) - open(late.known))
      if (late.unknown === 0) this.release(server)
      counted(late.unknown)
    })
  }
}

/** Until it closes. */
function keep(all: Set<Found>, found: Found): void {
  all.add(found)
  found.once('close', () => all.delete(found))
}

/** Not those that have closed: a server no longer counts them, a moment before they say so. */
function open(all: Iterable<Found>): number {
  let count = 0
  for (const { destroyed } of all) if (!destroyed) count++
  return count
}
