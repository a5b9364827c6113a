import type { Behind } from './presets.js'
import type { DrainReport, OpenRequest } from './report.js'

/**
 * - `serving`: the pod is ready.
 * - `draining`: the pod is not ready. The server still accepts connections, serves requests, and sheds clients.
 * - `closing`: the server accepts no more connections. The framework closes, and the `onClose` hooks run.
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
  /** The pod was deleted, and its grace period is known. `how` is what was passed to `terminating()`. */
  terminating: [how: Readonly<TerminatingOptions>]
  /** A caller of `/prestop` or `/drainz` was refused. */
  refused: [refusal: Refusal]
  /** The drain is over: `closed`. */
  report: [report: DrainReport]
}

/** A refused call of a control endpoint. */
export interface Refusal {
  readonly endpoint: 'prestop' | 'drainz'
  /** The reason in words: the request came through a proxy or from a browser, or without the token. */
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
  /** Milliseconds until the deadline. While serving: the whole budget. */
  budgetMs: number
}

/** The status of a drain for log lines: `DrainStatus`, and what else the drain waits for, in words. Durations are milliseconds. */
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
  /** Whether to wait for load balancers. The drain waits for requests in flight and tasks in any case. @default true */
  settle?: boolean
  /** Milliseconds until the drain must be closed, if that is less than the budget leaves. @default what the budget leaves */
  within?: number
  /**
   * Milliseconds since the pod began to terminate, if that was before this drain was created. They are subtracted from the
   * budget. @default 0
   */
  ago?: number
}

/** The deletion of the pod, as the Kubernetes API reports it. For `Drain.terminating()`. */
export interface TerminatingOptions {
  /** Milliseconds from the deletion of the pod to SIGKILL: `deletionGracePeriodSeconds`, times 1000. */
  gracePeriod: number
  /** Milliseconds since the deletion. @default 0 */
  ago?: number
}

/** A drain that `Drain.vacate()` has begun or joined. */
export interface Vacancy {
  /**
   * Resolves to true when clients have left and all requests and tasks have finished. Resolves to false if that did not happen:
   * the time of a drain that had begun before was over, or the process serves again. Never rejects.
   */
  readonly vacated: Promise<boolean>
  /** Undoes the drain, and serves again. Does nothing if a sign that the pod ends has come since. */
  undo(): void
}

/**
 * Whether load balancers have stopped sending.
 * - `true`: they have. The drain does not wait for `settle.min`, and sheds all clients.
 * - `'soon'`: they have got the change, and will stop within moments. The drain sheds all clients. Its wait is as long as without the
 *   condition.
 * - `false`: they still send. The wait goes on, up to `settle.max`.
 * - `undefined`: not known. The wait is as long as without the condition.
 */
export type SettleVerdict = boolean | 'soon' | undefined

/** Returns whether load balancers have stopped sending. It is called every 100 ms while draining, so it must return at once. */
export type SettleCondition = () => SettleVerdict

/** How a drain shares out the grace period. Times are in milliseconds. */
export interface DrainTimes {
  /** From the first sign to SIGKILL. */
  readonly gracePeriod: number
  /** The end of the grace period that is not used. */
  readonly reserve: number
  /** The time for the framework and the `onClose` hooks. */
  readonly closing: number
  readonly behind: Behind
  /** `false` if no load balancer has to learn that the process ends, as with `platform: 'none'`. Otherwise missing. */
  readonly balancers?: false
  readonly settle: {
    readonly min: number
    readonly quiet: number
    readonly max: number
    /** Whether the option `settle.min` was set, in place of the preset of `behind`. */
    readonly explicit: boolean
  }
}

/** The options of `Drain.prestop()`. */
export interface PrestopOptions {
  /** Aborts when the caller has disconnected. The promise then resolves, and the drain goes on. */
  signal?: AbortSignal
  /**
   * Whether the caller is the kubelet's hook. A signal before the response then means that the grace period is spent.
   * @default true
   */
  hook?: boolean
  /**
   * Milliseconds since the pod began to drain, if this process has learned of it later. They are subtracted from the budget.
   * @default 0
   */
  ago?: number
}
