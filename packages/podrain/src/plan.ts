import { type HttpGet, type Probe, type RehearsalPlan, type RequestPlan, shortfallsOf } from '@podrain/rehearsal'
import type { Guess } from './guess.js'
import type { FromManifest } from './workload-options.js'

/** One line about the rehearsal: a label, a fact, and where podrain has the fact from. */
export type PlanLine = readonly [label: string, fact: string, origin?: string | undefined]

const pidOne =
  'PID 1: here SIGTERM ends a program without a handler, and npm and sh, at once (needs Linux, unshare, and root or user namespaces)'

/** Describes what will be rehearsed. */
export function describePlan(plan: RehearsalPlan, origin: Guess['origin'], manifest?: FromManifest): PlanLine[] {
  return [
    ...(manifest === undefined ? [] : [['manifest', manifest.origin] as const]),
    ['app', [plan.command, ...plan.args].join(' '), plan.tls ? 'answers TLS' : undefined],
    ['scenario', scenario(plan)],
    ['readiness', probe(plan.readinessProbe), origin.ready],
    ['hook', `${hook(plan)}; grace period ${plan.terminationGracePeriodSeconds} s`, origin.hook],
    ['requests', requests(plan.requests), origin.requests],
    ...(plan.through === null ? [] : [['through', through(plan)] as const]),
    ['endpoints', endpoints(plan)],
    ...limits(plan).map((limit) => ['limits', limit] as const),
    ...(plan.pidNamespace ? [] : [['not played', pidOne] as const]),
    ...(manifest?.notPlayed ?? []).map((what) => ['not played', what] as const),
  ]
}

function scenario(plan: RehearsalPlan): string {
  const { scenario, workload, replicas, minReadySeconds } = plan
  const pods = `${replicas} ${replicas === 1 ? 'pod' : 'pods'}${workload === 'StatefulSet' ? ' of a StatefulSet' : ''}`
  const ready = minReadySeconds === 0 ? '' : `, available after ${minReadySeconds} s`
  return `${scenario}, ${pods}${scenario === 'rollout' ? `; ${budgets(plan)}${ready}` : ''}`
}

function budgets({ workload, partition, maxSurge, maxUnavailable }: RehearsalPlan): string {
  if (workload !== 'StatefulSet') return `${maxSurge} more and ${maxUnavailable} fewer while rolling`
  const down = partition === 0 ? 'down' : `down to ${partition}`
  return `from the highest ordinal ${down}, ${maxUnavailable} at a time`
}

function probe(given: Readonly<Probe> | null): string {
  if (given === null) return 'no probe: ready as soon as it is started'
  const { path, port, scheme, exec, grpc, periodSeconds } = given
  const what =
    exec !== undefined
      ? `\`${exec.join(' ')}\``
      : grpc !== undefined
        ? `gRPC health${grpc.service === undefined ? '' : ` of ${grpc.service}`}`
        : path === null
          ? 'a connection'
          : get({ path, scheme })
  return `${what}${at(grpc?.port ?? port)} every ${periodSeconds} s`
}

function hook({ preStop }: RehearsalPlan): string {
  if (preStop === null) return 'none'
  if ('sleep' in preStop) return `sleep ${preStop.sleep.seconds} s`
  if ('exec' in preStop) return `\`${preStop.exec.command.join(' ')}\``
  return `${get(preStop.httpGet)}${at(preStop.httpGet.port)}`
}

function requests({ mix, get, post, webSocket, grpc, grpcCall, ...others }: RequestPlan): string {
  const asked = [
    ...(get === null ? [] : [`GET ${get}`]),
    ...(mix ?? []).map(
      ({ method, path, status }) => `${method} ${path}${status === null ? '' : ` → ${status.join(' or ')}`}`,
    ),
    ...Object.values(others).flatMap((path) => (path === null ? [] : [`GET ${path}`])),
    ...(post === null ? [] : [`POST ${post}`]),
    ...(webSocket === null ? [] : [`WebSocket ${webSocket}`]),
    ...(grpc === null ? [] : [`gRPC ${grpc}, ${grpcCall?.messageBytes ?? 0} bytes`]),
  ]
  return [...asked.slice(0, 6), ...(asked.length > 6 ? [`${asked.length - 6} more`] : [])].join(', ')
}

function through({ through, hop: { keepAlive, retries } }: RehearsalPlan): string {
  const kept = keepAlive === 0 ? 'no kept connections' : `${keepAlive} kept connections`
  const again = retries === 0 ? 'no retries' : `${retries} ${retries === 1 ? 'retry' : 'retries'}`
  return `${through === 'proxy' ? "podrain's own proxy" : through}, ${kept}, ${again}`
}

function endpoints({ behind, endpointLag: { min, max }, nodes }: RehearsalPlan): string {
  const where = nodes === 1 ? '' : ` on each of ${nodes} nodes`
  const late =
    max === 0
      ? 'clients learn of a change at once'
      : `clients learn of a change ${min / 1000} to ${max / 1000} s late${where}`
  return behind === null || behind === 'none' ? late : `${late}, as behind ${behind}`
}

/** The limits that may cut the rehearsal short, by the engine's estimate. */
function limits(plan: RehearsalPlan): string[] {
  const { timeout, maxRequests } = shortfallsOf(plan)
  return [
    ...(timeout === undefined ? [] : [`--timeout ${plan.timeout / 1000}s may be too short: ${timeout}`]),
    ...(maxRequests === undefined ? [] : [`--max-requests ${plan.maxRequests} may be too low: ${maxRequests}`]),
  ]
}

function get({ path, scheme }: HttpGet): string {
  return `GET ${path}${scheme === 'HTTPS' ? ' by HTTPS' : ''}`
}

function at(port: number | undefined): string {
  return port === undefined ? '' : ` at port ${port}`
}
