import type { ReadinessProbe, RehearsalPlan, RequestPlan } from '@podrain/rehearsal'
import type { Guess } from './guess.js'

/** One thing that will be rehearsed: what it is called, what it is, and where podrain has that from. */
export type PlanLine = readonly [label: string, fact: string, origin?: string | undefined]

/** Says what is going to be rehearsed. */
export function describePlan(plan: RehearsalPlan, origin: Guess['origin']): PlanLine[] {
  return [
    ['app', [plan.command, ...plan.args].join(' ')],
    ['scenario', `${plan.scenario}, ${plan.replicas} ${plan.replicas === 1 ? 'pod' : 'pods'}`],
    ['readiness', probe(plan.readinessProbe), origin.ready],
    ['hook', `${hook(plan)}; grace period ${plan.terminationGracePeriodSeconds} s`, origin.hook],
    ['requests', requests(plan.requests), origin.requests],
    ['endpoints', endpoints(plan)],
  ]
}

function probe({ path, port, periodSeconds }: Readonly<ReadinessProbe>): string {
  const what = path === null ? 'a connection' : `GET ${path}`
  return `${what}${at(port)} every ${periodSeconds} s`
}

function hook({ preStop }: RehearsalPlan): string {
  if (preStop === null) return 'none'
  if ('sleepSeconds' in preStop) return `sleep ${preStop.sleepSeconds} s`
  return `GET ${preStop.httpGet.path}${at(preStop.httpGet.port)}`
}

function requests({ mix, get, post, webSocket, ...others }: RequestPlan): string {
  const asked = [
    ...(get === null ? [] : [`GET ${get}`]),
    ...(mix ?? []).map(
      ({ method, path, status }) => `${method} ${path}${status === null ? '' : ` → ${status.join(' or ')}`}`,
    ),
    ...Object.values(others).flatMap((path) => (path === null ? [] : [`GET ${path}`])),
    ...(post === null ? [] : [`POST ${post}`]),
    ...(webSocket === null ? [] : [`WebSocket ${webSocket}`]),
  ]
  return [...asked.slice(0, 6), ...(asked.length > 6 ? [`${asked.length - 6} more`] : [])].join(', ')
}

function endpoints({ behind, endpointLag: { min, max } }: RehearsalPlan): string {
  const late = max === 0 ? 'known at once' : `known ${min / 1000} to ${max / 1000} s late`
  return behind === null || behind === 'none' ? late : `${late}, as behind ${behind}`
}

function at(port: number | undefined): string {
  return port === undefined ? '' : ` at port ${port}`
}
