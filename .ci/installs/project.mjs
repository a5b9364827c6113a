import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const express = { express: '5.3.0' }

/** What each adapter is for. */
const frameworks = {
  auto: express,
  core: {},
  fastify: { fastify: '5.12.8' },
  express,
  koa: { koa: '3.3.0' },
  nestjs: {
    '@nestjs/common': '12.5.1',
    '@nestjs/core': '12.5.1',
    '@nestjs/platform-express': '12.5.1',
    'reflect-metadata': '0.2.2',
    rxjs: '7.8.2',
  },
}

/** Those that `apps/` has a server with. */
export const servers = Object.keys(frameworks)

/** podrain's packages by these names, and what they are for. */
export function dependenciesOf(...names) {
  return Object.assign({}, ...names.map((name) => ({ [`@podrain/${name}`]: '^0.1.0', ...frameworks[name] })))
}

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
