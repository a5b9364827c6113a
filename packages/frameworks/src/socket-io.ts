import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LiveEvent } from '@podrain/rehearsal'

/** What is used of a socket of socket.io-client, which the fixture brings: its protocol goes with the server's version. */
interface Socket {
  readonly connected: boolean
  once(event: 'connect' | 'connect_error' | 'disconnect', listener: (reason: unknown) => void): unknown
  emit(event: 'question', text: string, acknowledge: () => void): unknown
  disconnect(): unknown
}

export type Transport = 'websocket' | 'polling'

const clients = 12

/**
 * Clients of socket.io, beside the rehearsal's own: it tells them by its events where pods are, and when to begin and end.
 * Each asks a `question`, one at a time, and waits for the acknowledgement. Lost is a question whose connection ended before
 * that. A connection that ends while nothing was asked, or cannot be made, loses nothing: a client of socket.io keeps what it
 * is to send, and connects again by itself.
 */
export class SocketIoLoad {
  readonly lostByCause: Record<string, number> = {}
  requests = 0
  readonly #connect: (url: string, options: object) => Socket
  readonly #transport: Transport
  readonly #pods = new Map<string, string>()
  #endpoints: readonly string[] = []
  #over = false

  constructor(directory: string, transport: Transport) {
    this.#connect = createRequire(join(directory, 'package.json'))('socket.io-client').io
    this.#transport = transport
  }

  get lost(): number {
    return Object.values(this.lostByCause).reduce((sum, count) => sum + count, 0)
  }

  /** Has to hear every event of the rehearsal. */
  heed(event: LiveEvent): void {
    if (event.type === 'pod-start') this.#pods.set(event.pod, `http://${event.host}:${event.port}`)
    else if (event.type === 'endpoints') this.#endpoints = event.pods
    else if (event.type === 'phase' && event.phase === 'warming up') {
      for (let client = 0; client < clients; client++) void this.#run()
    } else if (event.type === 'phase' && event.phase === 'done') this.end()
  }

  /** What happens from now on counts no more. */
  end(): void {
    this.#over = true
  }

  async #run(): Promise<void> {
    while (!this.#over) {
      const pod = this.#endpoints[Math.floor(Math.random() * this.#endpoints.length)]
      const url = this.#pods.get(pod ?? '') ?? ''
      const options = { transports: [this.#transport], reconnection: false, forceNew: true, timeout: 5000 }
      const socket = this.#connect(url, options)
      const refused = await new Promise<boolean>((resolve) => {
        socket.once('connect', () => resolve(false))
        socket.once('connect_error', () => resolve(true))
      })
      const ended = new Promise<string>((resolve) => socket.once('disconnect', (reason) => resolve(String(reason))))
      while (socket.connected && !this.#over) {
        const answered = new Promise<undefined>((resolve) => socket.emit('question', 'why?', () => resolve(undefined)))
        this.#count(await Promise.race([answered, ended]))
        await sleep(20 + 60 * Math.random())
      }
      socket.disconnect()
      if (refused) await sleep(100)
    }
  }

  #count(cause: string | undefined): void {
    if (this.#over) return
    this.requests++
    if (cause !== undefined) this.lostByCause[cause] = (this.lostByCause[cause] ?? 0) + 1
  }
}
