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

/** What `/drainz` shows. */
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
}

export interface PrestopOptions {
  /** Aborts when the caller does not wait any longer. That changes nothing for the drain. */
  gone?: AbortSignal
  /**
   * Whether it is the hook of the kubelet, which signals before its answer only when the grace period is spent.
   * @default true
   */
  hook?: boolean
}
