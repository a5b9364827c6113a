import type { DrainOptions, Times } from './options.js'
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

// How a grace period is shared out. What an app does, what its manifest is told and what a page computes must not differ, so
// all of them call these functions. Nothing here needs Node: the page runs it in a browser, as `@podrain/core/budget`.

export { type Behind, type Platform, platforms, presets, type Times }

/** The options that share out a grace period. */
export type TimeOptions = Pick<DrainOptions, 'reserve' | 'closing' | 'behind' | 'settle' | 'keepAliveCap'>

/**
 * The times that follow from options, whether they fit into the grace period or not.
 * @param graceSeconds The grace period, in seconds. Without it the default of the platform counts.
 */
export function timesOf(options: TimeOptions, platform: Platform, graceSeconds?: number): Times {
  const { sends, graceSeconds: usualGrace } = platforms[platform]
  const gracePeriod = (graceSeconds ?? usualGrace ?? defaultGraceSeconds) * 1000
  /** A default, or less where the grace period of a platform is short. In a pod that is an error. */
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
    settle: { min, quiet, max, own: settle.min !== undefined },
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
    name === 'settle.min' && !settle.own && options.behind !== undefined ? ` (for \`behind: '${options.behind}'\`)` : ''
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

/** How the grace period is shared out, as the log says it at the start. */
export function budgetLine(times: Times): string {
  const { gracePeriod, reserve, closing, settle, platform, assumed, behind, balancers } = times
  if (!balancers) {
    const where = platform === 'none' ? 'outside of a cluster' : `with ${platform} alone`
    return (
      `${where} there is nothing to wait for: a signal closes as soon as requests in flight are answered; ` +
      "set `behind` to what stands in front, or `platform: 'kubernetes'`, to have the wait all the same"
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

/** Parts of a grace period that podrain keeps for itself, in milliseconds. */
export interface KeptBack {
  readonly closing: number
  readonly reserve: number
}

/**
 * What a podrain app in a pod keeps of its grace period for closing, and never uses; in milliseconds.
 * @param options Those of the app. Without them the defaults count.
 */
export function keptBack(graceSeconds: number, options: TimeOptions = {}): KeptBack {
  // Nothing fits into less than 2 s.
  const { closing, reserve } = timesOf(options, 'kubernetes', Math.max(2, graceSeconds))
  return { closing, reserve }
}

/**
 * The shortest grace period, in whole seconds, into which settling and the longest request fit. Both in milliseconds.
 * @param options Those of the app, for `closing` and `reserve`. Without them the defaults count.
 */
export function graceFor(settle: number, request = 0, options: TimeOptions = {}): number {
  let grace = Math.max(2, Math.ceil((settle + request) / 1000))
  for (;;) {
    const { closing, reserve } = keptBack(grace, options)
    if (settle + request + closing + reserve <= grace * 1000) return grace
    grace++
  }
}

/** Whether the grace period is that of a pod, or will be: `none` is a laptop on the way there. */
function isPod(platform: Platform): boolean {
  return platform === 'kubernetes' || platform === 'none'
}
