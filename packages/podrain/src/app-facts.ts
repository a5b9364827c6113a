import { existsSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Framework } from '@podrain/rehearsal'

/** Commands that run a Node app. */
const runners = [
  'node',
  'npm',
  'npx',
  'pnpm',
  'pnpx',
  'yarn',
  'tsx',
  'ts-node',
  'nest',
  'fastify',
  'next',
  'pm2-runtime',
]

/** The frameworks by the package that an app imports. Frameworks that use another one come first. */
const packages: ReadonlyArray<readonly [name: string, framework: Framework]> = [
  ['@nestjs/core', 'nestjs'],
  ['fastify', 'fastify'],
  ['express', 'express'],
  ['koa', 'koa'],
]

/**
 * The framework of an app, guessed from its command, its first file and its package.json; null if it is not a Node app. Only the
 * advice depends on the guess.
 */
export function frameworkOf(command: string, args: readonly string[], cwd: string): Framework | null {
  const file = firstFileOf(command, args, cwd)
  if (file === null) return null
  const text = file === undefined ? '' : read(file)
  const imported = packages.find(([name]) => new RegExp(`(?:from|require\\(|import)\\s*['"]${name}['"]`).test(text))
  if (imported !== undefined) return imported[1]
  const named = packages.filter(([name]) => name in dependenciesOf(file === undefined ? cwd : dirname(file)))
  // A Nest app may have Express or Fastify among its dependencies. With two other frameworks the guess is `node`.
  const [first, ...more] = named
  return first !== undefined && (more.length === 0 || first[1] === 'nestjs') ? first[1] : 'node'
}

/** Whether an Express or Koa app depends on podrain's middleware for it, which may be mounted too late. */
export function dependsOnMiddleware(command: string, args: readonly string[], cwd: string): boolean {
  const framework = frameworkOf(command, args, cwd)
  if (framework !== 'express' && framework !== 'koa') return false
  const file = firstFileOf(command, args, cwd)
  return `@podrain/${framework}` in dependenciesOf(file ? dirname(file) : cwd)
}

/** The first file of an app; undefined if the command names none, null if it is not a Node app. */
function firstFileOf(command: string, args: readonly string[], cwd: string): string | undefined | null {
  // An init, or a shell with a whole line as its argument, may come before the program that runs the app.
  const words = [command, ...args].flatMap((word) => word.split(/\s+/))
  const runner = words.findIndex((word) => runners.includes(basename(word)))
  if (runner === -1) return null
  return words
    .slice(runner + 1)
    .map((word) => resolve(cwd, word))
    .find(isFile)
}

/** The dependencies of the package that a directory belongs to. */
function dependenciesOf(directory: string): Record<string, unknown> {
  for (let at = directory; ; at = dirname(at)) {
    const file = join(at, 'package.json')
    if (existsSync(file)) {
      try {
        return { ...JSON.parse(read(file)).dependencies }
      } catch {
        return {}
      }
    }
    if (at === dirname(at)) return {}
  }
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile()
  } catch {
    return false
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
