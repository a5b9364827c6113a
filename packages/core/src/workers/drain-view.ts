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

/** What can be drained together with others, as a worker sees its own drain. A `Drain` is one. */
export interface MemberDrain extends Pick<EventEmitter<DrainEvents>, 'on' | 'once'> {
  readonly state: DrainState
  readonly times: DrainTimes
  readonly logger: Logger
  prestop(options: PrestopOptions): Promise<void>
  terminating(options: TerminatingOptions): void
  start(options: StartOptions): Promise<DrainReport>
}

/** What leads the others: the drain of a primary, or of a main thread. A `Drain` is one. */
export interface LeadingDrain extends MemberDrain {
  readonly committed: boolean
  status(): DrainStatus
  waitUntil(promise: PromiseLike<unknown>, options: { name: string }): void
  onClose(hook: () => unknown, options: { name: string; timeout: number }): unknown
}
