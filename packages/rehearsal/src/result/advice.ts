import { presets, graceSecondsFor as sumUp } from '@podrain/core/budget'
import type { Framework, KnownOptions } from '../plan/options.js'

const graces = new Map<string, number>()

/** `graceSecondsFor` of core, with a cache: it is called for each loss, mostly with the same arguments. */
function graceSecondsFor(settle: number, longestRequest?: number): number {
  const key = `${settle} ${longestRequest}`
  const grace = graces.get(key) ?? sumUp(settle, longestRequest)
  graces.set(key, grace)
  return grace
}

/** The line of code that adds podrain to an app. `options` is empty, or an object literal. */
const lines: Readonly<Record<Framework, (options: string) => string>> = {
  express: (options) => `\`app.use(drain(${options}))\` of @podrain/express`,
  koa: (options) => `\`app.use(drain(${options}))\` of @podrain/koa`,
  fastify: (options) => `\`app.register(gracefulShutdown${options === '' ? '' : `, ${options}`})\` of @podrain/fastify`,
  nestjs: (options) => `\`PodrainModule.forRoot(${options})\` of @podrain/nestjs`,
  node: (options) => `\`drainServer(server${options === '' ? '' : `, ${options}`})\` of @podrain/core`,
}

/** How long clients need to learn that a pod ends, in whole seconds. podrain and its manifests use the same number. */
export function settleSeconds({ behind, endpointLag }: KnownOptions): number {
  const settle =
    behind === null && endpointLag !== null ? endpointLag.max * 1.5 : presets[behind ?? 'kube-proxy'].settle
  return Math.max(5, Math.ceil(settle / 1000))
}

/** The longest time that clients need to learn of a change, in ms. */
export function latest({ behind, endpointLag }: KnownOptions): number {
  return endpointLag?.max ?? presets[behind ?? 'kube-proxy'].lag[2]
}

/** The option `behind` as an object literal; empty if podrain's default is right. */
function optionsFor({ behind }: KnownOptions): string {
  return behind === null || behind === 'kube-proxy' ? '' : `{ behind: '${behind}' }`
}

/** Whether the app uses podrain already, so that adding it is no advice. */
export function isPodrainIn({ app }: KnownOptions): boolean {
  return app.podrain
}

/** The line of code that adds podrain to this app; undefined if the app uses it already, or is not known to be a Node app. */
export function byPodrain(plan: KnownOptions, options: string = optionsFor(plan)): string | undefined {
  const { framework, podrain, silent } = plan.app
  if (podrain || framework === null) return undefined
  const line = lines[framework](options)
  return silent
    ? `${line}, mounted before all routes and other middleware (the app depends on it, but /readyz is not answered by it),`
    : line
}

/** `${what}: ${the line that adds podrain} does.`, with the grace period that podrain needs; or `what` alone. */
export function orPodrain(what: string, plan: KnownOptions): string {
  const line = byPodrain(plan)
  return line === undefined ? `${what}.` : `${what}: ${line} does.${withGrace(settleSeconds(plan), plan)}`
}

/** A sentence for advice that needs `settle` seconds, if the grace period is too short for it; else empty. */
export function withGrace(settle: number, plan: KnownOptions): string {
  const grace = graceSecondsFor(settle * 1000)
  if (grace <= plan.terminationGracePeriodSeconds) return ''
  // podrain divides the grace period, and knows it only from this variable.
  const told =
    isPodrainIn(plan) || byPodrain(plan) !== undefined
      ? ', and set the variable TERMINATION_GRACE_PERIOD_SECONDS to the same'
      : ''
  return ` Raise terminationGracePeriodSeconds from ${plan.terminationGracePeriodSeconds} to ${grace} for it${told}.`
}

/**
 * The grace period, in seconds, for the whole hook and after it a request that was not done after `request` ms. In steps of 5 s, so
 * that similar losses get the same advice.
 */
export function graceForHook({ preStop, terminationGracePeriodSeconds: now }: KnownOptions, request: number): number {
  // How long the hook would have taken is known only for a sleep.
  const hook = preStop !== null && 'sleep' in preStop ? preStop.sleep.seconds : now * 1.5
  const grace = graceSecondsFor(hook * 1000, Math.ceil((request * 1.5) / 1000) * 1000)
  return Math.ceil(Math.max(grace, now + 5) / 5) * 5
}

/** Advice to raise the grace period: for `settle` seconds, and after them a request that was not done after `request` ms. */
export function graceAdvice(settle: number, request: number, plan: KnownOptions): string {
  const { terminationGracePeriodSeconds: now } = plan
  const longest = Math.ceil((request * 1.5) / 1000)
  const grace = Math.max(graceSecondsFor(settle * 1000, longest * 1000), now + 5)
  const needs =
    request === 0
      ? `clients need ${settle} s to learn that the pod goes`
      : `${settle} s until clients know, and requests that were not done after ${(request / 1000).toFixed(1)} s, have to fit in`
  return `Raise terminationGracePeriodSeconds from ${now} to ${grace}: ${needs}.`
}
