export type Framework = 'http' | 'fastify' | 'express' | 'koa'
export type HookKind = 'httpGet' | 'exec' | 'sleep' | 'none'

/** What happens to the pods while they are under load. */
export type Happening =
  | 'rolling update'
  | 'rollout restart'
  | 'node drain'
  | 'liveness kill'
  | 'deletion with a short grace period'

/** Whether the app follows the cluster with @podrain/kubernetes, and whether it may. */
export type Following = 'no' | 'allowed' | 'denied'

export interface Case {
  readonly name: string
  readonly framework: Framework
  readonly hook: HookKind
  readonly happening: Happening
  readonly following: Following
}

export const frameworks: readonly Framework[] = ['http', 'fastify', 'express', 'koa']
export const hooks: readonly HookKind[] = ['httpGet', 'exec', 'sleep', 'none']

function caseOf(framework: Framework, hook: HookKind, happening: Happening, following: Following = 'no'): Case {
  const follows = { no: '', allowed: ', following its cluster', denied: ', following its cluster without permission' }
  return { name: `${framework}, ${hook}: ${happening}${follows[following]}`, framework, hook, happening, following }
}

/** In each of them nothing may be lost. */
export const cases: readonly Case[] = [
  ...frameworks.flatMap((framework) => hooks.map((hook) => caseOf(framework, hook, 'rolling update'))),
  caseOf('http', 'httpGet', 'rollout restart'),
  caseOf('http', 'httpGet', 'node drain'),
  caseOf('http', 'none', 'node drain'),
  caseOf('http', 'httpGet', 'liveness kill'),
  caseOf('http', 'httpGet', 'rolling update', 'allowed'),
  caseOf('http', 'none', 'rolling update', 'allowed'),
  caseOf('http', 'httpGet', 'deletion with a short grace period', 'allowed'),
  caseOf('http', 'httpGet', 'rolling update', 'denied'),
]
