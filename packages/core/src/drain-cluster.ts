import cluster from 'node:cluster'
import { type Attachment, attach } from './adapter.js'
import type { AdapterOptions } from './adapter-options.js'
import { Drain } from './drain.js'
import { type DrainOptions, drainOptionNames } from './options.js'
import { systemClock } from './shared/clock.js'
import { ofProcess } from './shared/of-process.js'
import { defaultReserve, primaryCutShare, primaryExitShare } from './shared/timing.js'
import { duration, plainObject } from './shared/validate.js'
import { delivered } from './termination/kernel-queues.js'
import { resolveWithVariables } from './variables.js'
import { ClusterWorkers } from './workers/cluster.js'
import { primaryVariable } from './workers/protocol.js'

/** Options that belong to the workers, because the workers serve the requests. */
const forWorkers = ['settle', 'behind', 'closing', 'keepAliveCap', 'checks', 'checkTimeout', 'drain'] as const

/** The options for the primary of a cluster: those of an adapter, without the options that belong to the workers. */
export type ClusterOptions = Omit<AdapterOptions, (typeof forWorkers)[number]>

/**
 * Drains the workers of node:cluster together. Call it in the primary, before the first `cluster.fork()`. The workers use podrain
 * as a process without a cluster does. If the preStop hook reaches any worker, all workers drain, and the hook is answered when all
 * have settled. The primary passes a signal on to all workers, and exits after the last worker.
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
  if (hasDrain() && !lead.giveUp) throw new Error('drainCluster() was called twice')
  if (Object.keys(cluster.workers ?? {}).length > 0) {
    throw new Error('Call drainCluster() before the first cluster.fork(): a worker has to know of it when it starts')
  }
  for (const name of forWorkers) {
    if (name in options) throw new TypeError(`Option \`${name}\` is for the workers, because they serve the requests`)
  }
  lead.giveUp?.()
  return drainWorkers(options).drain
}

/**
 * Does the same as `drainCluster()`, for a preload. It does nothing if the application has called `drainCluster()`. If the
 * application calls `drainCluster()` later, the application's drain replaces this one.
 * @throws {TypeError | RangeError} for a wrong option
 */
export function drainClusterUnlessDrained(options: ClusterOptions = {}): void {
  if (!cluster.isPrimary || hasDrain()) return
  const { drain, release } = drainWorkers(options)
  lead.giveUp = () => {
    lead.giveUp = undefined
    release()
    void drain.dispose()
  }
}

/** Ends the preload's drain of the workers, so that another drain can take over. undefined if there is no such drain. */
const lead = ofProcess<{ giveUp: (() => void) | undefined }>('cluster', () => ({ giveUp: undefined }))

/** Whether a drain of this process drains the workers. */
function hasDrain(): boolean {
  return process.env[primaryVariable] === String(process.pid)
}

/** Returns the drain, and the function that releases the workers and the control port at once. */
function drainWorkers(options: ClusterOptions): { drain: Drain; release(): void } {
  const reserve = resolveWithVariables(options, ['reserve'], ({ reserve = defaultReserve }) => {
    duration('reserve', reserve)
    return reserve
  })
  const isForDrain = ([name]: [string, unknown]): boolean => (drainOptionNames as readonly string[]).includes(name)
  const entries = Object.entries(options)
  const drain = new Drain({
    ...(Object.fromEntries(entries.filter(isForDrain)) as DrainOptions),
    reserve: reserve * primaryExitShare,
    closing: reserve * (primaryCutShare - primaryExitShare),
    settle: { min: 0, quiet: 0 },
  })
  const workers = new ClusterWorkers(drain)
  let attachment: Attachment
  try {
    attachment = attach(
      { ...Object.fromEntries(entries.filter((entry) => !isForDrain(entry))), drain, checks: workers.checks },
      false,
    )
  } catch (error) {
    void drain.dispose()
    throw error
  }
  const stop = workers.follow((addresses, left) =>
    delivered(systemClock, addresses, left, (message) => drain.logger.warn(message)),
  )
  const release = (): void => {
    stop()
    attachment.release()
  }
  return { drain, release }
}
