import type { Behind } from './presets.js'
import type { DrainReport, OpenRequest } from './report.js'

/**
 * - `serving`: ready.
 * - `draining`: not ready. The server accepts connections, serves requests, and sheds clients.
 * - `closing`: the server accepts no more connections. The framework and the `onClose` hooks run.
 * - `closed`: the drain is over.
 */
export type DrainState = 'serving' | 'draining' | 'closing' | 'closed'

/** The events of a `Drain`, with the arguments of their listeners. */
export interface DrainEvents {
  /** The state has changed. */
  state: [state: DrainState, previous: DrainState]
  /**
   * The drain is committed: the process will end. `how` is what was passed to `start()`, by the application or on a
   * signal. Emitted before the state changes.
   */
  commit: [how: Readonly<StartOptions>]
  /** The cluster has said how much time there is. `how` is what was passed to `terminating()`. */
  terminating: [how: Readonly<TerminatingOptions>]
  /** A caller of `/prestop` or `/drainz` was refused. */
  refused: [refusal: Refusal]
  /** The drain is over: `closed`. */
  report: [report: DrainReport]
}

/** A caller of a control endpoint that was refused. */
export interface Refusal {
  readonly endpoint: 'prestop' | 'drainz'
  /** The reason in words: it came through a proxy or from a browser, or without the token. */
  readonly why: string
}

/** The status of a drain. `/drainz` shows it together with `DrainTimes`. */
export interface DrainStatus {
  state: DrainState
  /** Whether the process will end. `/prestop` alone does not commit. */
  committed: boolean
  /** Number of requests in flight, without probes and control requests. */
  inFlight: number
  /** Names of the tasks that have not finished. */
  tasks: string[]
  /** The oldest request in flight; null if there is none. */
  oldest: OpenRequest | null
  /** Milliseconds until the deadline of the budget. While serving: the whole budget. */
  budgetMs: number
}

/** Where a drain is: `DrainStatus`, with what else is waited for, in words. Durations are milliseconds. */
export interface Whereabouts {
  readonly state: string
  readonly elapsedMs: number
  readonly budgetMs: number
  readonly inFlight: number
  readonly oldest: OpenRequest | null
  readonly tasks: readonly string[]
  readonly waits: readonly string[]
}

/** How `Drain.start()` commits a drain. Durations are milliseconds. */
export interface StartOptions {
  /** The cause, for the log and the report. @default 'start()' */
  reason?: string
  /** Whether to wait for load balancers. Requests in flight and tasks are waited for in any case. @default true */
  settle?: boolean
  /** Milliseconds until the drain must be closed, if the budget leaves more. @default what the budget leaves */
  within?: number
  /**
   * Milliseconds since the pod began to terminate, if that was before this drain was created. They are taken off the
   * budget. @default 0
   */
  ago?: number
}

/** What the cluster says about the deletion of the pod, for `Drain.terminating()`. */
export interface TerminatingOptions {
  /** Milliseconds from the deletion of the pod to SIGKILL: `deletionGracePeriodSeconds`, times 1000. */
  gracePeriod: number
  /** Milliseconds since the deletion. @default 0 */
  ago?: number
}

/** A drain that `Drain.vacate()` has begun or joined. */
export interface Vacancy {
  /**
   * Resolves to true when clients have left and all requests and tasks have finished. Resolves to false if that did not
   * come: the time of a drain that had begun before was over, or the process serves again. Never rejects.
   */
  readonly vacated: Promise<boolean>
  /** Serves again, unless a sign that the pod ends has come since. */
  undo(): void
}

/**
 * Whether load balancers have stopped sending.
 * - `true`: `settle.min` is not waited for, and every response leads its client away.
 * - `'soon'`: they have been told to, and follow within moments. Every response leads its client away. The wait is as without the
 *   condition.
 * - `false`: the wait goes on, up to `settle.max`.
 * - `undefined`: not known. The wait is as without the condition.
 */
export type SettleVerdict = boolean | 'soon' | undefined

/** Says whether load balancers have stopped sending. It is called at every check, so it must return at once. */
export type SettleCondition = () => SettleVerdict

/** How a drain shares out the grace period. Times are in milliseconds. */
export interface DrainTimes {
  readonly gracePeriod: number
  readonly reserve: number
  readonly closing: number
  readonly behind: Behind
  /** `false` if nothing has to learn that the process ends, which `platform: 'none'` means. Missing otherwise. */
  readonly balancers?: false
  readonly settle: {
    readonly min: number
    readonly quiet: number
    readonly max: number
    /** Whether the option `settle.min` was set, in place of the preset of `behind`. */
    readonly own: boolean
  }
}

/** Who calls `Drain.prestop()`. */
export interface PrestopOptions {
  /** Aborts when the caller does not wait any longer. The drain goes on. */
  gone?: AbortSignal
  /**
   * Whether the caller is the kubelet's hook. A signal before its answer then means that the grace period is spent.
   * @default true
   */
  hook?: boolean
  /**
   * Milliseconds since the pod began to drain, if that was without this process. They are taken off the budget.
   * @default 0
   */
  ago?: number
}
