import type { ExitSource } from './process/exit-listeners.js'
import { type Signal, supportedSignals } from './process/signals.js'
import { type Clock, lasting, systemClock } from './shared/clock.js'
import { type DrainLogger, type Logger, namedLogger, type ReportFormat } from './shared/log.js'
import { type Platform, platformOf, platforms } from './shared/platform.js'
import { type Behind, presets } from './shared/presets.js'
import type { DrainTimes } from './shared/states.js'
import {
  closingShare,
  defaultClosing,
  defaultGraceSeconds,
  defaultHookTimeout,
  defaultKeepAliveCap,
  defaultProgress,
  defaultQuiet,
  defaultReserve,
} from './shared/timing.js'
import { boolean, duration, fail, knownKeys, method, plainObject } from './shared/validate.js'
import { environmentOfProcess } from './workers/environment.js'

/** How long a drain waits for the load balancers to stop sending. It is over when `min` has passed, no request
 * arrived for `quiet`, and nothing is in flight. */
export interface SettleOptions {
  /**
   * Milliseconds that pass, unless something knows better (`settledWhen`). kube-proxy alone needs up to 1.2 s to learn of a change.
   * @default what `behind` needs, or 5000; 0 where `platform` is 'none' and neither `behind` nor `settle` is given
   */
  min?: number
  /** Milliseconds without a new request. @default 1000; 0 where `platform` is 'none' and neither `behind` nor `settle` is given */
  quiet?: number
  /**
   * Milliseconds after which it is over although something knows that they still send, as `@podrain/kubernetes` does of
   * EndpointSlices. Without such knowledge it means nothing. @default twice `min`
   */
  max?: number
}

/** Durations are milliseconds, except where Kubernetes itself names a field in seconds. */
export interface DrainOptions {
  /**
   * The pod's `terminationGracePeriodSeconds`, in seconds. A pod cannot read it from the cluster, so say it here or in
   * the environment.
   * @default the environment variable TERMINATION_GRACE_PERIOD_SECONDS, or 30 (the Kubernetes default)
   */
  terminationGracePeriodSeconds?: number
  /** The last milliseconds of the grace period, never used: the process has to exit before SIGKILL. @default 1000 */
  reserve?: number
  /** The last milliseconds of the budget: for closing the framework and the `onClose` hooks, and for requests as far as those do not need it. @default 5000, or a fifth of a shorter grace period */
  closing?: number
  /** What sends to the pod. It sets `settle.min`, and is compared with the server's `keepAliveTimeout`. @default 'kube-proxy' */
  behind?: Behind
  /** The wait for load balancers. */
  settle?: SettleOptions
  /**
   * 'kubernetes' where something in front has to learn that this process goes, on Kubernetes or elsewhere. With 'none' there is
   * nothing to wait for: no load balancers and no idle connections, unless `behind` or `settle` is given.
   * @default 'kubernetes' if a variable is set that a platform sets, as KUBERNETES_SERVICE_HOST; else 'none'
   */
  platform?: Platform
  /** The longest that an idle connection is kept because its client was promised keep-alive, and that an upload may stall (1000 in any case). @default 5000; 0 where there is nothing to wait for (see `platform`) */
  keepAliveCap?: number
  /** Milliseconds for each hook that sets no timeout of its own. @default 5000 */
  hookTimeout?: number
  /** Signals that end the process; `false` leaves signals and fatal errors to the application. @default ['SIGTERM', 'SIGINT'] */
  signals?: readonly Signal[] | false
  /** Whether an uncaught exception or unhandled rejection drains and then exits with 1. @default true, unless `signals` is `false` */
  errors?: boolean
  /** Milliseconds between two lines that say what is still open; `false` for none. @default 5000 */
  progress?: number | false
  /** Where lines go; `false` for nowhere. To pino the report goes with its fields. @default console */
  logger?: Logger | false
  /** Whether the report is a sentence, or a line of JSON with the sentence and all fields. @default 'text' */
  reportFormat?: ReportFormat
  /** The source of time. For tests. @default the monotonic clock of the process */
  clock?: Clock
  /** The source of signals and fatal errors, and the way to exit. For tests. @default the process, through close-with-grace */
  process?: ExitSource
}

/** Every option with its value. */
export interface ResolvedOptions {
  readonly budget: number
  readonly gracePeriod: number
  readonly reserve: number
  readonly closing: number
  readonly behind: Behind
  readonly settle: DrainTimes['settle']
  /** Whether something may stand in front that has to learn that the process goes. */
  readonly balancers: boolean
  readonly keepAliveCap: number
  readonly hookTimeout: number
  readonly signals: readonly Signal[]
  readonly errors: boolean
  readonly progress: number | false
  readonly logger: DrainLogger
  readonly clock: Clock
  readonly process: ExitSource
}

/** The names of all options of a drain. */
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
  'clock',
  'process',
]

/**
 * Fills in the defaults and checks that everything fits into the grace period.
 * @throws {TypeError} an unknown option, or a value of the wrong type
 * @throws {RangeError} a value out of range, or times that do not fit
 */
export function resolveOptions(options: DrainOptions): ResolvedOptions {
  plainObject('options', options)
  knownKeys('option', options, drainOptionNames)
  const environment = globalThis.process.env
  const gracePeriod = graceSeconds(options.terminationGracePeriodSeconds) * 1000
  const {
    reserve = defaultReserve,
    closing = Math.min(defaultClosing, gracePeriod * closingShare),
    behind = 'kube-proxy',
    settle = {},
    platform = platformOf(environment),
    hookTimeout = defaultHookTimeout,
    signals = ['SIGTERM', 'SIGINT'],
    errors = signals !== false,
    progress = defaultProgress,
    logger = console,
    reportFormat = 'text',
    clock = systemClock,
    process = environmentOfProcess().exit,
  } = options
  plainObject('settle', settle)
  knownKeys('option of `settle`', settle, ['min', 'quiet', 'max'])
  if (!Object.hasOwn(presets, behind)) {
    fail(RangeError, `Expected \`behind\` to be one of ${Object.keys(presets).join(', ')}`, behind)
  }
  if (!platforms.includes(platform)) {
    fail(TypeError, "Expected `platform` to be 'kubernetes' or 'none'", platform)
  }
  const balancers = platform !== 'none' || options.behind !== undefined || options.settle !== undefined
  const usual = balancers ? { min: presets[behind].settle, quiet: defaultQuiet } : { min: 0, quiet: 0 }
  const { min = usual.min, quiet = usual.quiet, max = 2 * min } = settle
  const { keepAliveCap = balancers ? defaultKeepAliveCap : 0 } = options
  duration('reserve', reserve)
  duration('closing', closing)
  duration('settle.min', min)
  duration('settle.quiet', quiet)
  duration('settle.max', max)
  if (max < min) fail(RangeError, `Expected \`settle.max\` to be \`settle.min\` (${min}) or more milliseconds`, max)
  duration('keepAliveCap', keepAliveCap)
  duration('hookTimeout', hookTimeout)
  if (progress !== false) duration('progress', progress)
  boolean('errors', errors)
  if (logger !== false) for (const name of ['info', 'warn', 'error'] as const) method('logger', logger, name)
  if (reportFormat !== 'text' && reportFormat !== 'json') {
    fail(TypeError, "Expected `reportFormat` to be 'text' or 'json'", reportFormat)
  }
  for (const name of ['now', 'after'] as const) method('clock', clock, name)
  method('process', process, 'register')
  if (signals !== false) checkSignals(signals)
  const byPreset = settle.min === undefined && options.behind !== undefined
  const misfit = misfitOf(
    { gracePeriod, reserve, closing, min, quiet },
    byPreset ? ` (for \`behind: '${behind}'\`)` : '',
  )
  const named = namedLogger(logger, environmentOfProcess().name, reportFormat)
  if (misfit !== undefined) {
    const isGuess =
      options.terminationGracePeriodSeconds === undefined && environment.TERMINATION_GRACE_PERIOD_SECONDS === undefined
    // The manifest sets the variable, and nobody kills this process on time.
    if (platform !== 'none' || !isGuess) throw new RangeError(misfit)
    named.warn(`this would be refused in a cluster: ${misfit}`)
  }
  return {
    budget: gracePeriod - reserve,
    gracePeriod,
    reserve,
    closing,
    behind,
    settle: { min, quiet, max, own: settle.min !== undefined },
    balancers,
    keepAliveCap,
    hookTimeout,
    signals: signals === false ? [] : signals,
    errors,
    progress,
    logger: named,
    clock: clock === systemClock ? clock : lasting(clock),
    process,
  }
}

function graceSeconds(option: unknown): number {
  const environment = process.env.TERMINATION_GRACE_PERIOD_SECONDS
  if (option !== undefined) return seconds('`terminationGracePeriodSeconds`', option, option)
  if (environment === undefined) return defaultGraceSeconds
  // What is empty is 0, and so refused.
  return seconds('the environment variable TERMINATION_GRACE_PERIOD_SECONDS', environment, Number(environment))
}

function seconds(name: string, given: unknown, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value !== Number.POSITIVE_INFINITY) return value
  fail(RangeError, `Expected ${name} to be a number of seconds greater than 0, as in the pod's spec`, given)
}

function checkSignals(signals: unknown): void {
  if (!Array.isArray(signals)) fail(TypeError, 'Expected `signals` to be an array of signal names or `false`', signals)
  for (const signal of signals) {
    if (supportedSignals.includes(signal)) continue
    const why = signal === 'SIGKILL' || signal === 'SIGSTOP' ? 'no process can catch it' : 'it is not one of them'
    fail(RangeError, `Expected \`signals\` to name signals among ${supportedSignals.join(', ')}; ${why}`, signal)
  }
}

/**
 * What is wrong with times that do not fit into the grace period.
 * @param why where `settle.min` comes from, if not from the options
 */
function misfitOf(
  times: { gracePeriod: number; reserve: number; closing: number; min: number; quiet: number },
  why: string,
): string | undefined {
  const { gracePeriod, reserve, closing } = times
  const [name, wait] = times.min >= times.quiet ? ['settle.min', times.min] : ['settle.quiet', times.quiet]
  const needed = wait + closing + reserve
  if (needed <= gracePeriod) return undefined
  const room = gracePeriod - closing - reserve
  const lower = room > 0 ? `lower \`${name}\` to at most ${room}` : 'lower `closing` and `reserve`'
  return (
    `\`${name}\` ${wait}${name === 'settle.min' ? why : ''} + \`closing\` ${closing} + \`reserve\` ${reserve} = ${needed} ms, ` +
    `but \`terminationGracePeriodSeconds\` ${gracePeriod / 1000} gives ${gracePeriod} ms: ` +
    `${lower}, or raise \`terminationGracePeriodSeconds\` (here and in the pod's spec) to at least ${Math.ceil(needed / 1000)}`
  )
}
