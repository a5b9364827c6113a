import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export const servers = ['auto', 'core', 'fastify', 'express', 'koa']
export const frameworks = { express: '5.3.0', fastify: '5.12.8', koa: '3.3.0' }

export const own = (...names) => Object.fromEntries(names.map((name) => [`@podrain/${name}`, '^0.1.0']))

/** podrain's packages by name and range, and the others: an environment may name another registry, but not for a scope. */
export const npmrcOf = ({ url }) => `registry=${url}\n@podrain:registry=${url}\n`

/** A new project with the small servers, and a registry for podrain's packages. */
export function project(directory, registry, manifest) {
  cpSync(join(import.meta.dirname, 'apps'), directory, { recursive: true })
  writeFileSync(
    join(directory, 'package.json'),
    // Fastify takes cookie 1 or 2, and Yarn 1 the one that wants Node 22.
    JSON.stringify({ private: true, type: 'module', resolutions: { cookie: '^1.0.2' }, ...manifest }, null, 2),
  )
  writeFileSync(join(directory, '.npmrc'), npmrcOf(registry))
  return directory
}
