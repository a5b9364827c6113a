import cluster from 'node:cluster'
import type { Server } from 'node:net'
import { isMainThread, threadId } from 'node:worker_threads'
import type { Outcome } from '../outcome/outcome.js'
import { outcomesOfProcess } from '../outcome/outcomes.js'
import { nodeProcess } from '../process/exit.js'
import type { ExitSource } from '../process/exit-listeners.js'
import { isOfPm2, warningOfManager } from '../process/managers.js'
import type { WorkerDrain } from './drain-view.js'
import { handOver, joinPrimary, tellListening, tellOutcome, threadExit } from './in-worker.js'
import { hasPrimary } from './link.js'

/** What depends on where a drain runs: in a process of its own, in a worker of node:cluster, or in a worker thread. */
export interface Environment {
  /** The name of this worker in log lines. undefined if this is not a worker. */
  readonly name: string | undefined
  /** The source of signals and fatal errors. */
  readonly exit: ExitSource
  /** Joins a drain with those of other workers. Returns what `/prestop` waits for. undefined if the drain is alone. */
  join(drain: WorkerDrain): ((gone: AbortSignal) => Promise<void>) | undefined
  /** Called when a server of the drain has begun to listen. */
  listening(server: Server): void
  /** Writes the outcome of a drain into the termination message, or sends it to the primary, which writes the message. */
  readonly tell: Tell
  /** Resolves when this process has received the connections that another process accepted for it. */
  handOver(): Promise<void>
}

/**
 * @param outcome undefined if the drain serves again.
 * @param path The file of the termination message.
 * @throws {Error} from node:fs
 */
type Tell = (drain: object, outcome: Outcome | undefined, path: string) => void

let warnedOfPrimary = false
let warnedOfManager = false

const alone: Environment = {
  name: undefined,
  exit: {
    register(listener) {
      // A worker of pm2 needs no warning, because pm2 signals each worker itself, and waits for its exit.
      if (cluster.isWorker && !isOfPm2() && listener.signals.length > 0 && !warnedOfPrimary) {
        warnedOfPrimary = true
        listener.warn?.(
          'this is a worker of node:cluster, and its primary does not drain: call drainCluster() in the primary before the first ' +
            'fork. Otherwise SIGTERM ends the primary at once, and this worker with it, without a drain (unless the primary passes ' +
            'the signal on and waits for its workers)',
        )
      }
      return nodeProcess.register(listener)
    },
  },
  join(drain) {
    const warning = warnedOfManager ? undefined : warningOfManager(drain.times.gracePeriod - drain.times.reserve)
    if (warning !== undefined) {
      warnedOfManager = true
      drain.logger.warn(warning)
    }
    return undefined
  },
  listening() {},
  tell: (...told) => outcomesOfProcess().tell(...told),
  handOver: () => Promise.resolve(),
}

/** The environment that this code runs in. */
export function environmentOfProcess(): Environment {
  if (!isMainThread) {
    const { handOver } = alone
    const listening = tellListening
    return { name: `thread ${threadId}`, exit: threadExit, join: joinPrimary, listening, tell: tellOutcome, handOver }
  }
  if (!hasPrimary()) return alone
  return {
    name: `worker ${process.pid}`,
    // A worker gets signals like any other process, because its primary passes them on. The primary outlives the worker, and waits
    // for the bytes that the kernel holds.
    exit: { register: nodeProcess.register, outlived: true },
    join: joinPrimary,
    listening: tellListening,
    tell: tellOutcome,
    handOver,
  }
}
