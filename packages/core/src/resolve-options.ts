import { misfitOf, timesOf } from './budget.js'
import { endpointOptionNames } from './endpoints/options.js'
import { adapterOptionNames, type DrainOptions, drainOptionNames, type ResolvedOptions } from './options.js'
import { isWritable, usualPath } from './outcome/termination-log.js'
import { supportedSignals } from './process/signals.js'
import { systemClock, withFallback } from './shared/clock.js'
import { namedLogger } from './shared/log.js'
import { nearestTo } from './shared/nearest.js'
import { graceVariable, type Platform, platformOf, platforms } from './shared/platform.js'
import { presets } from './shared/presets.js'
import { defaultHookTimeout, defaultProgress } from './shared/timing.js'
import { boolean, duration, fail, knownKeys, method, plainObject, positiveDuration } from './shared/validate.js'
import { environmentOfProcess } from './workers/environment.js'

const ofAdapters: readonly string[] = [...endpointOptionNames, ...adapterOptionNames]

function refuseAdapterOptions(options: object): void {
  const option = Object.keys(options).find((name) => ofAdapters.includes(name))
  if (option === undefined) return
  throw new TypeError(
    `Option \`${option}\` is for an adapter and not for a Drain: give it to the adapter, together with the Drain, as in ` +
      `\`drainServer(server, { drain, ${option} })\``,
  )
}

/**
 * Fills in the defaults, and checks that the times fit into the grace period. Does not read the variables of `variables.ts`, but
 * TERMINATION_GRACE_PERIOD_SECONDS and those of the platforms.
 * @throws {TypeError} if an option is unknown, or a value has the wrong type
 * @throws {RangeError} if a value is out of range, or the times do not fit into the grace period
 */
export function resolveOptions(options: DrainOptions): ResolvedOptions {
  plainObject('options', options)
  refuseAdapterOptions(options)
  knownKeys('option', options, drainOptionNames)
  const environment = globalThis.process.env
  const { platform = platformOf(environment) } = options
  if (!Object.hasOwn(platforms, platform)) {
    fail(TypeError, `Expected \`platform\` to be one of ${Object.keys(platforms).join(', ')}`, platform)
  }
  const toldGrace = graceSeconds(options.terminationGracePeriodSeconds, platform)
  const {
    behind = 'kube-proxy',
    settle = {},
    hookTimeout = defaultHookTimeout,
    signals = ['SIGTERM', 'SIGINT'],
    errors = signals !== false,
    progress = defaultProgress,
    logger = console,
    reportFormat = 'text',
    terminationMessagePath = platform === 'kubernetes' && isWritable(usualPath) ? usualPath : false,
    clock = systemClock,
    process = environmentOfProcess().exit,
  } = options
  plainObject('settle', settle)
  knownKeys('option of `settle`', settle, ['min', 'quiet', 'max'])
  if (!Object.hasOwn(presets, behind)) {
    fail(RangeError, `Expected \`behind\` to be one of ${Object.keys(presets).join(', ')}`, behind)
  }
  const times = timesOf(options, platform, toldGrace)
  const { reserve, closing, keepAliveCap } = times
  const { min, quiet, max } = times.settle
  duration('reserve', reserve)
  duration('closing', closing)
  duration('settle.min', min)
  duration('settle.quiet', quiet)
  duration('settle.max', max)
  if (max < min) fail(RangeError, `Expected \`settle.max\` to be \`settle.min\` (${min}) or more milliseconds`, max)
  duration('keepAliveCap', keepAliveCap)
  duration('hookTimeout', hookTimeout)
  if (progress !== false) positiveDuration('progress', progress)
  boolean('errors', errors)
  if (logger !== false) for (const name of ['info', 'warn', 'error'] as const) method('logger', logger, name)
  if (reportFormat !== 'text' && reportFormat !== 'json') {
    fail(TypeError, "Expected `reportFormat` to be 'text' or 'json'", reportFormat)
  }
  if (terminationMessagePath !== false && !isPath(terminationMessagePath)) {
    fail(TypeError, 'Expected `terminationMessagePath` to be the path of a file, or false', terminationMessagePath)
  }
  for (const name of ['now', 'after'] as const) method('clock', clock, name)
  method('process', process, 'register')
  if (signals !== false) checkSignals(signals)
  const misfit = misfitOf(times, options)
  const named = namedLogger(logger, environmentOfProcess().name, reportFormat)
  if (toldGrace !== undefined && toldGrace >= 10_000 && toldGrace % 1000 === 0) {
    named.warn(
      `a grace period of ${toldGrace} s is ${Math.round(toldGrace / 3600)} hours: is it in milliseconds? It is in seconds, as in the pod's spec`,
    )
  }
  if (misfit !== undefined) {
    // Outside of a cluster the grace period is a guess, and nothing kills this process at its end.
    if (platform !== 'none' || toldGrace !== undefined)
      throw new RangeError(`${misfit}${misspeltGrace(toldGrace, environment)}`)
    named.warn(`in a cluster podrain would refuse these options: ${misfit}`)
  }
  return {
    ...times,
    budget: times.gracePeriod - reserve,
    hookTimeout,
    signals: signals === false ? [] : signals,
    errors,
    progress,
    logger: named,
    terminationMessagePath,
    clock: clock === systemClock ? clock : withFallback(clock),
    process,
  }
}

/** The grace period in seconds, by the option, or else by the environment. undefined if neither sets it. */
function graceSeconds(option: unknown, platform: Platform): number | undefined {
  const environment = process.env[graceVariable]
  if (option !== undefined) return seconds('`terminationGracePeriodSeconds`', option, option)
  // An empty variable gives 0, which `seconds` refuses.
  if (environment !== undefined) {
    return seconds(`the environment variable ${graceVariable}`, environment, Number(environment))
  }
  // The platform sets this variable, so a wrong value is not the user's mistake, and must not keep the app from starting.
  const { graceVariable: own } = platforms[platform]
  const told = own === undefined ? 0 : Number(process.env[own])
  return told > 0 && told !== Number.POSITIVE_INFINITY ? told : undefined
}

/** What to do about a grace period that is not set, if a variable has nearly the name of the one that sets it; else empty. */
function misspeltGrace(toldGrace: number | undefined, environment: NodeJS.ProcessEnv): string {
  if (toldGrace !== undefined) return ''
  const misspelt = Object.keys(environment).find((name) => nearestTo(name, [graceVariable]) !== undefined)
  return misspelt === undefined ? '' : `. ${graceVariable} is not set, but ${misspelt} is: is it misspelt?`
}

function seconds(name: string, given: unknown, value: unknown): number {
  if (typeof value === 'number' && value > 0 && value !== Number.POSITIVE_INFINITY) return value
  fail(RangeError, `Expected ${name} to be a number of seconds greater than 0, as in the pod's spec`, given)
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}

function checkSignals(signals: unknown): void {
  if (!Array.isArray(signals)) fail(TypeError, 'Expected `signals` to be an array of signal names or `false`', signals)
  for (const signal of signals) {
    if (supportedSignals.includes(signal)) continue
    const why = signal === 'SIGKILL' || signal === 'SIGSTOP' ? 'no process can catch it' : 'it is not one of them'
    fail(RangeError, `Expected \`signals\` to name signals among ${supportedSignals.join(', ')}; ${why}`, signal)
  }
}
