/**
 * What podrain costs a server over loopback, in instructions of the processor: counted, not timed, so that a noisy machine
 * does not matter, and little differences show. Needs valgrind.
 *
 *     node instructions.js [--starts 3] [--requests 12000] [--frameworks node:http,Fastify,Express,Koa] [--jobs 2]
 *                          [--results <directory>] [--docs <directory>]
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
  /** Instructions per request, of each start, by framework and contender; the bare server is the first. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
}

async function main(): Promise<void> {
  const defaults = { starts: 3, requests: 12_000, frameworks: frameworks.join(), jobs: availableParallelism() }
  const { starts, requests, jobs, ...rest } = options(defaults)
  const version = valgrind()
  const { default: pMap } = await import('p-map')
  await keep('instructions', rest, packages, async (): Promise<InstructionsData> => {
    const counts: Record<string, Record<string, number[]>> = {}
    const runs = rest.frameworks.split(',').flatMap((framework) => {
      const contenders = [bare, ...contendersOf(framework).filter((name) => name !== twin)]
      counts[framework] = Object.fromEntries(contenders.map((name) => [name, []]))
      return contenders.flatMap((name) => Array.from({ length: starts }, (_, start) => ({ framework, name, start })))
    })
    await pMap(
      runs,
      async ({ framework, name, start }) => {
        const found = await count(framework, name, { requests, seed: start + 1 })
        console.log(`${framework}, ${name}: ${Math.round(found).toLocaleString('en')} instructions per request`)
        counts[framework]?.[name]?.push(found)
      },
      { concurrency: jobs },
    )
    return { valgrind: version, requests, counts }
  })
  await writePage(rest)
}

void main()
