import type { DrainOptions, Times } from './options.js'
import { supportedSignals } from './process/signals.js'
import { seconds } from './shared/log.js'
import { graceVariable, type Platform, platforms } from './shared/platform.js'
import { type Behind, presets } from './shared/presets.js'
import {
  closingShare,
  defaultClosing,
  defaultGraceSeconds,
  defaultKeepAliveCap,
  defaultQuiet,
  defaultReserve,
  settleShare,
} from './shared/timing.js'

// How a grace period is shared out. The app, the tools that write its manifest, and the page of the docs must calculate the same,
// so all of them call these functions. Nothing here needs Node: the page runs it in a browser, as `@podrain/core/budget`.

// Tools that read manifests need these facts, and not the rest of core, which takes them six times as long to load.
export { type Behind, graceVariable, type Platform, platforms, presets, supportedSignals, type Times }

/** The options that share out a grace period. */
export type TimeOptions = Pick<DrainOptions, 'reserve' | 'closing' | 'behind' | 'settle' | 'keepAliveCap'>

/**
 * The times that follow from options, whether they fit into the grace period or not.
 * @param graceSeconds The grace period, in seconds. Without it the default of the platform counts.
 */
export function timesOf(options: TimeOptions, platform: Platform, graceSeconds?: number): Times {
  const { sends, graceSeconds: usualGrace } = platforms[platform]
  const gracePeriod = (graceSeconds ?? usualGrace ?? defaultGraceSeconds) * 1000
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
  } = options
  const balancers = sends || options.behind !== undefined || options.settle !== undefined
  const needed = presets[behind].settle
  const usualMin = options.behind === undefined ? atMost(needed, settleShare) : needed
  const usual = balancers ? { min: usualMin, quiet: atMost(defaultQuiet, settleShare) } : { min: 0, quiet: 0 }
  const { min = usual.min, quiet = usual.quiet, max = 2 * min } = settle
  const { keepAliveCap = balancers ? defaultKeepAliveCap : 0 } = options
  return {
    platform,
    gracePeriod,
    assumed: graceSeconds === undefined && !isPod(platform) && usualGrace !== undefined,
    reserve,
    closing,
    behind,
    settle: { min, quiet, max, explicit: settle.min !== undefined },
    balancers,
    keepAliveCap,
  }
}

/**
 * The error message for times that do not fit into the grace period, with the arithmetic; undefined if they fit.
 * @param options What the times were made of.
 */
export function misfitOf(times: Times, options: TimeOptions): string | undefined {
  const { platform, assumed, gracePeriod, reserve, closing, settle } = times
  const [name, wait] = settle.min >= settle.quiet ? ['settle.min', settle.min] : ['settle.quiet', settle.quiet]
  const needed = wait + closing + reserve
  if (needed <= gracePeriod) return undefined
  const why =
    name === 'settle.min' && !settle.explicit && options.behind !== undefined
      ? ` (for \`behind: '${options.behind}'\`)`
      : ''
  const room = gracePeriod - closing - reserve
  const lower = room > 0 ? `lower \`${name}\` to at most ${room}` : 'lower `closing` and `reserve`'
  const { setting } = platforms[platform]
  const there = isPod(platform) ? "in the pod's spec" : setting && `as \`${setting}\``
  const least = Math.ceil(needed / 1000)
  const raise = there ? `, or raise \`terminationGracePeriodSeconds\` (here and ${there}) to at least ${least}` : ''
  return (
    `\`${name}\` ${wait}${why} + \`closing\` ${closing} + \`reserve\` ${reserve} = ${needed} ms, ` +
    `but \`terminationGracePeriodSeconds\` ${gracePeriod / 1000}${assumed ? ` (the default of ${platform})` : ''} ` +
    `gives ${gracePeriod} ms: ${lower}${raise}`
  )
}

/** The shares of the grace period, in one line, as a drain logs it when its first server listens. */
export function budgetLine(times: Times): string {
  const { gracePeriod, reserve, closing, settle, platform, assumed, behind, balancers } = times
  if (!balancers) {
    const where = platform === 'none' ? 'outside of a cluster' : `with ${platform} alone`
    return (
      `${where} no load balancer is waited for: after a signal the server closes as soon as requests in flight are answered; ` +
      "to wait for one, set `behind` to what routes to this process, or `platform: 'kubernetes'`"
    )
  }
  const { setting } = platforms[platform]
  const remedy = setting === undefined ? '' : `; if \`${setting}\` gives another, set ${graceVariable} to it`
  return (
    `of ${seconds(gracePeriod)} grace period${assumed ? ` (the default of ${platform}${remedy})` : ''}, ${seconds(gracePeriod - reserve - closing)} for requests ` +
    `(at least ${seconds(settle.min)} until ${behind} has stopped sending), ${seconds(closing)} for closing, ` +
    `${seconds(reserve)} in reserve`
  )
}

/** The parts of a grace period that requests do not get, in milliseconds. */
export interface ReservedTimes {
  readonly closing: number
  readonly reserve: number
}

/**
 * Returns what an app in a pod keeps of its grace period: `closing` for its hooks, and `reserve` before SIGKILL.
 * @param graceSeconds The grace period in seconds. Below 2 s, the result is that of 2 s.
 * @param options The options of the app. @default those of podrain
 */
export function reservedTimes(graceSeconds: number, options: TimeOptions = {}): ReservedTimes {
  // Below 2 s, `reserve` takes all of the grace period.
  const { closing, reserve } = timesOf(options, 'kubernetes', Math.max(2, graceSeconds))
  return { closing, reserve }
}

/**
 * Returns the shortest grace period, in whole seconds, into which the settle wait and the longest request fit.
 * @param settle The settle wait, in milliseconds.
 * @param request The longest request, in milliseconds.
 * @param options The options of the app, for `closing` and `reserve`. @default those of podrain
 * @throws {RangeError} if one is not a number, or too large to add to
 */
export function graceSecondsFor(settle: number, request = 0, options: TimeOptions = {}): number {
  // Above this, adding 1 s to a number of milliseconds may not change it, and the search below would not end.
  if (!(settle + request < Number.MAX_SAFE_INTEGER / 2)) {
    throw new RangeError(`Expected \`settle\` and \`request\` to be milliseconds, got \`${settle}\` and \`${request}\``)
  }
  let grace = Math.max(2, Math.ceil((settle + request) / 1000))
  for (;;) {
    const { closing, reserve } = reservedTimes(grace, options)
    if (settle + request + closing + reserve <= grace * 1000) return grace
    grace++
  }
}

/** Whether the grace period is that of a pod. `none` counts as well: the code on a laptop will run in a pod. */
function isPod(platform: Platform): boolean {
  return platform === 'kubernetes' || platform === 'none'
}
