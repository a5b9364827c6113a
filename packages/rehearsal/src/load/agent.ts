import type { ClientRequest } from 'node:http'
import type { Socket } from 'node:net'
import { OneConnectionAgent } from '../shared/connect.js'

/**
 * One keep-alive connection. It is not used again when the server has closed it, or in the last second of the server's
 * `Keep-Alive: timeout=N`. undici keeps the same margin; the agent of older Node versions keeps none.
 */
export class ClientAgent extends OneConnectionAgent {
  #idle: Socket | undefined
  #watched: Socket | undefined
  #promised: number | undefined

  /** Takes the `Keep-Alive` header of the latest response. */
  heed(keepAlive: string | string[] | undefined): void {
    const seconds = keepAlive === undefined ? undefined : /(?:^|[,\s])timeout=(\d+)/i.exec(String(keepAlive))?.[1]
    this.#promised = seconds === undefined ? undefined : Number(seconds) * 1000
  }

  /** Whether the next request can use the open connection. */
  get reusable(): boolean {
    const socket = this.#idle
    if (socket === undefined || socket.destroyed) return false
    // Not readable: the server's FIN has arrived, but Node has not closed the socket yet.
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
