import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type net from 'node:net'
import { owners } from './owners.js'

/** Node publishes every connection that any server of the process accepts. */
const accepted = 'net.server.socket'

/**
 * The servers that accept connections while a middleware waits for the first request. A middleware that is mounted behind the
 * routes may never get one, although its server serves requests.
 */
export class UnseenServers {
  readonly #servers = new Set<net.Server>()
  #isOther: ((server: net.Server) => boolean) | undefined

  /** Begins to look for servers. `isOther` tells whether a server cannot be the application's. */
  begin(isOther: (server: net.Server) => boolean): void {
    if (this.#isOther === undefined) subscribe(accepted, this.#onAccepted)
    this.#isOther = isOther
  }

  /** Ends the search, because the server is known or the drain is over. */
  end(): void {
    unsubscribe(accepted, this.#onAccepted)
    this.#isOther = undefined
    this.#servers.clear()
  }

  /** Whether a middleware still waits for its first request. */
  get expected(): boolean {
    return this.#isOther !== undefined
  }

  /** Whether a server that no drain watches has accepted a connection, and has not closed. */
  get any(): boolean {
    return this.#unwatched.length > 0
  }

  /** Counts the open connections of these servers. */
  async connections(): Promise<number> {
    const counts = this.#unwatched.map(
      (server) => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count ?? 0))),
    )
    return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0)
  }

  get #unwatched(): net.Server[] {
    return [...this.#servers].filter((server) => !owners.get(server))
  }

  readonly #onAccepted = (message: unknown): void => {
    const { server } = (message as { socket: { server?: net.Server } }).socket
    if (!server || this.#servers.has(server) || this.#isOther?.(server)) return
    this.#servers.add(server)
    server.once('close', () => this.#servers.delete(server))
  }
}
