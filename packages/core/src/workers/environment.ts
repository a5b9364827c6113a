import cluster from 'node:cluster'
import type { Server } from 'node:net'
import { isMainThread, threadId } from 'node:worker_threads'
import { nodeProcess } from '../process/exit.js'
import type { ExitSource } from '../process/exit-listeners.js'
import { isOfPm2, warningOfManager } from '../process/managers.js'
import type { MemberDrain } from './drain-view.js'
import { hasPrimary } from './link.js'
import { handOver, joinPrimary, tellListening, threadExit } from './worker.js'

/** What a drain has to know of where it runs: in a process of its own, in a worker of node:cluster, or in a thread. */
export interface Environment {
  /** What log lines call this worker; undefined where there are no others. */
  readonly name: string | undefined
  /** Where its end comes from. */
  readonly exit: ExitSource
  /** What `/prestop` waits for where all workers drain together; undefined where the drain is alone. */
  join(drain: MemberDrain): ((gone: AbortSignal) => Promise<void>) | undefined
  /** A server of the drain listens. */
  listening(server: Server): void
  /** Resolves when the connections have come that another process has accepted for this one. */
  handOver(): Promise<void>
}

let warnedOfPrimary = false
let warnedOfManager = false

const alone: Environment = {
  name: undefined,
  exit: {
    register(listener) {
      // A process manager that forks workers signals each of them, and waits.
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
  handOver: () => Promise.resolve(),
}

/** Where this code runs. */
export function environmentOfProcess(): Environment {
  if (!isMainThread) {
    const { listening, handOver } = alone
    return { name: `thread ${threadId}`, exit: threadExit, join: joinPrimary, listening, handOver }
  }
  if (!hasPrimary()) return alone
  return {
    name: `worker ${process.pid}`,
    // A process like any other, to which the primary passes signals on. What the kernel holds is the primary's to wait for.
    exit: { register: nodeProcess.register, outlived: true },
    join: joinPrimary,
    listening: tellListening,
    handOver,
  }
}
