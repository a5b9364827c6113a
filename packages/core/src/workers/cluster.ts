import cluster, { type Worker as ClusterWorker } from 'node:cluster'
import { type AdapterOptions, attach } from '../adapter.js'
import { Drain } from '../drain.js'
import { type DrainOptions, drainOptionNames } from '../options.js'
import type { Signal } from '../process/exit.js'
import { systemClock } from '../shared/clock.js'
import { duration, plainObject } from '../shared/validate.js'
import { delivered, type Listened } from '../termination/kernel-queues.js'
import { type FromWorker, isOurs, primaryVariable } from './link.js'
import { Primary, type Worker } from './primary.js'

/** What the workers have to say, as the requests are theirs. */
const forWorkers = ['settle', 'behind', 'closing', 'keepAliveCap', 'checks', 'checkTimeout', 'drain'] as const

/** For the primary of a cluster. The wait for load balancers and requests is an option of its workers. */
export type ClusterOptions = Omit<AdapterOptions, (typeof forWorkers)[number]>

/** How much of the reserve the primary leaves: the workers are gone when it begins, and need to be seen out. */
const cutAt = 3 / 4
const exitAt = 1 / 2

/** Milliseconds of the budget in which to say what did not end in time. */
const lastWords = 250

/**
 * Drains a cluster of node:cluster as one: whichever worker the preStop hook reaches, all drain, and it is answered when all
 * have settled; a signal is passed on to all; the process exits after the last of them. The workers use podrain as they would
 * alone. Call it in the primary, before the first `cluster.fork()`.
 *
 * @example
 * if (cluster.isPrimary) {
 *   const drain = drainCluster()
 *   cluster.fork()
 *   cluster.on('exit', () => drain.state === 'serving' && cluster.fork())
 * }
 *
 * @returns The drain of the primary. Its `onClose` hooks run when the last worker has gone.
 * @throws {Error} in a worker, after the first fork, and the second time
 * @throws {TypeError | RangeError} for a bad option
 */
export function drainCluster(options: ClusterOptions = {}): Drain {
  plainObject('options', options)
  if (!cluster.isPrimary) throw new Error('drainCluster() is for the primary: a worker uses podrain as it would alone')
  if (process.env[primaryVariable] === String(process.pid)) throw new Error('drainCluster() was called twice')
  if (Object.keys(cluster.workers ?? {}).length > 0) {
    throw new Error('Call drainCluster() before the first cluster.fork(): a worker has to know of it when it starts')
  }
  for (const name of forWorkers) {
    if (name in options) throw new TypeError(`Option \`${name}\` is for the workers: the requests are theirs`)
  }
  const { reserve = 1000 } = options
  duration('reserve', reserve)
  const isForDrain = ([name]: [string, unknown]): boolean => (drainOptionNames as readonly string[]).includes(name)
  const entries = Object.entries(options)
  const drain = new Drain({
    ...(Object.fromEntries(entries.filter(isForDrain)) as DrainOptions),
    reserve: reserve * exitAt,
    closing: reserve * (cutAt - exitAt),
    settle: { min: 0, quiet: 0 },
  })
  const workers = new ClusterWorkers(drain)
  try {
    attach({ ...Object.fromEntries(entries.filter((entry) => !isForDrain(entry))), drain, checks: workers.checks })
  } catch (error) {
    void drain.dispose()
    throw error
  }
  workers.follow()
  return drain
}

/** The workers of node:cluster, in its primary. */
class ClusterWorkers {
  readonly #drain: Drain
  readonly #primary: Primary
  readonly #known = new Map<ClusterWorker, Worker>()
  readonly #listening = new Set<ClusterWorker>()
  /** Those that were forked too late, stopped before they could begin. */
  readonly #stopped = new Set<ClusterWorker>()
  /** Where any of them has listened, each address once however many workers come and go. */
  readonly #addresses = new Map<string, Listened>()

  readonly checks = {
    workers: () => {
      if (this.#listening.size === 0) throw new Error('no worker listens')
    },
  }

  constructor(drain: Drain) {
    this.#drain = drain
    this.#primary = new Primary(drain)
  }

  follow(): void {
    process.env[primaryVariable] = String(process.pid)
    const listeners = { fork: this.#fork, message: this.#message, listening: this.#listen, exit: this.#exit }
    for (const [event, listener] of Object.entries(listeners)) cluster.on(event, listener)
    const left = (): number => Math.max(0, this.#drain.status().budgetMs - lastWords)
    this.#drain.onClose(
      async () => {
        await this.#primary.end(left() / 2)
        const bytes = await delivered(systemClock, [...this.#addresses.values()], left)
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
    const known: Worker = {
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
    this.#known.set(worker, known)
    this.#primary.add(known)
  }

  readonly #message = (worker: ClusterWorker, message: unknown): void => {
    const known = this.#known.get(worker)
    if (!known || !isOurs(message)) return
    const said = message as FromWorker
    if (said.podrain === 'listening') this.#listens(worker, said.address)
    else this.#primary.hear(known, said)
  }

  readonly #listen = (worker: ClusterWorker, { addressType, port }: { addressType: unknown; port: number }): void => {
    this.#listens(worker, addressType === 4 || addressType === 6 ? { port, family: `IPv${addressType}` } : undefined)
  }

  #listens(worker: ClusterWorker, address: Listened | undefined): void {
    this.#listening.add(worker)
    if (address) this.#addresses.set(`${address.family} ${address.port}`, address)
  }

  readonly #killStopped = (): void => {
    for (const worker of this.#stopped) worker.process.kill('SIGKILL')
  }

  readonly #exit = (worker: ClusterWorker): void => {
    this.#listening.delete(worker)
    this.#known.delete(worker)
  }
}
