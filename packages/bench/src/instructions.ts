/**
 * What podrain costs a server over loopback, in instructions of the processor. Instructions are counted, not timed, so a noisy
 * machine matters little. Needs valgrind.
 *
 *     node instructions.js [--connections 1,4,8,32] [--requests 12000] [--frameworks node:http,Fastify,Express,Koa]
 *                          [--only <part of a contender's name>] [--jobs <one for each processor>]
 *                          [--beside <another checkout of this repository, built; its podrain becomes a contender>]
 *                          [--results <directory>] [--docs <directory>]
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import type { InstructionsData } from './instructions/data.js'
import { count, versionOfValgrind } from './instructions/measure.js'
import { options } from './options.js'
import { compareWith } from './ours.js'
import { bare, contendersOf, frameworks, packages, twin } from './overhead/contenders.js'
import { writePage } from './page.js'
import { keep } from './results.js'

async function main(): Promise<void> {
  const defaults = { requests: 12_000, connections: '1,4,8,32', frameworks: frameworks.join(), only: '', beside: '' }
  const { requests, jobs, ...rest } = options({ ...defaults, jobs: availableParallelism() })
  compareWith(rest.beside)
  const connections = rest.connections.split(',').map(Number)
  if (!connections.every((number) => Number.isInteger(number) && number > 0 && number <= requests)) {
    throw new RangeError(`Expected --connections to be numbers from 1 to ${requests}, got ${rest.connections}`)
  }
  const valgrind = versionOfValgrind()
  const directory = temporary()
  const { default: pMap } = await import('p-map')
  await keep('instructions', rest, packages, async (): Promise<InstructionsData> => {
    const counts: Record<string, Record<string, number[]>> = {}
    const runs = rest.frameworks.split(',').flatMap((framework) => {
      const others = contendersOf(framework).filter((name) => name !== twin && name.includes(rest.only))
      const own = Object.fromEntries([bare, ...others].map((name) => [name, [] as number[]]))
      counts[framework] = own
      return Object.entries(own).flatMap(([name, found]) =>
        connections.map((number, index) => ({ framework, name, found, number, index })),
      )
    })
    const run = async ({ framework, name, found, number, index }: (typeof runs)[number]): Promise<void> => {
      const counting = (): Promise<number> => count(framework, name, { requests, connections: number, directory })
      // A failed count is repeated once, because the whole bench takes an hour. A second failure ends the bench.
      const each = await counting().catch((error) => {
        console.log(`Repeated because of a failure: ${error.message}`)
        return counting()
      })
      console.log(`${framework}, ${name}, ${number} connections: ${Math.round(each)} instructions per request`)
      found[index] = each
    }
    await pMap(runs, run, { concurrency: jobs })
    return { valgrind, requests, connections, counts }
  })
  await writePage(rest)
}

/** A directory that is removed when this process exits, also after SIGINT and SIGTERM. */
function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-instructions-'))
  process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))
  return directory
}

void main()
