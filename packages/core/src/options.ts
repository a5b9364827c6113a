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
   * The shortest wait, in milliseconds from the first sign. A condition of `Drain.settledWhen` can replace it. kube-proxy alone
   * needs up to 1.2 s to learn of a change (measured, see `presets`).
   * @default what `behind` needs (5000 for 'kube-proxy'), or half of the shorter grace period of a `platform` other than
   * Kubernetes; 0 if nothing is waited for
   */
  min?: number
  /**
   * Milliseconds without a new request, after which the wait may end. @default 1000; 0 if nothing is waited for
   */
  quiet?: number
  /**
   * The longest wait, in milliseconds from the first sign, while a condition of `Drain.settledWhen` says that load balancers
   * still send. `@podrain/kubernetes` adds such a condition, which reads EndpointSlices. Without a condition, `max` has no
   * effect. @default twice `min`
   */
  max?: number
}

/** How a watched server is closed, and what answers in front of its application. */
export interface WatchOptions {
  /**
   * Closes the framework. podrain calls it when the closing begins. Its timeout counts from the moment when all connections are
   * closed. @default none: podrain closes the server in any case
   */
  close?: Hook
  /** The name of `close` in the log and the report. @default 'close' */
  name?: string
  /** Answers control requests before the application's listeners get them. See `controlEndpoints`. @default none */
  answer?: Answer
  /**
   * For servers that the application did not pass, such as those that `@podrain/auto` finds. With this function, the drain
   * releases the server when another drain watches it, or when the server has closed. The drain then calls the function. The other
   * drain waits for the requests in flight, as for any server that is watched late. @default none: while this drain watches the
   * server, no other drain can
   */
  onRelease?: () => void
}

/**
 * The options of a drain. Durations are milliseconds, except for the field that Kubernetes itself names in seconds. An option that the
 * code does not set is read from its environment variable: `settle.min` from PODRAIN_SETTLE_MIN. The default counts if neither is set.
 */
export interface DrainOptions {
  /**
   * The pod's `terminationGracePeriodSeconds`, in seconds. The downward API of Kubernetes does not have this field, so the
   * application has to repeat it. On another platform: the seconds from the signal to SIGKILL.
   * @default the environment variable TERMINATION_GRACE_PERIOD_SECONDS, or the default of `platform` (30 in Kubernetes)
   */
  terminationGracePeriodSeconds?: number
  /**
   * Milliseconds at the end of the grace period that the drain does not use, because the process must exit before SIGKILL.
   * @default 1000, or a fifth of the shorter grace period of a `platform` other than Kubernetes
   */
  reserve?: number
  /**
   * Milliseconds at the end of the budget for closing the framework and for the `onClose` hooks. Requests may use the time
   * that framework and hooks do not need. @default 5000, or a fifth of a grace period below 25 s
   */
  closing?: number
  /**
   * What routes to the pod. It sets the default of `settle.min`. podrain also compares its idle timeout with the
   * server's `keepAliveTimeout`, and warns if the server's is shorter.
   * @default 'kube-proxy'
   */
  behind?: Behind
  /** The wait for load balancers. @default as each of its fields says */
  settle?: SettleOptions
  /**
   * Where this process runs (`shared/platform.ts`). The platform sets the default grace period. It decides whether SIGINT ends
   * the process as SIGTERM does ('nomad', 'fly'). It also decides whether a load balancer has to learn that the process ends.
   * With 'none', 'docker' and 'systemd' the drain waits for requests and tasks only, neither for load balancers nor for idle
   * connections, unless `behind` or `settle` is set.
   * @default the platform whose environment variable is set, such as KUBERNETES_SERVICE_HOST; otherwise 'none'
   */
  platform?: Platform
  /**
   * The longest time, in milliseconds, that the drain keeps an idle connection because its client was promised keep-alive. An
   * upload without progress counts as stalled after the same time, but not before 1000 ms. @default 5000; 0 if no load balancer
   * is waited for
   */
  keepAliveCap?: number
  /** Milliseconds for each hook without a timeout of its own. @default 5000 */
  hookTimeout?: number
  /**
   * The signals that end the process. With `false`, podrain handles neither signals nor fatal errors. @default
   * ['SIGTERM', 'SIGINT']
   */
  signals?: readonly Signal[] | false
  /**
   * Whether an uncaught exception or unhandled rejection starts the drain, after which the process exits with 1. @default true,
   * unless `signals` is `false`
   */
  errors?: boolean
  /** Milliseconds between two log lines about what is still open. `false` turns the lines off. @default 5000 */
  progress?: number | false
  /**
   * The logger. `false` turns logging off, except for errors that end the process: those go to stderr. pino gets the report as
   * fields. @default console, or the logger of the adapter's framework
   */
  logger?: Logger | false
  /**
   * Whether the report is logged as a sentence, or as a line of JSON with the sentence and all fields. @default 'text'
   */
  reportFormat?: ReportFormat
  /**
   * The file for the outcome of the drain. It must be the `terminationMessagePath` in the pod's spec: `kubectl describe pod`
   * shows the content when the container has terminated. podrain keeps what the application writes there. `false` writes no file.
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
  /** Whether `gracePeriod` is the default of the platform, because neither the code nor the environment sets it. */
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

/** The names of the options that an adapter has besides those of its drain and its control endpoints. */
export const adapterOptionNames = ['drain', 'controlPort', 'metrics', 'controlSocket'] as const
