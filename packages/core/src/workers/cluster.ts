import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import type { Signal } from '../process/signals.js'
import { lastWords } from '../shared/timing.js'
import type { LeadingDrain } from './drain-view.js'
import { Primary, type Worker } from './primary.js'
import { type FromWorker, isOurs, type ListenAddress, primaryVariable } from './protocol.js'

/** Waits until the kernel holds nothing more for clients of these addresses; returns the bytes that were left. */
export type Delivered = (addresses: readonly ListenAddress[], left: () => number) => Promise<number>

/** The workers of node:cluster, in their primary. */
export class ClusterWorkers {
  readonly #drain: LeadingDrain
  readonly #primary: Primary
  readonly #members = new Map<ClusterWorker, Worker>()
  readonly #listening = new Set<ClusterWorker>()
  /** Those that were forked too late, stopped before they could begin. */
  readonly #stopped = new Set<ClusterWorker>()
  /** Where any of them has listened, each address once however many workers come and go. */
  readonly #addresses = new Map<string, ListenAddress>()

  /** For the primary's `/readyz`. */
  readonly checks = {
    workers: (): void => {
      if (this.#listening.size === 0) throw new Error('no worker listens')
    },
  }

  constructor(drain: LeadingDrain) {
    this.#drain = drain
    this.#primary = new Primary(drain)
  }

  /** From now on every worker that is forked is drained together with the others. */
  follow(delivered: Delivered): void {
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
    this.#drain.once('report', () => {
      this.#killStopped()
      process.off('exit', this.#killStopped)
      delete process.env[primaryVariable]
      for (const [event, listener] of Object.entries(listeners)) cluster.off(event, listener)
    })
  }

  readonly #fork = (worker: ClusterWorker): void => {
    if (this.#drain.committed) {
      // It would serve nobody, and if it were ended an application that forks again on every exit would do so without end.
      worker.process.kill('SIGSTOP')
      this.#stopped.add(worker)
      return
    }
    if (worker.process.pid === undefined) return // it could not be started, and will not exit
    let ending: Signal | undefined
    const member: Worker = {
      name: `worker ${worker.process.pid}`,
      send(message) {
        if (worker.isConnected()) worker.send(message, () => {})
      },
      signal(signal) {
        ending = signal
        worker.exitedAfterDisconnect = true // "it was meant to": do not fork another one
        worker.process.kill(signal)
      },
      kill: () => void worker.process.kill('SIGKILL'),
      // Not once() of node:events: it would take an 'error', which is the application's, for the end.
      exited: new Promise((resolve) => {
        worker.once('exit', (code, signal) => {
          const cutNothing = signal === ending && !this.#listening.has(worker) // it was still starting
          resolve(cutNothing ? 0 : (code ?? signal))
        })
      }),
    }
    this.#members.set(worker, member)
    this.#primary.add(member)
  }

  readonly #message = (worker: ClusterWorker, message: unknown): void => {
    const member = this.#members.get(worker)
    if (!member || !isOurs(message)) return
    const said = message as FromWorker
    if (said.podrain === 'listening') this.#listens(worker, said.address)
    else this.#primary.hear(member, said)
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
    this.#members.delete(worker)
  }
}
