import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

/** The packages of ours that a bench loads. */
export interface Packages {
  core: typeof import('@podrain/core')
  express: typeof import('@podrain/express')
  fastify: typeof import('@podrain/fastify')
  koa: typeof import('@podrain/koa')
  kubernetes: typeof import('@podrain/kubernetes')
}

/** Passed on to the processes that serve. */
const variable = 'PODRAIN_BESIDE'

/** What podrain of another checkout is called where two states of the code are compared in one run. */
export const besideName = 'podrain of the other checkout'

/** For `--beside`: a directory where this repository has been checked out at another commit, and built. Empty for none. */
export function compareWith(directory: string): void {
  if (directory !== '') process.env[variable] = resolve(process.env.INIT_CWD ?? '.', directory)
}

/** Whether there is another checkout to compare with. */
export function hasBeside(): boolean {
  return process.env[variable] !== undefined
}

/** A package of ours, of this checkout or of the other. */
export function ours<Name extends keyof Packages>(name: Name, beside = false): Packages[Name] {
  const directory = beside ? (process.env[variable] ?? '') : join(__dirname, '../../..')
  return createRequire(__filename)(join(directory, 'packages', name))
}
