import type { EventEmitter } from 'node:events'
import type net from 'node:net'

/** A plain or encrypted connection, or an HTTP/2 session. */
type EarlierConnection = Pick<net.Socket, 'destroyed'> & EventEmitter

/** A server that was accepting connections before it was watched. */
interface Late {
  /** Connections that were accepted since the server is watched, and earlier connections that were found. */
  readonly found: Set<EarlierConnection>
  /** Number of all other open connections at the last count. */
  unknown: number
  readonly stop: () => void
}

/**
 * The connections that were open before their server was watched. Node has no public list of them, only a number
 * (`server.getConnections`). A connection is found when its next request arrives or its TLS handshake ends. A
 * connection that is not found may carry a request that was not counted, so a drain waits for the connection as for a request.
 */
export class EarlierConnections {
  readonly #late = new Map<net.Server, Late>()
  readonly #onUnknown: (count: number, server: net.Server) => void

  /** @param onUnknown Called if a server already has open connections when it is first watched. */
  constructor(onUnknown: (count: number, server: net.Server) => void) {
    this.#onUnknown = onUnknown
  }

  /** Number of open connections that were not found, as of the last `recount()`. */
  get unknown(): number {
    let unknown = 0
    for (const late of this.#late.values()) unknown += late.unknown
    return unknown
  }

  /** Begins to look for the earlier connections of a server. */
  watch(server: net.Server): void {
    const found = new Set<EarlierConnection>()
    const onConnection = (socket: net.Socket): void => keep(found, socket)
    server.on('connection', onConnection)
    const late: Late = { found, unknown: 0, stop: () => server.removeListener('connection', onConnection) }
    this.#late.set(server, late)
    this.#count(server, late, (count) => {
      if (count > 0) this.#onUnknown(count, server)
    })
  }

  /** Notes an earlier connection: a request has arrived on it, or its TLS handshake has ended. */
  found(connection: EarlierConnection, server: net.Server | undefined): void {
    const late = server && this.#late.get(server)
    if (late) keep(late.found, connection)
  }

  /** Counts again. `unknown` changes a moment later, because `getConnections` is asynchronous. */
  recount(): void {
    for (const [server, late] of this.#late) this.#count(server, late)
  }

  /** Stops looking for the earlier connections of a server. */
  release(server: net.Server): void {
    this.#late.get(server)?.stop()
    this.#late.delete(server)
  }

  #count(server: net.Server, late: Late, counted: (unknown: number) => void = () => {}): void {
    server.getConnections((_error, count) => {
      if (this.#late.get(server) !== late) return
      late.unknown = Math.max(0, (count ?? 0) - open(late.found))
      if (late.unknown === 0) this.release(server)
      counted(late.unknown)
    })
  }
}

/** Adds a connection until it closes. */
function keep(all: Set<EarlierConnection>, connection: EarlierConnection): void {
  all.add(connection)
  connection.once('close', () => all.delete(connection))
}

/** Number of connections that are not destroyed. A server stops counting a connection before its 'close' event. */
function open(all: Iterable<EarlierConnection>): number {
  let count = 0
  for (const { destroyed } of all) if (!destroyed) count++
  return count
}
