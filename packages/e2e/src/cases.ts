/** The frameworks that are tested with every kind of hook. */
export const frameworks = ['http', 'fastify', 'express', 'koa'] as const
export const hooks = ['httpGet', 'exec', 'sleep', 'none'] as const

/** The app that a pod runs. */
export type App = (typeof frameworks)[number] | 'own-handler' | 'nestjs' | 'auto'
export type HookKind = (typeof hooks)[number]

/** What happens to the pods while they are under load. */
export type Happening =
  | 'rolling update'
  | 'rollout restart'
  | 'node drain'
  | 'liveness kill'
  | 'deletion with a short grace period'

/** Whether the app follows the cluster with @podrain/kubernetes, and whether it may. */
export type Following = 'no' | 'allowed' | 'denied'

/** The proxy between the clients and the Service: none, nginx in its own image, or a Node proxy in the image of Node. */
export type Through = 'nothing' | 'nginx' | 'proxy'

export interface Case {
  readonly name: string
  readonly app: App
  readonly hook: HookKind
  readonly happening: Happening
  readonly following: Following
  readonly workload: 'Deployment' | 'StatefulSet'
  readonly replicas: number
  /** The rolling update of a Deployment. Ignored for a StatefulSet. */
  readonly surge: { readonly maxSurge: number | '25%'; readonly maxUnavailable: number | '25%' }
  /** The Services that clients send to. With several of them, and with a StatefulSet, there is also a headless Service. */
  readonly services: readonly string[]
  readonly through: Through
}

const apps: Readonly<Record<App, string>> = {
  http: 'http',
  fastify: 'fastify',
  express: 'express',
  koa: 'koa',
  'own-handler': 'http with a SIGTERM handler of its own',
  nestjs: 'nestjs',
  auto: 'auto',
}

const follows: Readonly<Record<Following, string>> = {
  no: '',
  allowed: ', following its cluster',
  denied: ', following its cluster without permission',
}

type Variation = Partial<Pick<Case, 'following' | 'workload' | 'services' | 'through' | 'surge' | 'replicas'>>

/** @param how The variation in words, for the name of the case. */
function caseOf(app: App, hook: HookKind, happening: Happening, variation: Variation = {}, how = ''): Case {
  const { following = 'no' } = variation
  return {
    name: `${apps[app]}, ${hook}: ${happening}${how}${follows[following]}`,
    app,
    hook,
    happening,
    following,
    workload: 'Deployment',
    replicas: 3,
    surge: { maxSurge: 1, maxUnavailable: 0 },
    services: ['app'],
    through: 'nothing',
    ...variation,
  }
}

const several = { services: ['app', 'app-too'] } as const
const statefulSet = { workload: 'StatefulSet' } as const
const ten = { replicas: 10, surge: { maxSurge: '25%', maxUnavailable: '25%' } } as const

/** All cases. None of them may lose a request. */
export const cases: readonly Case[] = [
  ...frameworks.flatMap((app) => hooks.map((hook) => caseOf(app, hook, 'rolling update'))),
  caseOf('http', 'httpGet', 'rollout restart'),
  caseOf('http', 'httpGet', 'node drain'),
  caseOf('http', 'none', 'node drain'),
  caseOf('http', 'httpGet', 'liveness kill'),
  caseOf('http', 'httpGet', 'rolling update', { following: 'allowed' }),
  caseOf('http', 'none', 'rolling update', { following: 'allowed' }),
  caseOf('http', 'httpGet', 'deletion with a short grace period', { following: 'allowed' }),
  caseOf('http', 'httpGet', 'rolling update', { following: 'denied' }),
  caseOf('own-handler', 'httpGet', 'rolling update'),
  caseOf('own-handler', 'none', 'rolling update'),
  caseOf('nestjs', 'httpGet', 'rolling update'),
  caseOf('nestjs', 'none', 'rolling update', { following: 'allowed' }),
  caseOf('auto', 'httpGet', 'rolling update'),
  caseOf('auto', 'none', 'rolling update'),
  caseOf('http', 'httpGet', 'rolling update', { through: 'nginx' }, ' behind nginx'),
  caseOf('http', 'none', 'rolling update', { through: 'nginx' }, ' behind nginx'),
  caseOf('http', 'httpGet', 'rolling update', { through: 'proxy' }, ' behind a proxy of Node'),
  caseOf('http', 'none', 'rolling update', { through: 'proxy', following: 'allowed' }, ' behind a proxy of Node'),
  caseOf('http', 'httpGet', 'rolling update', statefulSet, ' of a StatefulSet'),
  caseOf('http', 'none', 'rolling update', { ...statefulSet, following: 'allowed' }, ' of a StatefulSet'),
  caseOf('http', 'httpGet', 'rolling update', several, ' with several Services'),
  caseOf('http', 'httpGet', 'rolling update', { ...several, following: 'allowed' }, ' with several Services'),
  caseOf('express', 'httpGet', 'rolling update', ten, ' of 10 replicas, 25 % at a time'),
  caseOf('express', 'none', 'rolling update', { ...ten, following: 'allowed' }, ' of 10 replicas, 25 % at a time'),
]

/** Every `of`-th case from the `nth` on, which spreads long and short cases over the shards. */
export function shard<Each>(all: readonly Each[], nth: number, of: number): Each[] {
  return all.filter((_, index) => index % of === nth - 1)
}
