import type { DiagnosisKind } from './coroner.js'
import type { LostEvent } from './events.js'
import { type Life, nameOf } from './lives.js'
import type { RehearsalPlan } from './options.js'

/** What a Node app writes; in any other language, what it does. */
const drain = '`app.use(drain())` of podrain'

/** The same where it has to wait: without being told for whom, it waits as long as kube-proxy needs. */
function drainBehind({ behind }: RehearsalPlan): string {
  if (behind === null || behind === 'none' || behind === 'kube-proxy') return drain
  return `\`app.use(drain({ behind: '${behind}' }))\` of podrain`
}

/** The one line that most probably would have saved a request. */
export function remedyOf(kind: DiagnosisKind, loss: LostEvent, life: Life | undefined, plan: RehearsalPlan): string {
  switch (kind) {
    case 'listener closed':
      return listen(life, plan)
    case 'kept connection closed':
      return life?.toldAt === undefined || loss.t < life.toldAt
        ? 'Keep idle connections longer than clients do: raise `server.keepAliveTimeout` above the client’s or load balancer’s own.'
        : `Close no connection under its client: finish the response, say \`Connection: close\` with it, then close: ${drain}.`
    case 'exit':
      return exit(loss, life)
    case 'killed':
      return kill(loss, life, plan)
    case 'crash':
      return plan.replicas === 1
        ? 'Nothing in the app helps against a crash: run 2 replicas or more, and let clients retry what is safe to repeat.'
        : 'Nothing in the app helps against a crash: let clients retry what is safe to repeat.'
    case 'refused by the app':
      return `Answer every request until the process exits, and let only the readiness probe fail: ${drain}.`
    case 'no endpoint':
      return reach(life, plan)
    case 'not ready':
      return `Let ${plan.readinessProbe.path ?? 'the readiness probe'} fail until the app can serve what clients ask for.`
    case 'network gone':
      return `Before the exit, wait until the kernel has sent what it holds (tx_queue in /proc/net/tcp): ${drain} does, or sleep some seconds after the last response.`
    case 'cut by the app':
      return cut(loss)
    case 'no answer':
      return 'Keep the event loop free, and answer until the exit; or raise the client’s timeout.'
    case 'not the scenario':
      return `Find out why ${loss.method} ${loss.path} fails without any pod being ended.`
  }
}

/** Seconds that a pod has to go on listening so that everybody knows, with a margin. */
function settleSeconds({ endpointLag }: RehearsalPlan): number {
  return Math.max(5, Math.ceil((endpointLag.max * 1.5) / 1000))
}

function listen(life: Life | undefined, plan: RehearsalPlan): string {
  const seconds = settleSeconds(plan)
  const { preStop } = plan
  if (life?.reason !== undefined && life.reason !== 'deleted') {
    return `No endpoint changes in time for this (${nameOf(life.reason)}): keep the listener open after SIGTERM, until the exit: ${drain}.`
  }
  if (life?.sigkillAt !== undefined && life.sigkillAt <= (life.deafAt ?? Number.POSITIVE_INFINITY)) {
    return `Raise terminationGracePeriodSeconds above ${seconds} s, which clients need to learn that the pod goes.`
  }
  if (preStop === null) {
    return `Keep the listener open until clients know: ${drainBehind(plan)} with lifecycle.preStop.httpGet.path: /prestop; elsewhere lifecycle.preStop.sleep.seconds: ${seconds}.`
  }
  const { deafAt = Number.POSITIVE_INFINITY, exitAt = Number.POSITIVE_INFINITY } = life ?? {}
  const during = life?.hookEndedAt !== undefined && Math.min(deafAt, exitAt) < life.hookEndedAt
  if (life?.hookOutcome === 'failed' && !during) {
    return `The preStop hook failed: make it answer after ${seconds} s, and keep the listener open meanwhile.`
  }
  if (during) return 'Go on listening during the preStop hook: close the listener after it, on SIGTERM.'
  if ('sleepSeconds' in preStop) {
    return `Raise lifecycle.preStop.sleep.seconds from ${preStop.sleepSeconds} to ${seconds}: clients need that long to learn that the pod goes.`
  }
  return `Answer ${preStop.httpGet.path} only when clients know that the pod goes, after ${seconds} s: ${drainBehind(plan)} does.`
}

function exit({ client }: LostEvent, life: Life | undefined): string {
  if (life?.exit === 'SIGTERM') {
    return `Handle SIGTERM, since without a handler the process ends at once: ${drain}.`
  }
  if (client === 'webSocket')
    return 'Before the exit, close WebSockets with code 1001, so that clients come back elsewhere.'
  if (client === 'sse') return 'Before the exit, end event streams, so that clients come back elsewhere.'
  return `Exit only when nothing is in flight: \`server.close(() => process.exit())\`, or ${drain}.`
}

function kill({ sentAt }: LostEvent, life: Life | undefined, plan: RehearsalPlan): string {
  const { terminationGracePeriodSeconds: grace } = plan
  const longer = Math.ceil((grace * 1.5) / 5) * 5
  if (plan.scenario === 'overrun') {
    return 'SIGTERM in the middle of the hook leaves 2 s: close at once then, and finish what is in flight.'
  }
  if (life?.reason === 'eviction') return 'An eviction leaves 2 s after SIGTERM: close at once when it comes early.'
  if (life?.hookOutcome === 'cut') {
    return `The preStop hook took the whole grace period: shorten it, or raise terminationGracePeriodSeconds from ${grace} to ${longer}.`
  }
  if (sentAt < (life?.sigtermAt ?? Number.POSITIVE_INFINITY)) {
    return `Raise terminationGracePeriodSeconds from ${grace} to ${longer}, or above the longest request.`
  }
  return `Heed SIGTERM: say \`Connection: close\` with every response, and exit when nothing is in flight: ${drain}.`
}

function reach(life: Life | undefined, { replicas, maxUnavailable, scenario, endpointLag }: RehearsalPlan): string {
  if (life?.unreadyAt !== undefined && life.reason === 'deleted') {
    return "With no other pod known, go on passing the readiness probe while draining (`readyzWhileDraining: 'pass'`)."
  }
  if (replicas === 1 && scenario !== 'rollout' && scenario !== 'single-replica') return 'Run 2 replicas or more.'
  if (maxUnavailable > 0)
    return 'Set maxUnavailable: 0 and maxSurge: 1, so that a new pod is there before an old one goes.'
  return `Set minReadySeconds: ${Math.ceil(endpointLag.max / 1000) + 1}, so that clients know a new pod before an old one goes.`
}

function cut({ client, cause }: LostEvent): string {
  if (client === 'webSocket') {
    return cause === 'closed 1006'
      ? 'Close WebSockets with code 1001 instead of destroying their sockets.'
      : 'Close WebSockets with code 1001 (going away), which tells clients to come back elsewhere.'
  }
  if (client === 'sse') return 'End event streams after a whole event, instead of destroying their sockets.'
  return `Let responses finish before their connections are closed (\`closeAllConnections()\` cuts them): ${drain}.`
}
