import { type DrainOptions, drainOptionNames, type ResolvedOptions } from './options.js'
import { supportedSignals } from './process/signals.js'
import { lasting, systemClock } from './shared/clock.js'
import { namedLogger } from './shared/log.js'
import { platformOf, platforms } from './shared/platform.js'
import { presets } from './shared/presets.js'
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

/**
 * Fills in the defaults, and checks that everything fits into the grace period.
 * @throws {TypeError} if an option is unknown, or a value has the wrong type
 * @throws {RangeError} if a value is out of range, or the times do not fit into the grace period
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
    // Outside of a cluster the grace period is a guess, and nothing kills this process when it is over.
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
  // An empty variable gives 0, which is refused.
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
 * The error message for times that do not fit into the grace period; undefined if they fit.
 * @param why The source of `settle.min`, if it is not the option.
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
