import type { EventEmitter } from 'node:events'
import type { Logger } from '../shared/log.js'
import type { DrainReport } from '../shared/report.js'
import type {
  DrainEvents,
  DrainState,
  DrainStatus,
  DrainTimes,
  PrestopOptions,
  StartOptions,
  TerminatingOptions,
} from '../shared/states.js'

/** The part of a `Drain` that a worker uses. */
export interface WorkerDrain extends Pick<EventEmitter<DrainEvents>, 'on' | 'once'> {
  readonly state: DrainState
  readonly times: DrainTimes
  readonly logger: Logger
  prestop(options: PrestopOptions): Promise<void>
  terminating(options: TerminatingOptions): void
  start(options: StartOptions): Promise<DrainReport>
}

/** The part of a `Drain` that a primary uses, or a main thread with worker threads. */
export interface PrimaryDrain extends WorkerDrain {
  readonly committed: boolean
  status(): DrainStatus
  waitUntil(promise: PromiseLike<unknown>, options: { name: string }): void
  onClose(hook: () => unknown, options: { name: string; timeout: number }): unknown
}
