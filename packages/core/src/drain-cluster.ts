import cluster from 'node:cluster'
import { type AdapterOptions, attach } from './adapter.js'
import { Drain } from './drain.js'
import { type DrainOptions, drainOptionNames } from './options.js'
import { systemClock } from './shared/clock.js'
import { defaultReserve, primaryCutShare, primaryExitShare } from './shared/timing.js'
import { duration, plainObject } from './shared/validate.js'
import { delivered } from './termination/kernel-queues.js'
import { ClusterWorkers } from './workers/cluster.js'
import { primaryVariable } from './workers/protocol.js'

/** Options that belong to the workers, because the workers serve the requests. */
const forWorkers = ['settle', 'behind', 'closing', 'keepAliveCap', 'checks', 'checkTimeout', 'drain'] as const

/** The options for the primary of a cluster: those of an adapter, without those that belong to the workers. */
export type ClusterOptions = Omit<AdapterOptions, (typeof forWorkers)[number]>

/**
 * Drains the workers of node:cluster as one. If the preStop hook reaches any worker, all of them drain, and the hook is
 * answered when all have settled. A signal is passed on to all workers. The process exits after the last worker. The
 * workers use podrain as they would alone. Call it in the primary, before the first `cluster.fork()`.
 *
 * @example
 * if (cluster.isPrimary) {
 *   const drain = drainCluster()
 *   cluster.fork()
 *   cluster.on('exit', () => drain.state === 'serving' && cluster.fork())
 * }
 *
 * @returns The drain of the primary. Its `onClose` hooks run after the exit of the last worker.
 * @throws {Error} in a worker, after the first fork, and at the second call
 * @throws {TypeError | RangeError} for a wrong option
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
  const { reserve = defaultReserve } = options
  duration('reserve', reserve)
  const isForDrain = ([name]: [string, unknown]): boolean => (drainOptionNames as readonly string[]).includes(name)
  const entries = Object.entries(options)
  const drain = new Drain({
    ...(Object.fromEntries(entries.filter(isForDrain)) as DrainOptions),
    reserve: reserve * primaryExitShare,
    closing: reserve * (primaryCutShare - primaryExitShare),
    settle: { min: 0, quiet: 0 },
  })
  const workers = new ClusterWorkers(drain)
  try {
    attach(
      { ...Object.fromEntries(entries.filter((entry) => !isForDrain(entry))), drain, checks: workers.checks },
      false,
    )
  } catch (error) {
    void drain.dispose()
    throw error
  }
  workers.follow((addresses, left) => delivered(systemClock, addresses, left, (message) => drain.logger.warn(message)))
  return drain
}
