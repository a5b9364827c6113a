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

/** What the clients do, all together. */
export interface LoadPlan {
  readonly clients: Readonly<ClientCounts>
  /** What each kind asks for. */
  readonly asks: Readonly<Record<ClientKind, readonly Ask[]>>
  /** Requests a second of all clients together whose kind is paced; null: each client at its own pace. */
  readonly rate: number | null
  /** Whether those begin when it is time for them, however long others take. */
  readonly openLoop: boolean
  readonly timeouts: Readonly<ClientTimeouts>
  /** Nodes that the clients are dealt to; each routes by itself. @default 1 */
  readonly nodes?: number
  readonly seed: number
  /** Requests after which no more are sent. */
  readonly maxRequests: number
  /** When the clock of the events was 0, in machine time. */
  readonly startedAt: number
}

/** Whom the load tells what. */
export interface LoadListener {
  onLost(client: ClientKind, loss: Loss, t: number): void
  onSample(sample: Sample): void
  /** Called when the plan's `maxRequests` have been sent; each thread may say so. */
  onExhausted(): void
  /** Called when a thread has failed, which only a fault of its own can make it do. */
  onError(error: Error): void
}

/** What came of the load. */
export interface LoadOutcome {
  /** Requests of each kind, lost ones included. */
  readonly requests: Readonly<Record<ClientKind, number>>
  /** The longest time one of its threads could do nothing, in ms. */
  readonly heldUpMs: number
}

/** So many clients keep a thread of their own busy. */
const clientsPerThread = 250
const sampleEvery = 100
/** A thread that tells nothing at so many looks in a row is held up, and the sample is taken without it. */
const mostUntold = 2

/**
 * All clients together, in threads beside the caller's: who plays the kubelet must not be held up by those who ask, or its
 * probes would fail for no fault of the pods.
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

  /** New connections of the clients on a node, counted from 0, go to these from now on. */
  route(endpoints: readonly Endpoint[], node: number = 0): void {
    this.#tell({ type: 'route', endpoints, node })
  }

  /** The pod is gone with its network. */
  lose(pod: string): void {
    this.#tell({ type: 'gone', pod })
  }

  /** Starts every client. Resolves when all of them have begun. */
  async start(): Promise<void> {
    await Promise.all(this.#threads.map(({ ready }) => ready))
    await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'start' })))
    this.#sampler = setInterval(() => this.#sampleIfTold(), sampleEvery)
  }

  /** Learns where every client stands now: otherwise that is known as it was up to 100 ms ago. */
  async refresh(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ask({ type: 'tell' })))
  }

  /** The client kinds of which every request so far was lost: nothing a scenario could have done. */
  get hopeless(): ClientKind[] {
    const { requests, lost } = totalsOf(this.#crowds)
    return clientKinds.filter((kind) => requests[kind] > 1 && lost[kind] === requests[kind])
  }

  /** Sends no more requests. Resolves when the open ones have their outcome. */
  async end(): Promise<void> {
    this.#tell({ type: 'end' })
    await Promise.all(this.#threads.map(({ ended }) => ended))
    clearInterval(this.#sampler)
    this.#sample()
  }

  /** What came of it so far. */
  get outcome(): LoadOutcome {
    return {
      requests: totalsOf(this.#crowds).requests,
      heldUpMs: Math.max(...this.#threads.map(({ heldUpMs }) => heldUpMs)),
    }
  }

  /** Ends every client here and now. */
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

  /** A thread's tick may come just after our look. Without it, a sample would show a pause that there was none. */
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

/** One thread, as its owner sees it. */
class Thread {
  readonly #worker: Worker
  #ticks: Tick[] = []
  readonly #asked: Array<() => void> = []
  /** Where it stood when it last said so. */
  last: Tick | undefined
  /** Resolves when it waits for its start. */
  readonly ready: Promise<unknown>
  /** Resolves when each request has its outcome. */
  readonly ended: Promise<void>
  /** The longest time it could do nothing, in ms. */
  heldUpMs = 0

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
          this.heldUpMs = message.heldUpMs
          this.#ticks.push(message.tick)
        }
      })
    })
  }

  tell(message: ToThread): void {
    this.#worker.postMessage(message)
  }

  /** Resolves when the thread has done it. */
  ask(message: ToThread): Promise<void> {
    return new Promise((resolve) => {
      this.#asked.push(resolve)
      this.tell(message)
    })
  }

  /** Whether there are ticks that were not taken yet. */
  get hasTicked(): boolean {
    return this.#ticks.length > 0
  }

  /** The ticks that came since this was last called. */
  take(): Tick[] {
    return this.#ticks.splice(0)
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }
}

/** Deals the clients out, one after the other, to as many threads as they keep busy, and as the machine has to spare. */
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
