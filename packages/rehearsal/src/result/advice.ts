import { presets, graceSecondsFor as sumUp } from '@podrain/core/budget'
import type { Framework, KnownOptions } from '../plan/options.js'

const graces = new Map<string, number>()

/** The sums of core. They are asked for once for each loss, and there are few that differ. */
function graceSecondsFor(settle: number, longestRequest?: number): number {
  const key = `${settle} ${longestRequest}`
  const grace = graces.get(key) ?? sumUp(settle, longestRequest)
  graces.set(key, grace)
  return grace
}

/** The line of code that brings podrain into an app. `options` is empty, or an object literal. */
const lines: Readonly<Record<Framework, (options: string) => string>> = {
  express: (options) => `\`app.use(drain(${options}))\` of @podrain/express`,
  koa: (options) => `\`app.use(drain(${options}))\` of @podrain/koa`,
  fastify: (options) => `\`app.register(gracefulShutdown${options === '' ? '' : `, ${options}`})\` of @podrain/fastify`,
  nestjs: (options) => `\`PodrainModule.forRoot(${options})\` of @podrain/nestjs`,
  node: (options) => `\`drainServer(server${options === '' ? '' : `, ${options}`})\` of @podrain/core`,
}

/** What clients need to learn of a pod's end, in whole seconds, as podrain, its manifests and this advice mean it. */
export function settleSeconds({ behind, endpointLag }: KnownOptions): number {
  const settle =
    behind === null && endpointLag !== null ? endpointLag.max * 1.5 : presets[behind ?? 'kube-proxy'].settle
  return Math.max(5, Math.ceil(settle / 1000))
}

/** How late clients learn of a change at the latest, in ms. */
export function latest({ behind, endpointLag }: KnownOptions): number {
  return endpointLag?.max ?? presets[behind ?? 'kube-proxy'].lag[2]
}

/** The option that tells podrain for whom it waits; empty where it would wait that long by itself. */
function optionsFor({ behind }: KnownOptions): string {
  return behind === null || behind === 'kube-proxy' ? '' : `{ behind: '${behind}' }`
}

/** Whether podrain is in the app already: to bring it in is no advice then. */
export function isPodrainIn({ app }: KnownOptions): boolean {
  return app.podrain
}

/** The line of code that brings podrain into this app; undefined where it is in already, and where it cannot be. */
export function byPodrain(plan: KnownOptions, options: string = optionsFor(plan)): string | undefined {
  const { framework, podrain } = plan.app
  return podrain || framework === null ? undefined : lines[framework](options)
}

/** `${what}: ${the line that brings podrain in} does.`, with the grace period that podrain needs; or `what` alone. */
export function orPodrain(what: string, plan: KnownOptions): string {
  const line = byPodrain(plan)
  return line === undefined ? `${what}.` : `${what}: ${line} does.${withGrace(settleSeconds(plan), plan)}`
}

/** What has to be added to advice that takes `settle` seconds, where the grace period is too short for it. */
export function withGrace(settle: number, plan: KnownOptions): string {
  const grace = graceSecondsFor(settle * 1000)
  if (grace <= plan.terminationGracePeriodSeconds) return ''
  // podrain shares out the grace period, and can learn of it only from its environment.
  const told =
    isPodrainIn(plan) || byPodrain(plan) !== undefined
      ? ', and set the variable TERMINATION_GRACE_PERIOD_SECONDS to the same'
      : ''
  return ` Raise terminationGracePeriodSeconds from ${plan.terminationGracePeriodSeconds} to ${grace} for it${told}.`
}

/**
 * The grace period for the whole hook and, after it, a request that was not done after `request` ms. In steps of 5 s, so that
 * losses which are alike have one advice.
 */
export function graceForHook({ preStop, terminationGracePeriodSeconds: now }: KnownOptions, request: number): number {
  // Only of a sleep is it known how long it would have taken.
  const hook = preStop !== null && 'sleepSeconds' in preStop ? preStop.sleepSeconds : now * 1.5
  const grace = graceSecondsFor(hook * 1000, Math.ceil((request * 1.5) / 1000) * 1000)
  return Math.ceil(Math.max(grace, now + 5) / 5) * 5
}

/** The grace period for so many seconds of settling, and a request that was not done after `request` ms. */
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
