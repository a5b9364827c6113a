/**
 * What podrain costs a server over loopback, in instructions of the processor: counted, not timed, so that a noisy machine
 * does not matter. Needs valgrind.
 *
 *     node instructions.js [--connections 1,4,8,32] [--requests 12000] [--frameworks node:http,Fastify,Express,Koa]
 *                          [--contenders podrain,…] [--jobs 2] [--results <directory>] [--docs <directory>]
 */
import { availableParallelism } from 'node:os'
import { count, valgrind } from './instructions/measure.js'
import { options } from './options.js'
import { bare, contendersOf, frameworks, packages, twin } from './overhead/contenders.js'
import { writePage } from './page.js'
import { keep } from './results.js'

export interface InstructionsData {
  readonly valgrind: string
  /** Each count is of as many requests, after as many others. */
  readonly requests: number
  /** With so many connections each server was asked: the compiler makes something else of the same code each time. */
  readonly connections: readonly number[]
  /** Instructions per request by framework and contender, in the order of `connections`. The bare server is the first. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
}

async function main(): Promise<void> {
  const defaults = { requests: 12_000, connections: '1,4,8,32', frameworks: frameworks.join(), contenders: '' }
  const { requests, jobs, ...rest } = options({ ...defaults, jobs: availableParallelism() })
  const connections = rest.connections.split(',').map(Number)
  const wanted = rest.contenders.split(',')
  const version = valgrind()
  const { default: pMap } = await import('p-map')
  await keep('instructions', rest, packages, async (): Promise<InstructionsData> => {
    const counts: Record<string, Record<string, number[]>> = {}
    const runs = rest.frameworks.split(',').flatMap((framework) => {
      const others = contendersOf(framework).filter((name) => name !== twin)
      const contenders = [bare, ...others.filter((name) => rest.contenders === '' || wanted.includes(name))]
      const own = Object.fromEntries(contenders.map((name) => [name, [] as number[]]))
      counts[framework] = own
      return Object.entries(own).flatMap(([name, found]) =>
        connections.map((connections, index) => ({ framework, name, connections, found, index })),
      )
    })
    const run = async ({ framework, name, connections, found, index }: (typeof runs)[number]): Promise<void> => {
      const each = await count(framework, name, { requests, connections })
      console.log(`${framework}, ${name}, ${connections} connections: ${Math.round(each)} instructions per request`)
      found[index] = each
    }
    await pMap(runs, run, { concurrency: jobs })
    return { valgrind: version, requests, connections, counts }
  })
  await writePage(rest)
}

void main()
