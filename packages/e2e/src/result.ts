import {
  conclude,
  type Disruption,
  type KnownOptions,
  type Phase,
  type PreStop,
  type Rehearsal,
  type RehearsalEvent,
  resolveOptions,
  type Scenario,
} from '@podrain/rehearsal'
import type { App, Case, Happening, HookKind } from './cases.js'
import { clients } from './clients.js'
import { graceSeconds, probes, sleepSeconds, socket } from './containers.js'
import type { Report } from './report.js'
import { requests } from './traffic.js'

/** When the disruption of a case began and ended, in milliseconds since 1970. */
export interface Course {
  readonly begunAt: number
  readonly overAt: number
}

/** The data of a case when it is over. */
export interface Known extends Course {
  /** The version of the cluster. */
  readonly cluster: string
  readonly report: Report
  /** The events of the pods, with `t` in milliseconds since 1970. */
  readonly pods: readonly RehearsalEvent[]
}

/** The scenario of a rehearsal for each disruption; null if no scenario is like it. */
const scenarios: Readonly<Record<Happening, Scenario | null>> = {
  'rolling update': 'rollout',
  'rollout restart': 'rollout',
  'node drain': null,
  'liveness kill': 'liveness-kill',
  'deletion with a short grace period': null,
}

const phases: Readonly<Record<Happening, Disruption>> = {
  'rolling update': 'rolling update',
  'rollout restart': 'rolling update',
  'node drain': 'eviction',
  'liveness kill': 'liveness kill',
  'deletion with a short grace period': 'deletion',
}

const hooks: Readonly<Record<HookKind, PreStop | undefined>> = {
  httpGet: { httpGet: { path: '/prestop' } },
  exec: { exec: { command: ['node', '/app/podrain-prestop.js', socket] } },
  sleep: { sleep: { seconds: sleepSeconds } },
  none: undefined,
}

const frameworks: Readonly<Record<App, NonNullable<KnownOptions['app']['framework']>>> = {
  http: 'node',
  'own-handler': 'node',
  auto: 'node',
  fastify: 'fastify',
  express: 'express',
  koa: 'koa',
  nestjs: 'nestjs',
}

/** The options of a rehearsal that is like the case. An option is null if a cluster does not tell its value. */
export function optionsOf(each: Case, cluster: string): KnownOptions {
  const { name, app, hook, happening, following, workload, replicas, through } = each
  const services = each.services.join(' ')
  const plan = resolveOptions({
    name,
    labels: { app, hook, happening, following, services },
    app: { framework: frameworks[app], podrain: true },
    command: 'node',
    args: ['server.js'],
    port: 8080,
    // Each pod has its own network namespace, which ends with the pod.
    netns: true,
    workload,
    replicas,
    ...(workload === 'Deployment' ? each.surge : {}),
    ...(through === 'nothing' ? {} : { through }),
    terminationGracePeriodSeconds: graceSeconds,
    readinessProbe: probes.readiness,
    livenessProbe: probes.liveness,
    startupProbe: probes.startup,
    preStop: hooks[hook],
    requests,
    clients,
  })
  const scenario = scenarios[happening]
  const unknown = {
    cwd: null,
    endpointLag: null,
    startDelay: null,
    startupTimeout: null,
    timeout: null,
    maxRequests: null,
  }
  return { ...plan, ...unknown, cluster, scenario }
}

/** A case as the result of a rehearsal, on the clock of the load. */
export function resultOf(each: Case, { cluster, report, pods, begunAt, overAt }: Known): Rehearsal {
  const { startedAt, events, samples, requests: soFar } = report
  const since = (time: number): number => Math.max(0, time - startedAt)
  const begin = since(begunAt)
  const asked = soFar.findLast(({ t }) => t <= begin) ?? soFar[0]
  const end = Math.max(...events.map(({ t }) => t), since(overAt))
  const phase = (t: number, name: Phase): RehearsalEvent => ({ t, type: 'phase', phase: name })
  const all: RehearsalEvent[] = [
    // An event of a pod before the load began gets the time 0.
    ...pods.map((event) => ({ ...event, t: since(event.t) })),
    phase(0, 'warming up'),
    ...(asked === undefined ? [] : [{ t: begin, type: 'scenario-begin' as const, requests: asked.requests }]),
    phase(begin, phases[each.happening]),
    phase(since(overAt), 'cooling down'),
    ...events,
    phase(end, 'done'),
  ]
  return conclude(
    optionsOf(each, cluster),
    all.toSorted((a, b) => a.t - b.t),
    samples,
  )
}
