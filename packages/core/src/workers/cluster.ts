import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import type { Signal } from '../process/signals.js'
import { lastWords } from '../shared/timing.js'
import type { PrimaryDrain } from './drain-view.js'
import { Primary, type WorkerHandle } from './primary.js'
import { type FromWorker, isOurs, type ListenAddress, primaryVariable } from './protocol.js'

/**
 * Waits until the kernel holds no more bytes for clients of these addresses. Resolves with the number of bytes that were left.
 */
export type Delivered = (addresses: readonly ListenAddress[], left: () => number) => Promise<number>

/** The workers of node:cluster, as their primary sees them. */
export class ClusterWorkers {
  readonly #drain: PrimaryDrain
  readonly #primary: Primary
  readonly #handles = new Map<ClusterWorker, WorkerHandle>()
  readonly #listening = new Set<ClusterWorker>()
  /** Workers that were forked after the drain was committed. They are stopped (SIGSTOP) before they begin. */
  readonly #stopped = new Set<ClusterWorker>()
  /** The addresses on which any worker has listened. Each address is kept once, however many workers come and go. */
  readonly #addresses = new Map<string, ListenAddress>()

  /** Checks for the primary's `/readyz`. */
  readonly checks = {
    workers: (): void => {
      if (this.#listening.size === 0) throw new Error('no worker listens')
    },
  }

  constructor(drain: PrimaryDrain) {
    this.#drain = drain
    this.#primary = new Primary(drain)
  }

  /**
   * Begins to drain every new worker together with the others.
   * @returns The function that stops this. Without it, this stops at the end of the drain.
   */
  follow(delivered: Delivered): () => void {
    process.env[primaryVariable] = String(process.pid)
    const listeners = { fork: this.#fork, message: this.#message, listening: this.#listen, exit: this.#exit }
    for (const [event, listener] of Object.entries(listeners)) cluster.on(event, listener)
    const left = (): number => Math.max(0, this.#drain.status().budgetMs - lastWords)
    this.#drain.onClose(
      async () => {
        await this.#primary.end(left() / 2)
        const bytes = await delivered([...this.#addresses.values()], left)
        if (bytes > 0) throw new Error(`${bytes} bytes not taken by their clients`)
      },
      { name: 'workers', timeout: Number.POSITIVE_INFINITY },
    )
    process.on('exit', this.#killStopped)
    let ended = false
    const end = (): void => {
      if (ended) return
      ended = true
      this.#killStopped()
      process.off('exit', this.#killStopped)
      delete process.env[primaryVariable]
      for (const [event, listener] of Object.entries(listeners)) cluster.off(event, listener)
    }
    this.#drain.once('report', end)
    return end
  }

  readonly #fork = (worker: ClusterWorker): void => {
    if (this.#drain.committed) {
      // A late worker would serve no request. It is stopped and not ended, because an application that forks at every exit would
      // fork without end.
      worker.process.kill('SIGSTOP')
      this.#stopped.add(worker)
      return
    }
    if (worker.process.pid === undefined) return // the worker could not be started, and will not exit
    let ending: Signal | undefined
    const handle: WorkerHandle = {
      name: `worker ${worker.process.pid}`,
      send(message) {
        if (worker.isConnected()) worker.send(message, () => {})
      },
      signal(signal) {
        ending = signal
        // This property tells the application that the exit is intended, so that it forks no other worker.
        worker.exitedAfterDisconnect = true
        worker.process.kill(signal)
      },
      kill: () => void worker.process.kill('SIGKILL'),
      // Not once() of node:events, because that rejects on 'error', which is an event of the application and no exit.
      exited: new Promise((resolve) => {
        worker.once('exit', (code, signal) => {
          const cutNothing = signal === ending && !this.#listening.has(worker) // the worker was still starting
          resolve(cutNothing ? 0 : (code ?? signal))
        })
      }),
    }
    this.#handles.set(worker, handle)
    this.#primary.add(handle)
  }

  readonly #message = (worker: ClusterWorker, message: unknown): void => {
    const handle = this.#handles.get(worker)
    if (!handle || !isOurs(message)) return
    const said = message as FromWorker
    if (said.podrain === 'listening') this.#listens(worker, said.address)
    else this.#primary.receive(handle, said)
  }

  readonly #listen = (worker: ClusterWorker, { addressType, port }: { addressType: unknown; port: number }): void => {
    this.#listens(worker, addressType === 4 || addressType === 6 ? { port, family: `IPv${addressType}` } : undefined)
  }

  #listens(worker: ClusterWorker, address: ListenAddress | undefined): void {
    this.#listening.add(worker)
    if (address) this.#addresses.set(`${address.family} ${address.port}`, address)
  }

  readonly #killStopped = (): void => {
    for (const worker of this.#stopped) worker.process.kill('SIGKILL')
  }

  readonly #exit = (worker: ClusterWorker): void => {
    this.#listening.delete(worker)
    this.#handles.delete(worker)
  }
}
