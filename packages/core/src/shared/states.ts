import type { Behind } from './presets.js'
import type { DrainReport, OpenRequest } from './report.js'

/**
 * - `serving`: ready.
 * - `draining`: not ready; still accepts and serves, and leads clients away.
 * - `closing`: accepts no more; the framework and the close hooks run.
 * - `closed`: done.
 */
export type DrainState = 'serving' | 'draining' | 'closing' | 'closed'

export interface DrainEvents {
  /** The state changed: the new one, the old one. */
  state: [state: DrainState, previous: DrainState]
  /** The process will end: what was passed to `start`, by the application or on a signal. Before the state changes. */
  commit: [how: Readonly<StartOptions>]
  /** Somebody who knows has said how much time there is: what was passed to `terminating()`. */
  terminating: [how: Readonly<TerminatingOptions>]
  /** A caller of `/prestop` or `/drainz` was refused. */
  refused: [refusal: Refusal]
  /** The drain is over. */
  report: [report: DrainReport]
}

export interface Refusal {
  readonly endpoint: 'prestop' | 'drainz'
  /** Came through a proxy, or without the token. */
  readonly why: string
}

/** What `/drainz` shows, together with the times. */
export interface DrainStatus {
  state: DrainState
  /** Whether the process will end. `/prestop` alone does not commit. */
  committed: boolean
  /** Requests in flight, without probes and control requests. */
  inFlight: number
  /** Names of the tasks that have not ended. */
  tasks: string[]
  /** The request that has been in flight longest. */
  oldest: OpenRequest | null
  /** Milliseconds until the process must be gone; the whole budget while serving. */
  budgetMs: number
}

export interface StartOptions {
  /** What the report and the log call the cause. @default 'start()' */
  reason?: string
  /** Whether to wait for the load balancers; requests in flight and tasks are waited for in any case. @default true */
  settle?: boolean
  /** Milliseconds in which it has to be closed, if that is less than is left of the budget. @default the budget */
  within?: number
  /** Milliseconds since the pod began to end, if that was before this drain was made: so much of the time is gone. @default 0 */
  ago?: number
}

export interface TerminatingOptions {
  /** Milliseconds from the deletion of the pod to SIGKILL, as the cluster says: `deletionGracePeriodSeconds`. */
  gracePeriod: number
  /** Milliseconds since the deletion. @default 0 */
  ago?: number
}

/**
 * Whether load balancers have stopped sending: `true`, and `settle.min` is not waited for; `false`, and the wait goes on, up to
 * `settle.max`; `undefined` where it is not known, and everything is as it would be without. Asked often: it has to know by itself.
 */
export type SettleCondition = () => boolean | undefined

/** How a drain shares out its time, in milliseconds. */
export interface DrainTimes {
  readonly gracePeriod: number
  readonly reserve: number
  readonly closing: number
  readonly behind: Behind
  /** Only outside of a cluster, where `settle` says nothing about what the application does in one. */
  readonly balancers?: false
  readonly settle: {
    readonly min: number
    readonly quiet: number
    readonly max: number
    /** Whether `min` was asked for, and is not what `behind` needs. */
    readonly own: boolean
  }
}

export interface PrestopOptions {
  /** Aborts when the caller does not wait any longer. That changes nothing for the drain. */
  gone?: AbortSignal
  /**
   * Whether it is the hook of the kubelet, which signals before its answer only when the grace period is spent.
   * @default true
   */
  hook?: boolean
  /** Milliseconds since the pod began to drain, if that was without this process: so much of the time is gone. @default 0 */
  ago?: number
}
