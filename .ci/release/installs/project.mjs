import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const express = { express: '5.3.0' }

/** The packages that each adapter needs. */
const frameworks = {
  auto: express,
  core: {},
  fastify: { fastify: '5.12.8' },
  express,
  koa: { koa: '3.3.0' },
  // NestJS 12 has a dependency that needs Node 22, so Yarn 1 refuses it on Node 20.
  nestjs: {
    '@nestjs/common': '11.2.10',
    '@nestjs/core': '11.2.10',
    '@nestjs/platform-express': '11.2.10',
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
  },
}

/** The adapters that have a server in `apps/`. */
export const servers = Object.keys(frameworks)

/** The dependencies of a project: podrain's packages by these names, and the packages that they need. */
export function dependenciesOf(...names) {
  return Object.assign({}, ...names.map((name) => ({ [`@podrain/${name}`]: '^0.1.0', ...frameworks[name] })))
}

/** An .npmrc for the registry. The scope is set as well, because a variable of the environment may override the registry, but not that of a scope. */
export const npmrcOf = ({ url }) => `registry=${url}\n@podrain:registry=${url}\n`

/** Creates a project with the servers of `apps/` and the registry with podrain's packages. */
export function project(directory, registry, manifest) {
  cpSync(join(import.meta.dirname, 'apps'), directory, { recursive: true })
  writeFileSync(
    join(directory, 'package.json'),
    // Fastify accepts cookie 1 or 2. Yarn 1 would choose 2, which needs Node 22.
    JSON.stringify({ private: true, type: 'module', resolutions: { cookie: '^1.0.2' }, ...manifest }, null, 2),
  )
  writeFileSync(join(directory, '.npmrc'), npmrcOf(registry))
  return directory
}
