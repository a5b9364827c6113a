import type { RequestListener, Server } from 'node:http'
import net, { type Socket } from 'node:net'
import tls from 'node:tls'

/** Which server is whose: a request must be counted once. */
const owners = new WeakMap<net.Server, Servers>()

/** The servers that one drain watches. */
export class Servers {
  readonly #onRequest: RequestListener
  readonly #onConnection: (socket: Socket, server: Server) => void
  /** Each with the way to stop watching it. */
  readonly #servers = new Map<net.Server, () => void>()
  #released = false

  constructor(onRequest: RequestListener, onConnection: (socket: Socket, server: Server) => void) {
    this.#onRequest = onRequest
    this.#onConnection = onConnection
  }

  get listening(): boolean {
    return this.#all.some((server) => server.listening)
  }

  /** The TCP ports that are listened on. */
  get ports(): number[] {
    return this.#all.flatMap((server) => {
      const address = server.address()
      return address !== null && typeof address === 'object' ? [address.port] : []
    })
  }

  /** Whether it has let go of all servers and takes none any more. */
  get released(): boolean {
    return this.#released
  }

  /** @throws {Error} if the server belongs to another drain */
  watch(server: net.Server): void {
    const owner = owners.get(server)
    if (owner === this) return
    if (owner) {
      throw new Error(
        'This server is already watched by another Drain, so its requests would be counted twice: ' +
          'register podrain once, or pass the first Drain with the option `drain`',
      )
    }
    owners.set(server, this)
    const opened = server instanceof tls.Server ? 'secureConnection' : 'connection'
    const onConnection = (socket: Socket): void => this.#onConnection(socket, server as Server)
    const unwatch = (): void => {
      owners.delete(server)
      this.#servers.delete(server)
      server.removeListener('request', this.#onRequest)
      server.removeListener(opened, onConnection)
      server.removeListener('close', unwatch)
    }
    this.#servers.set(server, unwatch)
    // First, so that a handler that answers at once finds its response already counted.
    server.prependListener('request', this.#onRequest)
    server.on(opened, onConnection)
    server.on('close', unwatch)
  }

  /** Lets go of every server, for good. */
  release(): void {
    this.#released = true
    for (const unwatch of [...this.#servers.values()]) unwatch()
  }

  /**
   * Accepts no more connections. Not with `http.Server.close()`, which from Node 19 on also closes connections that it
   * takes for idle, and takes a response that is ended but not yet sent for idle (nodejs/node#60617).
   */
  unlisten(): void {
    for (const server of this.#all) if (server.listening) net.Server.prototype.close.call(server)
  }

  /** Cuts also the connections that were there before the server was watched. */
  closeAllConnections(): void {
    for (const server of this.#all) (server as Partial<Server>).closeAllConnections?.()
  }

  get #all(): net.Server[] {
    return [...this.#servers.keys()]
  }
}
