import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'

/** The packages of podrain that benches load. */
export interface Packages {
  core: typeof import('@podrain/core')
  express: typeof import('@podrain/express')
  fastify: typeof import('@podrain/fastify')
  koa: typeof import('@podrain/koa')
  kubernetes: typeof import('@podrain/kubernetes')
}

/** An environment variable, so that child processes get the other checkout, too. */
const variable = 'PODRAIN_BESIDE'

/** The name of the contender that is podrain of the other checkout. */
export const besideName = 'podrain of the other checkout'

/**
 * Sets the other checkout to compare with.
 * @param directory The value of `--beside`: a directory with this repository at another commit, built. Empty for none.
 */
export function compareWith(directory: string): void {
  if (directory !== '') process.env[variable] = resolve(process.env.INIT_CWD ?? '.', directory)
}

/** Whether there is another checkout to compare with. */
export function hasBeside(): boolean {
  return process.env[variable] !== undefined
}

/**
 * Loads a package of podrain.
 * @param beside Whether to load it from the other checkout.
 */
export function ours<Name extends keyof Packages>(name: Name, beside = false): Packages[Name] {
  const directory = beside ? (process.env[variable] ?? '') : join(__dirname, '../../..')
  return createRequire(__filename)(join(directory, 'packages', name))
}
