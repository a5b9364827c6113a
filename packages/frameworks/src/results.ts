import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { NamedFixture } from './fixture.js'
import { root } from './install.js'
import type { Failed, Outcome } from './measure.js'

/** The result of one variant of a fixture. */
export interface Row {
  readonly variant: string
  /** The version of the framework. */
  readonly version: string
  readonly node: string
  /** The last commit that changed a package of podrain that the applications use. */
  readonly commit: string
  readonly date: string
  /** The outcome without a preStop hook. */
  readonly alone: Outcome | Failed
  /** The outcome with a preStop hook. */
  readonly hooked: Outcome | Failed
}

export type Results = ReadonlyMap<string, readonly Row[]>

const directory = join(__dirname, '../results')

/** The stored results by fixture id: the rows of variants that still exist, in their order. */
export function loadResults(fixtures: readonly NamedFixture[]): Results {
  return new Map(fixtures.map((fixture) => [fixture.id, load(fixture)]))
}

/** Stores rows. Other rows of the fixture stay. */
export function keep(fixture: NamedFixture, rows: readonly Row[]): void {
  const all = inOrder(fixture, [...rows, ...load(fixture)])
  mkdirSync(directory, { recursive: true })
  writeFileSync(fileOf(fixture), `${JSON.stringify(all, null, 1)}\n`)
}

function load(fixture: NamedFixture): readonly Row[] {
  try {
    return inOrder(fixture, JSON.parse(readFileSync(fileOf(fixture), 'utf8')))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** The first row of each variant. */
function inOrder({ variants }: NamedFixture, rows: readonly Row[]): readonly Row[] {
  return variants.flatMap(({ name }) => rows.find(({ variant }) => variant === name) ?? [])
}

function fileOf({ id }: NamedFixture): string {
  return join(directory, `${id}.json`)
}

const applied = ['auto', 'core', 'express', 'fastify', 'koa', 'nestjs'].map((name) => `packages/${name}/src`)

/** The versions and the date of a measurement that is made now. */
export function circumstances(fixture: NamedFixture, place: string): Pick<Row, 'version' | 'node' | 'commit' | 'date'> {
  return {
    version: versionOf(fixture.package, place),
    node: process.version,
    commit: execFileSync('git', ['log', '-1', '--format=%h', '--', ...applied], { cwd: root, encoding: 'utf8' }).trim(),
    date: new Date().toISOString().slice(0, 10),
  }
}

/** The installed version; if nothing could be installed, the version in package.json. */
function versionOf(name: string | undefined, place: string): string {
  if (name === undefined) return process.version.slice(1)
  for (const path of createRequire(join(place, 'package.json')).resolve.paths(name) ?? []) {
    try {
      return JSON.parse(readFileSync(join(path, name, 'package.json'), 'utf8')).version
    } catch {}
  }
  const { dependencies = {}, devDependencies = {} } = JSON.parse(readFileSync(join(place, 'package.json'), 'utf8'))
  return dependencies[name] ?? devDependencies[name] ?? 'unknown'
}
