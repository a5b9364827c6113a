import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { LiveEvent } from '@podrain/rehearsal'

/** The part of a socket that is used here. socket.io-client comes from the fixture, because its protocol must match the server's version. */
interface Socket {
  readonly connected: boolean
  once(event: 'connect' | 'connect_error' | 'disconnect', listener: (reason: unknown) => void): unknown
  emit(event: 'question', text: string, acknowledge: () => void): unknown
  disconnect(): unknown
}

export type Transport = 'websocket' | 'polling'

const clients = 12

/**
 * Clients of socket.io, besides the clients of the rehearsal. They get the addresses of pods, the begin and the end from the events of the
 * rehearsal. Each client emits one `question` at a time and waits for the acknowledgement. A question is lost if its connection ends
 * before the acknowledgement. A connection that ends without a question, or that cannot be opened, loses nothing, because a real client of
 * socket.io buffers its messages and reconnects by itself.
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

  /** Must be called with every event of the rehearsal. */
  onEvent(event: LiveEvent): void {
    if (event.type === 'pod-start') this.#pods.set(event.pod, `http://${event.host}:${event.port}`)
    else if (event.type === 'endpoints') this.#endpoints = event.pods
    else if (event.type === 'phase' && event.phase === 'warming up') {
      for (let client = 0; client < clients; client++) void this.#run()
    } else if (event.type === 'phase' && event.phase === 'done') this.end()
  }

  /** Ends the load. Questions without an acknowledgement are not counted. */
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
