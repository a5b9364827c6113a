import { availableParallelism } from 'node:os'
import type { Worker } from 'node:worker_threads'
import type { Clock } from '../shared/clock.js'
import { startThread } from '../shared/thread.js'
import type { Ask } from './ask.js'
import type { ClientTimeouts } from './client.js'
import type { CrowdPlan, Tick } from './crowd.js'
import type { Endpoint } from './endpoint.js'
import { type ClientCounts, type ClientKind, clientKinds, eachKind, kinds } from './kinds.js'
import type { FromThread, ToThread } from './messages.js'
import type { Loss } from './outcome.js'
import { type Sample, sampleOf, total, totalsOf } from './sample.js'

/** What all clients together do. */
export interface LoadPlan {
  readonly clients: Readonly<ClientCounts>
  /** The requests of each kind. */
  readonly asks: Readonly<Record<ClientKind, readonly Ask[]>>
  /** Requests per second of all clients of paced kinds together; null: each client at its own pace. */
  readonly rate: number | null
  /** Whether requests of paced kinds begin on schedule, however long earlier ones take. */
  readonly openLoop: boolean
  readonly timeouts: Readonly<ClientTimeouts>
  /** Nodes that the clients are assigned to, each with its own routes. @default 1 */
  readonly nodes?: number
  readonly seed: number
  /** The most requests that are sent. */
  readonly maxRequests: number
  /** The zero of the events' clock, in machine time (see `shared/clock.ts`). */
  readonly startedAt: number
}

/** What the load reports. */
export interface LoadListener {
  onLost(client: ClientKind, loss: Loss, t: number): void
  onSample(sample: Sample): void
  /** Called when `maxRequests` have been sent, perhaps once by each thread. */
  onExhausted(): void
  /** Called when a thread has failed, which is a bug of the rehearsal. */
  onError(error: Error): void
}

/** The result of the load. */
export interface LoadOutcome {
  /** Requests of each kind, lost ones included. */
  readonly requests: Readonly<Record<ClientKind, number>>
  /** The longest delay of the event loop in any of the threads, in ms. */
  readonly eventLoopDelayMs: number
}

/** This many clients keep one thread busy. */
const clientsPerThread = 250
const sampleEvery = 100
/** After this many samples in a row without a tick from some thread, the next one is taken without that thread. */
const mostUntold = 2

/**
 * All clients, in threads beside the caller's. The caller's thread plays the kubelet: if the clients delayed it, probes would fail
 * through no fault of the pods.
 */
export class Load {
  readonly #listener: LoadListener
  readonly #clock: Clock
  readonly #threads: readonly Thread[]
  #sampler: NodeJS.Timeout | undefined
  #untold = 0

  constructor(plan: LoadPlan, clock: Clock, listener: LoadListener) {
    this.#clock = clock
    this.#listener = listener
    this.#threads = crowdsOf(plan).map((crowd) => new Thread(crowd, listener))
  }

  /** From now on, new connections of the clients on this node go to these endpoints. Nodes are counted from 0. */
  route(endpoints: readonly Endpoint[], node: number = 0): void {
    this.#tell({ type: 'route', endpoints, node })
  }

  /** The pod is gone, and its network with it. */
  lose(pod: string): void {
    this.#tell({ type: 'gone', pod })
  }

  /** Starts every client. Resolves when all have started. */
  async start(): Promise<void> {
    await Promise.all(this.#threads.map(({ ready }) => ready))
    await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'start' })))
    this.#sampler = setInterval(() => this.#sampleIfTold(), sampleEvery)
  }

  /** Asks every thread for its counters now. Without it, they are up to 100 ms old. */
  async refresh(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'tell' })))
  }

  /** The client kinds whose every request so far was lost. Before a scenario begins, that is a fault of the options or the app. */
  get hopeless(): ClientKind[] {
    const { requests, lost } = totalsOf(this.#crowds)
    return clientKinds.filter((kind) => requests[kind] > 1 && lost[kind] === requests[kind])
  }

  /** Sends no more requests. Resolves when those in flight have their outcome. */
  async end(): Promise<void> {
    this.#tell({ type: 'end' })
    await Promise.all(this.#threads.map(({ ended }) => ended))
    clearInterval(this.#sampler)
    this.#sample()
  }

  /** The result so far. */
  get outcome(): LoadOutcome {
    return {
      requests: totalsOf(this.#crowds).requests,
      eventLoopDelayMs: Math.max(...this.#threads.map(({ eventLoopDelayMs }) => eventLoopDelayMs)),
    }
  }

  /** Ends every client at once. */
  async close(): Promise<void> {
    clearInterval(this.#sampler)
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }

  #tell(message: ToThread): void {
    for (const thread of this.#threads) thread.tell(message)
  }

  get #crowds(): readonly (Tick | undefined)[] {
    return this.#threads.map(({ last }) => last)
  }

  /** Samples when every thread has sent a tick. A sample without a tick that is a little late would show a pause that never was. */
  #sampleIfTold(): void {
    const isTold = this.#threads.every((thread) => thread.hasTicked)
    this.#untold = isTold ? 0 : this.#untold + 1
    if (isTold || this.#untold > mostUntold) this.#sample()
  }

  #sample(): void {
    const ticks = this.#threads.flatMap((thread) => thread.take())
    this.#listener.onSample(sampleOf(this.#clock(), this.#crowds, ticks))
  }
}

/** The main thread's handle of one thread of clients. */
class Thread {
  readonly #worker: Worker
  #ticks: Tick[] = []
  readonly #asked: Array<() => void> = []
  /** The latest tick. */
  last: Tick | undefined
  /** Resolves when the thread waits for `start`. */
  readonly ready: Promise<unknown>
  /** Resolves when every request has its outcome. */
  readonly ended: Promise<void>
  /** The longest delay of the thread's event loop, in ms. */
  eventLoopDelayMs = 0

  constructor(crowd: CrowdPlan, listener: Pick<LoadListener, 'onLost' | 'onExhausted' | 'onError'>) {
    const { worker, ready } = startThread('load/thread.js', crowd, (error) => listener.onError(error))
    this.#worker = worker
    this.ready = ready
    this.ended = new Promise((resolve) => {
      this.#worker.on('message', (message: FromThread) => {
        if (message.type === 'lost') listener.onLost(message.client, message.loss, message.t)
        else if (message.type === 'exhausted') listener.onExhausted()
        else if (message.type === 'ended') resolve()
        else if (message.type === 'told') this.#asked.shift()?.()
        else if (message.type === 'tick') {
          this.last = message.tick
          this.eventLoopDelayMs = message.eventLoopDelayMs
          this.#ticks.push(message.tick)
        }
      })
    })
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  /** Sends a message that the thread answers with `told`. Resolves with that answer. */
  ask(message: ToThread): Promise<void> {
    return new Promise((resolve) => {
      this.#asked.push(resolve)
      this.tell(message)
    })
  }

  /** Whether there are ticks since the last call of {@link take}. */
  get hasTicked(): boolean {
    return this.#ticks.length > 0
  }

  /** Returns the ticks since the last call. */
  take(): Tick[] {
    return this.#ticks.splice(0)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Assigns the clients in turn to threads: as many threads as they keep busy, but at least one processor stays free. */
function crowdsOf(plan: LoadPlan): CrowdPlan[] {
  const { clients, rate, maxRequests, asks, openLoop, timeouts, nodes = 1, seed, startedAt } = plan
  const all = total(clients)
  const threads = Math.max(1, Math.min(Math.ceil(all / clientsPerThread), availableParallelism() - 1))
  const paced = clientKinds.reduce((sum, kind) => sum + (kinds[kind].paced ? clients[kind] : 0), 0)
  const dealt = Array.from({ length: threads }, () => eachKind(() => 0))
  let next = 0
  for (const kind of clientKinds) {
    for (let count = 0; count < clients[kind]; count++) {
      const counts = dealt[next++ % threads]
      if (counts !== undefined) counts[kind]++
    }
  }
  let first = 100
  return dealt.map((counts) => {
    const crowd = {
      ...{ asks, openLoop, timeouts, nodes, seed, startedAt },
      clients: counts,
      rate: rate === null ? undefined : rate / paced,
      first,
      limit: Math.ceil(maxRequests / threads),
    }
    first += total(counts) + 1
    return crowd
  })
}
