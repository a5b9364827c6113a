import type { Server } from 'node:net'
import { isMainThread, threadId } from 'node:worker_threads'
import type { ExitSource } from '../process/endings.js'
import { nodeProcess } from '../process/exit.js'
import type { MemberDrain } from './drain-view.js'
import { hasPrimary } from './link.js'
import { joinPrimary, tellListening, threadExit } from './worker.js'

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
}

const alone: Environment = { name: undefined, exit: nodeProcess, join: () => undefined, listening() {} }

/** Where this code runs. */
export function environmentOfProcess(): Environment {
  if (!isMainThread) return { name: `thread ${threadId}`, exit: threadExit, join: joinPrimary, listening() {} }
  if (!hasPrimary()) return alone
  return {
    name: `worker ${process.pid}`,
    // A process like any other, to which the primary passes signals on. What the kernel holds is the primary's to wait for.
    exit: { register: nodeProcess.register, outlived: true },
    join: joinPrimary,
    listening: tellListening,
  }
}
