import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { type Endpoint, KnownEndpoints, neighbourTimeout } from '../../load/endpoint.js'
import { type Clock, createClock } from '../../shared/clock.js'
import { createRandom, type Random } from '../../shared/random.js'
import { Connection } from './connection.js'
import type { RelayPlan, Sighting } from './messages.js'

/** The Service's own address: each new connection goes to one pod, and stays with it. */
export class Relay {
  readonly #clock: Clock
  readonly #random: Random
  readonly #tell: (seen: Sighting) => void
  readonly #server: Server
  readonly #known = new KnownEndpoints()
  #routes: readonly Endpoint[] = []
  #answers: Record<string, number> = {}

  constructor({ seed, startedAt }: RelayPlan, tell: (seen: Sighting) => void) {
    this.#clock = createClock(startedAt)
    this.#random = createRandom(seed, 1)
    this.#tell = tell
    // `allowHalfOpen`, so that a FIN of one side can be forwarded while the other side goes on.
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (front) => {
      this.#accept(front)
    })
  }

  /** Resolves with the port. */
  async listen(): Promise<number> {
    this.#server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 })
    await once(this.#server, 'listening')
    return (this.#server.address() as AddressInfo).port
  }

  /** From now on, new connections go to these endpoints. */
  route(endpoints: readonly Endpoint[]): void {
    this.#routes = this.#known.adopt(endpoints)
  }

  /** The pod is gone, and its network with it. */
  lose(pod: string): void {
    this.#known.lose(pod)
  }

  /** Returns how many responses of each pod began since the last call. */
  take(): Record<string, number> {
    const answers = this.#answers
    this.#answers = {}
    return answers
  }

  /** Accepts no more connections. */
  close(): void {
    this.#server.close()
  }

  #accept(front: Socket): void {
    const endpoint = this.#routes[Math.floor(this.#random() * this.#routes.length)]
    if (endpoint === undefined) this.#refuse(front)
    else if (endpoint.unreachable === true) this.#hold(front, endpoint.name)
    else {
      new Connection(front, endpoint, this.#clock, {
        onSeen: this.#tell,
        onAnswer: () => {
          this.#answers[endpoint.name] = (this.#answers[endpoint.name] ?? 0) + 1
        },
      })
    }
  }

  #refuse(front: Socket): void {
    const now = this.#clock()
    this.#tell({ pod: null, end: 'no endpoint', sentAt: now, endedAt: now, reused: false })
    front.on('error', () => {})
    front.resetAndDestroy()
  }

  /** Plays the address of a pod that is gone: it does not answer, and the kernel gives up after {@link neighbourTimeout}. */
  #hold(front: Socket, pod: string): void {
    const sentAt = this.#clock()
    let told = false
    const tell = () => {
      if (!told) this.#tell({ pod, end: 'unreachable', sentAt, endedAt: this.#clock(), reused: false })
      told = true
    }
    const timer = setTimeout(() => {
      tell()
      front.resetAndDestroy()
    }, neighbourTimeout)
    front.on('error', () => {})
    front.once('end', () => front.destroy())
    front.once('close', () => {
      clearTimeout(timer)
      tell()
    })
    front.resume()
  }
}
