import type { ExitSource } from './process/exit-listeners.js'
import type { Signal } from './process/signals.js'
import type { Clock } from './shared/clock.js'
import type { DrainLogger, Logger, ReportFormat } from './shared/log.js'
import type { Platform } from './shared/platform.js'
import type { Behind } from './shared/presets.js'
import type { Answer } from './shared/request.js'
import type { DrainTimes } from './shared/states.js'
import type { Hook } from './termination/hooks.js'

/**
 * The wait for load balancers to stop sending. It is over when `min` has passed, no request arrived for `quiet`, and
 * nothing is in flight.
 */
export interface SettleOptions {
  /**
   * Milliseconds from the first sign that are waited in any case, unless a condition of `Drain.settledWhen` replaces
   * it. kube-proxy alone needs up to 1.2 s to learn of a change.
   * @default what `behind` needs (5000 for 'kube-proxy'), or half of the shorter grace period of a `platform` other than
   * Kubernetes; 0 if nothing is waited for
   */
  min?: number
  /**
   * Milliseconds without a new request. @default 1000; 0 if nothing is waited for
   */
  quiet?: number
  /**
   * Milliseconds from the first sign after which the wait is over, although a condition of `Drain.settledWhen` says
   * that load balancers still send (as `@podrain/kubernetes` does by EndpointSlices). Without such a condition it has
   * no effect. @default twice `min`
   */
  max?: number
}

/** How a watched server is closed, and what answers in front of its application. */
export interface WatchOptions {
  /**
   * Closes the framework. Called when the closing begins; its timeout counts from the moment when all connections are
   * closed. @default nothing: podrain itself closes the server in any case
   */
  close?: Hook
  /** The name of `close` in the log and the report. @default 'close' */
  name?: string
  /** Answers control requests in front of all listeners of the application. See `controlEndpoints`. @default none */
  answer?: Answer
  /**
   * For servers that belong to somebody else, as those that `@podrain/auto` finds: the server is given up when another
   * drain watches it, or when it has closed, and then this function is called. Requests in flight are then waited for
   * by the other drain, as those of any server that is watched late. @default none: while this drain watches the
   * server, another one cannot
   */
  yields?: () => void
}

/**
 * The options of a drain. Durations are milliseconds, except for the field that Kubernetes itself names in seconds. One that is left out is
 * taken from its environment variable if that is set: `settle.min` from PODRAIN_SETTLE_MIN. The defaults are for when neither says anything.
 */
export interface DrainOptions {
  /**
   * The pod's `terminationGracePeriodSeconds`, in seconds. A pod cannot read it from the cluster. On another platform the
   * seconds from the signal to SIGKILL.
   * @default the environment variable TERMINATION_GRACE_PERIOD_SECONDS, or what `platform` gives (30 in Kubernetes)
   */
  terminationGracePeriodSeconds?: number
  /**
   * Milliseconds at the end of the grace period that are never used, because the process must exit before SIGKILL.
   * @default 1000, or a fifth of the shorter grace period of a `platform` other than Kubernetes
   */
  reserve?: number
  /**
   * Milliseconds at the end of the budget for closing the framework and for the `onClose` hooks. Requests may use what
   * those do not need. @default 5000, or a fifth of a grace period below 25 s
   */
  closing?: number
  /**
   * What sends requests to the pod. It sets `settle.min`, and is compared with the server's `keepAliveTimeout`.
   * @default 'kube-proxy'
   */
  behind?: Behind
  /** The wait for load balancers. */
  settle?: SettleOptions
  /**
   * Where this process runs (`shared/platform.ts`). It gives the default grace period, says whether SIGINT ends the
   * process as SIGTERM does ('nomad', 'fly'), and whether something has to learn that the process ends. With 'none',
   * 'docker' and 'systemd' nothing has to: nothing is waited for but requests and tasks, neither load balancers nor idle
   * connections, unless `behind` or `settle` is given.
   * @default the platform whose environment variable is set, such as KUBERNETES_SERVICE_HOST; otherwise 'none'
   */
  platform?: Platform
  /**
   * Milliseconds that an idle connection is kept at most, because its client was promised keep-alive. Also the time
   * after which an upload without progress counts as stalled, which is 1000 at least. @default 5000; 0 if no
   * load balancer is waited for
   */
  keepAliveCap?: number
  /** Milliseconds for each hook without a timeout of its own. @default 5000 */
  hookTimeout?: number
  /**
   * The signals that end the process. With `false` signals and fatal errors are left to the application. @default
   * ['SIGTERM', 'SIGINT']
   */
  signals?: readonly Signal[] | false
  /**
   * Whether an uncaught exception or unhandled rejection drains, and then exits with 1. @default true, unless `signals`
   * is `false`
   */
  errors?: boolean
  /** Milliseconds between two log lines about what is still open; `false` for none. @default 5000 */
  progress?: number | false
  /** Where log lines go; `false` for nowhere. pino gets the report as fields. @default console */
  logger?: Logger | false
  /**
   * Whether the report is logged as a sentence, or as a line of JSON with the sentence and all fields. @default 'text'
   */
  reportFormat?: ReportFormat
  /**
   * The file for the outcome of the drain, which is as `terminationMessagePath` in the pod's spec: `kubectl describe pod`
   * shows its content when the container has terminated. What the application writes there stays. `false` for none.
   * @default '/dev/termination-log' in Kubernetes, if the kubelet has made that file; otherwise none
   */
  terminationMessagePath?: string | false
  /** The source of time, for tests. @default the monotonic clock of the process */
  clock?: Clock
  /**
   * The source of signals and fatal errors, and the way to exit, for tests. @default the process, through
   * close-with-grace
   */
  process?: ExitSource
}

/** How a drain shares out its grace period: the options about time with their defaults, in milliseconds. */
export interface Times {
  readonly platform: Platform
  readonly gracePeriod: number
  /** Whether `gracePeriod` is the default of the platform, because nothing else says it. */
  readonly assumed: boolean
  readonly reserve: number
  readonly closing: number
  readonly behind: Behind
  readonly settle: DrainTimes['settle']
  /** Whether load balancers may have to learn that the process ends. */
  readonly balancers: boolean
  readonly keepAliveCap: number
}

/** All options with their defaults. Durations are milliseconds. `budget` is `gracePeriod` less `reserve`. */
export interface ResolvedOptions extends Times {
  readonly budget: number
  readonly hookTimeout: number
  readonly signals: readonly Signal[]
  readonly errors: boolean
  readonly progress: number | false
  readonly logger: DrainLogger
  readonly terminationMessagePath: string | false
  readonly clock: Clock
  readonly process: ExitSource
}

/** The names of all options. */
export const drainOptionNames: readonly (keyof DrainOptions)[] = [
  'terminationGracePeriodSeconds',
  'reserve',
  'closing',
  'behind',
  'settle',
  'platform',
  'keepAliveCap',
  'hookTimeout',
  'signals',
  'errors',
  'progress',
  'logger',
  'reportFormat',
  'terminationMessagePath',
  'clock',
  'process',
]
