import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { OneConnectionAgent } from '../shared/connect.js'

/**
 * One kept connection that honours what the server said about it: gone when the server has closed it, and not used
 * again within the last second of its `Keep-Alive: timeout=N` (as undici does; Node's own agent only later).
 */
export class ClientAgent extends OneConnectionAgent {
  #idle: Socket | undefined
  #watched: Socket | undefined
  #promised: number | undefined

  /** Notes the `Keep-Alive` header of the answer just received. */
  heed(keepAlive: string | string[] | undefined): void {
    const seconds = keepAlive === undefined ? undefined : /(?:^|[,\s])timeout=(\d+)/i.exec(String(keepAlive))?.[1]
    this.#promised = seconds === undefined ? undefined : Number(seconds) * 1000
  }

  /** Whether the next request can go over the connection there is. */
  get reusable(): boolean {
    const socket = this.#idle
    if (socket === undefined || socket.destroyed) return false
    // The server's FIN has arrived, but the socket has not got as far as to close.
    if (socket.readable && socket.writable) return true
    socket.destroy()
    return false
  }

  override keepSocketAlive(socket: Socket): boolean {
    if (this.#promised !== undefined) {
      if (this.#promised <= 1000) return false
      socket.setTimeout(this.#promised - 1000)
    }
    this.#idle = socket
    if (this.#watched !== socket) {
      this.#watched = socket
      socket.on('timeout', () => {
        if (this.#idle === socket) socket.destroy()
      })
    }
    return true
  }

  override reuseSocket(socket: Socket, request: ClientRequest): void {
    super.reuseSocket(socket, request)
    socket.setTimeout(0)
    this.#idle = undefined
  }
}
