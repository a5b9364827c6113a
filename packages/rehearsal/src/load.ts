import { setMaxListeners } from 'node:events'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { type Ask, get } from './asks.js'
import type { Loss } from './client.js'
import { type ClientKind, clientKinds } from './client-kinds.js'
import { createClient } from './clients.js'
import type { Clock, Latency, Recorder, Sample } from './events.js'
import type { RehearsalPlan } from './options.js'
import { createRandom } from './random.js'
import type { Endpoint } from './service.js'

const sampleEvery = 100
const loopDelayPeriod = 10
/** A stream and a slow upload take their time by themselves: how long says nothing about the server. */
const timed: readonly ClientKind[] = ['keepAlive', 'newConnection', 'slowKeepAlive', 'http2']

/** Whom the load tells what. */
export interface LoadObserver {
  readonly record: Recorder
  readonly onSample: (sample: Sample) => void
  readonly clock: Clock
  /** Called when the plan's `maxRequests` have been sent. */
  readonly onExhausted: () => void
}

/** The parts of a plan that describe the load. */
export type LoadPlan = Pick<RehearsalPlan, 'requests' | 'clients' | 'rate' | 'timeouts' | 'seed' | 'maxRequests'>

function zero(): Record<ClientKind, number> {
  return Object.fromEntries(clientKinds.map((kind) => [kind, 0])) as Record<ClientKind, number>
}

/** Of the kinds that ask for one path only. */
const pathOf = {
  streaming: 'stream',
  post: 'post',
  slowReader: 'download',
  webSocket: 'webSocket',
  sse: 'sse',
  http2: 'http2',
} as const

/** All clients together. Successes are only counted; each loss is an event. */
export class Load {
  readonly #plan: LoadPlan
  readonly #asks: readonly Ask[]
  readonly #pick: () => Endpoint | undefined
  readonly #observer: LoadObserver
  readonly #stop = new AbortController()
  readonly #inFlight = zero()
  readonly #requests = zero()
  readonly #lost = zero()
  #answers: Record<string, number> = {}
  #latencies: number[] = []
  readonly #loopDelay = monitorEventLoopDelay({ resolution: loopDelayPeriod })
  #sent = 0
  #running: Promise<unknown> = Promise.resolve()
  #sampler: NodeJS.Timeout | undefined

  /** `asks` are for the kinds of client that have no path of their own. */
  constructor(plan: LoadPlan, asks: readonly Ask[], pick: () => Endpoint | undefined, observer: LoadObserver) {
    this.#plan = plan
    this.#asks = asks
    this.#pick = pick
    this.#observer = observer
  }

  /** Starts every client. */
  start(): void {
    // Every pausing client listens.
    setMaxListeners(0, this.#stop.signal)
    const { clients: counts, rate, timeouts, seed } = this.#plan
    const paced = counts.keepAlive + counts.newConnection
    let started = 0
    const running: Promise<void>[] = []
    for (const kind of clientKinds) {
      for (let count = 0; count < counts[kind]; count++) {
        const client = createClient({
          kind,
          asks: this.#asksOf(kind),
          timeouts,
          random: createRandom(seed, 100 + started++),
          rate: rate !== null && (kind === 'keepAlive' || kind === 'newConnection') ? rate / paced : undefined,
          pick: this.#pick,
          clock: this.#observer.clock,
          onSent: () => this.#sentOne(kind),
          onAnswered: (pod, ms) => this.#answered(kind, pod, ms),
          onLost: (loss) => this.#loss(kind, loss),
        })
        running.push(client.run(this.#stop.signal))
      }
    }
    this.#loopDelay.enable()
    this.#sampler = setInterval(() => this.#sample(), sampleEvery)
    this.#running = Promise.all(running)
  }

  /** The client kinds of which every request so far was lost: nothing a scenario could have done. */
  get hopeless(): ClientKind[] {
    return clientKinds.filter((kind) => this.#requests[kind] > 1 && this.#lost[kind] === this.#requests[kind])
  }

  /** Sends no more requests, waits for the open ones and records how many there were. */
  async end(): Promise<void> {
    this.#stop.abort()
    await this.#running
    this.#sample()
    clearInterval(this.#sampler)
    this.#loopDelay.disable()
    // The histogram counts its own period in, in ns.
    const heldUpMs = Math.max(0, Math.round(this.#loopDelay.max / 1e6) - loopDelayPeriod)
    this.#observer.record({ type: 'load-end', requests: { ...this.#requests }, heldUpMs })
  }

  /** Stops without a record. Resolves when no request is open, which is soon once the pods are gone. */
  async close(): Promise<void> {
    this.#stop.abort()
    clearInterval(this.#sampler)
    this.#loopDelay.disable()
    await this.#running
  }

  #asksOf(kind: ClientKind): readonly Ask[] {
    if (kind === 'keepAlive' || kind === 'newConnection' || kind === 'slowKeepAlive') return this.#asks
    const ask = get(this.#plan.requests[pathOf[kind]] as string)
    return [kind === 'post' ? { ...ask, method: 'POST' } : ask]
  }

  #settled(kind: ClientKind): void {
    this.#inFlight[kind]--
    this.#requests[kind]++
  }

  #answered(kind: ClientKind, pod: string, ms: number): void {
    this.#settled(kind)
    this.#answers[pod] = (this.#answers[pod] ?? 0) + 1
    if (timed.includes(kind)) this.#latencies.push(ms)
  }

  #sentOne(kind: ClientKind): void {
    this.#inFlight[kind]++
    if (++this.#sent === this.#plan.maxRequests) this.#observer.onExhausted()
  }

  #loss(kind: ClientKind, loss: Loss): void {
    this.#settled(kind)
    this.#lost[kind]++
    this.#observer.record({ type: 'lost', client: kind, ...loss })
  }

  #sample(): void {
    this.#observer.onSample({
      type: 'sample',
      t: this.#observer.clock(),
      inFlight: { ...this.#inFlight },
      requests: sum(this.#requests),
      lost: sum(this.#lost),
      answered: this.#answers,
      latency: latencyOf(this.#latencies),
    })
    this.#answers = {}
    this.#latencies = []
  }
}

function latencyOf(times: number[]): Latency | null {
  if (times.length === 0) return null
  times.sort((a, b) => a - b)
  // The smallest time that so many of them did not exceed.
  const quantile = (share: number) => tenth(times[Math.ceil(share * times.length) - 1] ?? 0)
  return { p50: quantile(0.5), p99: quantile(0.99), max: quantile(1) }
}

/** More digits would only pretend. */
function tenth(ms: number): number {
  return Math.round(ms * 10) / 10
}

function sum(counts: Record<ClientKind, number>): number {
  return clientKinds.reduce((total, kind) => total + counts[kind], 0)
}
