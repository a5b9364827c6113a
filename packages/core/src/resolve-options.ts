import { endpointOptionNames } from './endpoints/options.js'
import { adapterOptionNames, type DrainOptions, drainOptionNames, type ResolvedOptions } from './options.js'
import { isWritable, usualPath } from './outcome/termination-log.js'
import { supportedSignals } from './process/signals.js'
import { systemClock, withFallback } from './shared/clock.js'
import { namedLogger } from './shared/log.js'
import { graceVariable, type Platform, platformOf, platforms } from './shared/platform.js'
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
  settleShare,
} from './shared/timing.js'
import { boolean, duration, fail, knownKeys, method, plainObject } from './shared/validate.js'
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
  const { sends, graceSeconds: usualGrace } = platforms[platform]
  const toldGrace = graceSeconds(options.terminationGracePeriodSeconds, platform)
  const gracePeriod = (toldGrace ?? usualGrace ?? defaultGraceSeconds) * 1000
  /**
   * A default, made shorter if the platform's grace period is short. In a pod the default is not shortened: there the grace period
   * can be raised, so an error asks for that.
   */
  const atMost = (usual: number, share: number): number =>
    isPod(platform) ? usual : Math.min(usual, gracePeriod * share)
  const {
    reserve = atMost(defaultReserve, closingShare),
    closing = Math.min(defaultClosing, gracePeriod * closingShare),
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
  const balancers = sends || options.behind !== undefined || options.settle !== undefined
  const needed = presets[behind].settle
  const usualMin = options.behind === undefined ? atMost(needed, settleShare) : needed
  const usual = balancers ? { min: usualMin, quiet: atMost(defaultQuiet, settleShare) } : { min: 0, quiet: 0 }
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
  if (terminationMessagePath !== false && !isPath(terminationMessagePath)) {
    fail(TypeError, 'Expected `terminationMessagePath` to be the path of a file, or false', terminationMessagePath)
  }
  for (const name of ['now', 'after'] as const) method('clock', clock, name)
  method('process', process, 'register')
  if (signals !== false) checkSignals(signals)
  const byPreset = settle.min === undefined && options.behind !== undefined
  const assumed = toldGrace === undefined && !isPod(platform) && usualGrace !== undefined
  const misfit = misfitOf(
    { gracePeriod, reserve, closing, min, quiet },
    byPreset ? ` (for \`behind: '${behind}'\`)` : '',
    { platform, assumed },
  )
  const named = namedLogger(logger, environmentOfProcess().name, reportFormat)
  if (misfit !== undefined) {
    // Outside of a cluster the grace period is a guess, and nothing kills this process at its end.
    if (platform !== 'none' || toldGrace !== undefined) throw new RangeError(misfit)
    named.warn(`in a cluster podrain would refuse these options: ${misfit}`)
  }
  return {
    budget: gracePeriod - reserve,
    gracePeriod,
    reserve,
    closing,
    platform,
    assumed,
    behind,
    settle: { min, quiet, max, own: settle.min !== undefined },
    balancers,
    keepAliveCap,
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

/**
 * The error message for times that do not fit into the grace period; undefined if they fit.
 * @param why The source of `settle.min`, if it is not the option.
 * @param where The platform, and whether the grace period is that platform's default.
 */
function misfitOf(
  times: { gracePeriod: number; reserve: number; closing: number; min: number; quiet: number },
  why: string,
  where: { platform: Platform; assumed: boolean },
): string | undefined {
  const { gracePeriod, reserve, closing } = times
  const [name, wait] = times.min >= times.quiet ? ['settle.min', times.min] : ['settle.quiet', times.quiet]
  const needed = wait + closing + reserve
  if (needed <= gracePeriod) return undefined
  const room = gracePeriod - closing - reserve
  const lower = room > 0 ? `lower \`${name}\` to at most ${room}` : 'lower `closing` and `reserve`'
  const { platform, assumed } = where
  const { setting } = platforms[platform]
  const there = isPod(platform) ? "in the pod's spec" : setting && `as \`${setting}\``
  const least = Math.ceil(needed / 1000)
  const raise = there ? `, or raise \`terminationGracePeriodSeconds\` (here and ${there}) to at least ${least}` : ''
  return (
    `\`${name}\` ${wait}${name === 'settle.min' ? why : ''} + \`closing\` ${closing} + \`reserve\` ${reserve} = ${needed} ms, ` +
    `but \`terminationGracePeriodSeconds\` ${gracePeriod / 1000}${assumed ? ` (the default of ${platform})` : ''} ` +
    `gives ${gracePeriod} ms: ${lower}${raise}`
  )
}

/** Whether the grace period is that of a pod. `none` counts as well: the code on a laptop will run in a pod. */
function isPod(platform: Platform): boolean {
  return platform === 'kubernetes' || platform === 'none'
}
