import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, createClock } from '../shared/clock.js'
import { createRandom, type Random } from '../shared/random.js'
import type { Ask } from './ask.js'
import type { Client, ClientTimeouts } from './client.js'
import { type Endpoint, KnownEndpoints } from './endpoint.js'
import { type ClientCounts, type ClientKind, clientKinds, eachKind, kinds } from './kinds.js'
import type { Loss } from './outcome.js'

/** What the clients of one thread do. Structured clone can copy it to a thread. */
export interface CrowdPlan {
  readonly clients: Readonly<ClientCounts>
  /** The requests of each kind; empty for a kind that has no clients. */
  readonly asks: Readonly<Record<ClientKind, readonly Ask[]>>
  /** Requests per second of each client whose kind is paced; undefined: the kind's own pace. */
  readonly rate: number | undefined
  /** Whether requests of paced kinds begin on schedule, however long earlier ones take. */
  readonly openLoop: boolean
  readonly timeouts: Readonly<ClientTimeouts>
  /** Nodes that the clients are assigned to, in turn. @default 1 */
  readonly nodes?: number
  /** The response header (lower case) that names the pod; undefined where each endpoint is one pod. */
  readonly podHeader?: string | undefined
  readonly seed: number
  /** The number of this crowd's first random sequence: no two clients draw the same. */
  readonly first: number
  /** The most requests that the crowd sends. */
  readonly limit: number
  /** The zero of the events' clock, in machine time (see `shared/clock.ts`). */
  readonly startedAt: number
}

/** The counters of a crowd: `answered` and `times` since the tick before, the others so far. */
export interface Tick {
  readonly inFlight: Readonly<Record<ClientKind, number>>
  readonly requests: Readonly<Record<ClientKind, number>>
  readonly lost: Readonly<Record<ClientKind, number>>
  /** Responses of each pod since the tick before. */
  readonly answered: Readonly<Record<string, number>>
  /** How long these responses took, in ms, of the kinds that are timed. */
  readonly times: readonly number[]
}

/** What a crowd reports. */
export interface CrowdListener {
  onLost(client: ClientKind, loss: Loss, t: number): void
  /** Called once, when `limit` requests have been sent. */
  onExhausted(): void
}

/** The most requests of one kind in flight in an open loop, which has no other limit. */
const mostOpen = 2000

/** The clients of one thread. Losses are reported one by one, successes are only counted. */
export class Crowd {
  readonly #plan: CrowdPlan
  readonly #listener: CrowdListener
  readonly #clock: Clock
  readonly #pickRandom: Random
  readonly #stop = new AbortController()
  readonly #inFlight = eachKind(() => 0)
  readonly #requests = eachKind(() => 0)
  readonly #lost = eachKind(() => 0)
  readonly #known = new KnownEndpoints()
  /** The endpoints for new connections, by node. */
  readonly #candidates: Array<readonly Endpoint[]> = []
  #answers: Record<string, number> = {}
  #times: number[] = []
  #sent = 0
  #created = 0
  #running: Promise<unknown> = Promise.resolve()

  constructor(plan: CrowdPlan, listener: CrowdListener) {
    this.#plan = plan
    this.#listener = listener
    this.#clock = createClock(plan.startedAt)
    this.#pickRandom = createRandom(plan.seed, plan.first)
    // Every client that pauses adds a listener: without this, more than 10 would make Node warn.
    setMaxListeners(0, this.#stop.signal)
  }

  /** From now on, new connections of the clients on this node go to these endpoints. */
  route(endpoints: readonly Endpoint[], node: number = 0): void {
    this.#candidates[node] = this.#known.adopt(endpoints)
  }

  /** The pod is gone, and its network with it. */
  lose(pod: string): void {
    this.#known.lose(pod)
  }

  start(): void {
    const { clients: counts, openLoop } = this.#plan
    this.#running = Promise.all(
      clientKinds.flatMap((kind) => {
        const clients = Array.from({ length: counts[kind] }, () => this.#create(kind))
        if (openLoop && kinds[kind].paced) return [this.#arrive(kind, clients)]
        return clients.map((client) => client.run(this.#stop.signal))
      }),
    )
  }

  #create(kind: ClientKind): Client {
    const { asks, rate, timeouts, nodes = 1, podHeader, seed, first } = this.#plan
    const node = this.#created++ % nodes
    return kinds[kind].create({
      asks: asks[kind],
      timeouts,
      random: createRandom(seed, first + this.#created),
      rate: kinds[kind].paced ? rate : undefined,
      pick: () => this.#pick(this.#candidates[node] ?? []),
      podHeader,
      clock: this.#clock,
      onSent: () => this.#sentOne(kind),
      onAnswered: (pod, ms) => this.#answered(kind, pod, ms),
      onLost: (loss) => this.#loss(kind, loss),
    })
  }

  #pick(candidates: readonly Endpoint[]): Endpoint | undefined {
    return candidates[Math.floor(this.#pickRandom() * candidates.length)]
  }

  /**
   * Sends requests at the rate of these clients: each by an idle client, or by a new one when none is idle. So clients that wait
   * do not slow the load down.
   */
  async #arrive(kind: ClientKind, idle: Client[]): Promise<void> {
    const { rate = 0 } = this.#plan
    const { signal } = this.#stop
    if (rate * idle.length === 0) return
    const interval = 1000 / (rate * idle.length)
    const all = new Set(idle)
    const open = new Set<Promise<void>>()
    for (let next = performance.now(); ; next += interval * (0.5 + this.#pickRandom())) {
      await sleep(Math.max(0, next - performance.now()), undefined, { signal }).catch(() => {})
      if (open.size >= mostOpen) await Promise.race(open)
      if (signal.aborted) break
      const client = idle.pop() ?? this.#create(kind)
      all.add(client)
      const request = client.request(signal).then(() => {
        open.delete(request)
        idle.push(client)
      })
      open.add(request)
    }
    await Promise.all(open)
    for (const client of all) client.close()
  }

  /** Sends no more requests. Resolves when those in flight have their outcome. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Returns the counters, and resets those that count from tick to tick. */
  tick(): Tick {
    const tick = {
      inFlight: { ...this.#inFlight },
      requests: { ...this.#requests },
      lost: { ...this.#lost },
      answered: this.#answers,
      times: this.#times,
    }
    this.#answers = {}
    this.#times = []
    return tick
  }

  #sentOne(kind: ClientKind): void {
    this.#inFlight[kind]++
    if (++this.#sent !== this.#plan.limit) return
    this.#stop.abort()
    this.#listener.onExhausted()
  }

  #settled(kind: ClientKind): void {
    this.#inFlight[kind]--
    this.#requests[kind]++
  }

  #answered(kind: ClientKind, pod: string, ms: number): void {
    this.#settled(kind)
    this.#answers[pod] = (this.#answers[pod] ?? 0) + 1
    if (kinds[kind].timed) this.#times.push(ms)
  }

  #loss(kind: ClientKind, loss: Loss): void {
    this.#settled(kind)
    this.#lost[kind]++
    this.#listener.onLost(kind, loss, this.#clock())
  }
}
