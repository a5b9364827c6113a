import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'
import type { KubeConfigLike } from '@podrain/kubernetes'
import { Api } from './api.js'
import { VirtualClock } from './clock.js'
import { Pods, type Setup } from './kubelet.js'
import { Store } from './store.js'
import { Tally } from './tally.js'
import { Wire } from './wire.js'
import { Workload } from './workload.js'

/**
 * Virtual milliseconds of one step. All timers within a step are called together, and what they send is delivered at the end of the
 * step.
 */
const step = 20
/** After this number of turns of the event loop without an event, nothing happens before the next timer. */
const quietTurns = 4
/** Characters that are decompressed per millisecond, at least. Threads decompress, so decompression takes real time. */
const decompressedPerMs = 150_000

export interface SimulationOptions extends Pick<Setup, 'core' | 'kubernetes' | 'annotations'> {
  readonly pods: number
  readonly services: number
  readonly sample: number
  readonly inFlight?: () => number
}

/** A cluster with its API and its pods, in virtual time. */
export class Simulation {
  readonly clock: VirtualClock = new VirtualClock()
  readonly tally: Tally = new Tally(this.clock)
  readonly store: Store = new Store(this.clock)
  readonly api: Api = new Api(this.clock, this.store, this.tally)
  readonly wire: Wire
  readonly workload: Workload
  readonly #pods: Pods

  constructor({ pods, services, sample, ...setup }: SimulationOptions) {
    const { api, clock, tally, store } = this
    this.wire = new Wire(
      api.server,
      (connection, bytes) => api.sent(connection, bytes),
      () => tally.answered('refused'),
    )
    this.#pods = new Pods({ ...setup, clock, kubeConfig: this.kubeConfig })
    const date = (ms: number): Date => api.date(ms)
    this.workload = new Workload(clock, store, { pods, services, sample, date, kubelet: this.#pods })
  }

  get kubeConfig(): KubeConfigLike {
    return {
      getCurrentCluster: () => ({ server: 'http://api' }),
      getCurrentUser: () => ({}),
      applyToHTTPSOptions: async (options) => void Object.assign(options, { agent: this.wire.agent }),
    }
  }

  /** Lets virtual milliseconds pass. */
  async pass(ms: number): Promise<void> {
    const end = this.clock.now() + ms
    for (let next = this.clock.next; next !== undefined && next <= end; next = this.clock.next) {
      this.clock.advanceTo(Math.min(end, next + step))
      await this.#settle()
    }
    this.clock.advanceTo(end)
    await this.#settle()
  }

  /**
   * Lets virtual time pass until the condition holds.
   * @throws {Error} if that takes longer than `limit` milliseconds
   */
  async until(condition: () => boolean, limit: number): Promise<void> {
    const end = this.clock.now() + limit
    while (!condition()) {
      if (this.clock.now() >= end) throw new Error(`the condition does not hold after ${limit / 1000} s`)
      await this.pass(1000)
    }
  }

  async stop(): Promise<void> {
    this.#pods.stop()
    this.wire.cut()
    await this.#settle()
  }

  /** Waits, without letting virtual time pass, until everything that was sent has arrived. */
  async #settle(): Promise<void> {
    let { compressed } = this.api
    for (let quiet = 0, before = -1; quiet < quietTurns; quiet++) {
      await turn()
      const happened = this.wire.moved + this.clock.scheduled
      if (happened !== before) quiet = 0
      before = happened
      if (this.api.compressed === compressed) continue
      await sleep(2 + (this.api.compressed - compressed) / decompressedPerMs)
      compressed = this.api.compressed
      quiet = 0
    }
  }
}
