import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { promisify, stripVTControlCharacters } from 'node:util'
import type { NamedFixture } from './fixture.js'

const run = promisify(execFile)

export const root: string = join(__dirname, '../../..')

/** A directory outside of the repository, so that no fixture finds a package of the workspace. Each checkout has its own. */
const cache = join(tmpdir(), `podrain-frameworks-${createHash('sha256').update(root).digest('hex').slice(0, 8)}`)

interface Manifest {
  readonly dependencies?: Readonly<Record<string, string>>
}

/** The tarballs of podrain's packages by package name, as a registry would have them. */
export type Tarballs = ReadonlyMap<string, string>

/** Packs the packages of podrain that the fixtures need. */
export async function pack(fixtures: readonly NamedFixture[]): Promise<Tarballs> {
  const names = new Set(fixtures.flatMap((fixture) => ours(manifestOf(fixture.source))))
  const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
  const into = join(cache, 'tarballs')
  rmSync(into, { recursive: true, force: true })
  const tarballs = new Map<string, string>()
  for (const name of names) {
    const folder = join(into, basename(name))
    mkdirSync(folder, { recursive: true })
    const cwd = join(root, 'packages', basename(name))
    await run('npx', ['-y', packageManager, 'pack', '--pack-destination', folder], { cwd })
    tarballs.set(name, join(folder, readdirSync(folder)[0] ?? ''))
  }
  return tarballs
}

/**
 * Copies a fixture, installs its packages and builds it. Installed packages are kept until package.json, podrain or Node changes.
 * @returns The directory of the copy.
 * @throws {Error} if npm fails, with the last lines of its output
 */
export async function install({ id, source }: NamedFixture, tarballs: Tarballs): Promise<string> {
  const directory = join(cache, id)
  const manifest = manifestOf(source)
  const packages = ours(manifest)
  const files = packages.map((name) => [name, `file:${tarballs.get(name)}`])
  const dependencies = { ...manifest.dependencies, ...Object.fromEntries(files) }
  const stamp = createHash('sha256').update(process.version).update(JSON.stringify(manifest))
  for (const name of packages) stamp.update(readFileSync(tarballs.get(name) ?? ''))
  const state = stamp.digest('hex')
  const stampFile = join(directory, 'installed')
  const npm = async (...args: string[]): Promise<void> => {
    const options = { cwd: directory, env: environment(), timeout: 600_000, maxBuffer: 2 ** 26 }
    await run('npm', args, options).catch(({ stdout, stderr, message }) => {
      throw new Error(`npm ${args[0]} failed: ${lastLines(`${stdout}${stderr}`) || message}`)
    })
  }
  if (!existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== state) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory, { recursive: true })
    writeFileSync(join(directory, 'package.json'), JSON.stringify({ ...manifest, dependencies }, null, 2))
    await npm('install', '--no-audit', '--no-fund', '--prefer-offline', '--ignore-scripts=false')
    writeFileSync(stampFile, state)
  }
  const others = ['package.json', 'node_modules'].map((name) => join(source, name))
  cpSync(source, directory, { recursive: true, filter: (file) => !others.includes(file) })
  await npm('run', 'build', '--if-present')
  return directory
}

function manifestOf(directory: string): Manifest {
  return JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8'))
}

/** The podrain packages that a fixture depends on, with version `*`, and those of variants without a line of code. */
function ours({ dependencies = {} }: Manifest): string[] {
  const named = Object.keys(dependencies).filter((name) => name.startsWith('@podrain/'))
  return [...new Set(['@podrain/core', '@podrain/auto', ...named])]
}

/** The environment without the variables that the package manager sets for its scripts. */
function environment(): NodeJS.ProcessEnv {
  const { NODE_ENV: _, ...rest } = process.env
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !/^(npm|pnpm)_(?!config_registry)/i.test(name)))
}

/** The last lines of an output, without paths of this machine, colours and stack traces. */
export function lastLines(output: string, directory = ''): string {
  const text = [directory, cache, root].reduce((text, place) => (place ? text.replaceAll(place, '.') : text), output)
  const lines = stripVTControlCharacters(text).split('\n')
  return lines
    .filter((line) => !/^\s*(at .*)?$/.test(line))
    .slice(-10)
    .join('\n')
}
