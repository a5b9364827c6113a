import type { EventEmitter } from 'node:events'
import type { DrainReport } from '../shared/report.js'
import type { DrainEvents, DrainState, DrainStatus, PrestopOptions, StartOptions } from '../shared/states.js'

/** What can be drained together with others, as a worker sees its own drain. A `Drain` is one. */
export interface MemberDrain extends Pick<EventEmitter<DrainEvents>, 'on' | 'once'> {
  readonly state: DrainState
  prestop(options: PrestopOptions): Promise<void>
  start(options: StartOptions): Promise<DrainReport>
}

/** What leads the others: the drain of a primary, or of a main thread. A `Drain` is one. */
export interface LeadingDrain extends MemberDrain {
  readonly committed: boolean
  status(): DrainStatus
  waitUntil(promise: PromiseLike<unknown>, options: { name: string }): void
  onClose(hook: () => unknown, options: { name: string; timeout: number }): unknown
}
