import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { type Machine, thisMachine } from './machine.js'

/** A run of a bench, as it is stored. Only measurements are stored. The page computes the rest. */
export interface Result<Data> {
  readonly date: string
  /** The command that repeats the run. */
  readonly command: string
  readonly machine: Machine
  readonly versions: Readonly<Record<string, string>>
  readonly seconds: number
  readonly data: Data
}

export interface Directories {
  readonly results: string
  readonly docs: string
}

/** The directories of this repository. */
export const here: Directories = {
  results: join(__dirname, '../results'),
  docs: join(__dirname, '../../../docs/proof'),
}

/**
 * Runs a bench and stores its result.
 * @param packages The packages whose versions are stored with it.
 */
export async function keep<Data>(
  name: string,
  { results }: Directories,
  packages: readonly string[],
  bench: () => Promise<Data>,
): Promise<void> {
  const begun = performance.now()
  const data = await bench()
  const result: Result<Data> = {
    date: new Date().toISOString().slice(0, 10),
    command: [`npx -y pnpm@10.34.9 bench:${name}`, ...process.argv.slice(2)].join(' '),
    machine: thisMachine(),
    versions: Object.fromEntries(packages.map((one) => [one, versionOf(one)])),
    seconds: Math.round((performance.now() - begun) / 1000),
    data,
  }
  mkdirSync(results, { recursive: true })
  writeFileSync(join(results, `${name}.json`), `${JSON.stringify(result, rounded, 1)}\n`)
}

/** The stored result of a bench; undefined if there is none. */
export function load<Data>(name: string, { results }: Directories): Result<Data> | undefined {
  try {
    return JSON.parse(readFileSync(join(results, `${name}.json`), 'utf8'))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The installed version of a package. package.json may have a range. */
function versionOf(name: string): string {
  const paths = createRequire(join(__dirname, '../package.json')).resolve.paths(name) ?? []
  const peers = join(__dirname, '../../peers/node_modules')
  for (const path of [...paths, peers]) {
    try {
      return JSON.parse(readFileSync(join(path, name, 'package.json'), 'utf8')).version
    } catch {}
  }
  throw new Error(`${name} is not installed`)
}

/** Rounds to six digits. No measurement here is more accurate. */
function rounded(_key: string, value: unknown): unknown {
  return typeof value === 'number' ? Number(value.toPrecision(6)) : value
}
