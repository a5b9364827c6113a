import { setMaxListeners } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, createClock } from '../shared/clock.js'
import { createRandom, type Random } from '../shared/random.js'
import type { Ask } from './ask.js'
import type { Client, ClientTimeouts } from './client.js'
import { type Endpoint, KnownEndpoints } from './endpoint.js'
import { type ClientCounts, type ClientKind, clientKinds, eachKind, kinds } from './kinds.js'
import type { Loss } from './outcome.js'

/** What one thread's clients do. Everything in it can be sent to a thread. */
export interface CrowdPlan {
  readonly clients: Readonly<ClientCounts>
  /** What each kind asks for; empty for a kind that has no clients. */
  readonly asks: Readonly<Record<ClientKind, readonly Ask[]>>
  /** Requests a second of each client whose kind is paced; undefined for the kind's own pace. */
  readonly rate: number | undefined
  /** Whether requests of paced kinds begin when it is time for them, however long others take. */
  readonly openLoop: boolean
  readonly timeouts: Readonly<ClientTimeouts>
  /** Nodes that the clients are dealt to, one after the other. @default 1 */
  readonly nodes?: number
  /** The header, in small letters, by which a pod says its name; undefined where each endpoint is one pod. */
  readonly podHeader?: string | undefined
  readonly seed: number
  /** Numbers the random sequences of this crowd, so that no two clients draw the same. */
  readonly first: number
  /** Requests after which it sends no more. */
  readonly limit: number
  /** When the clock of the events was 0. */
  readonly startedAt: number
}

/** What a crowd has done since it was last asked, and where it stands. */
export interface Tick {
  readonly inFlight: Readonly<Record<ClientKind, number>>
  readonly requests: Readonly<Record<ClientKind, number>>
  readonly lost: Readonly<Record<ClientKind, number>>
  /** Answers since the tick before, for each pod. */
  readonly answered: Readonly<Record<string, number>>
  /** How long they took, in ms. */
  readonly times: readonly number[]
}

/** Whom a crowd tells. */
export interface CrowdListener {
  onLost(client: ClientKind, loss: Loss, t: number): void
  /** Called once, when `limit` requests have been sent. */
  onExhausted(): void
}

/** Requests of one kind that may be open at once in an open loop; there, nobody else holds them back. */
const mostOpen = 2000

/** The clients of one thread. Successes are only counted. */
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
  /** Where new connections go, for each node. */
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
    // Every client that pauses listens.
    setMaxListeners(0, this.#stop.signal)
  }

  /** New connections of the clients on a node go to these from now on. */
  route(endpoints: readonly Endpoint[], node: number = 0): void {
    this.#candidates[node] = this.#known.adopt(endpoints)
  }

  /** The pod is gone with its network. */
  lose(pod: string): void {
    this.#known.lose(pod)
  }

  /** Starts every client. */
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
   * Sends requests at the rate of these clients, each by one that is idle, or by one more when none is: as in a world in which
   * other people come while some wait.
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

  /** Sends no more requests. Resolves when the open ones have their outcome. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#running
  }

  /** Takes what there is to tell. */
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
