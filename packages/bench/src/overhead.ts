/**
 * What podrain costs a server over loopback: requests per second, and processor time per request. Compared are the server
 * without podrain, with podrain, and with other shutdown libraries.
 *
 *     node overhead.js [--rounds 15] [--starts 5] [--seconds 1] [--frameworks node:http,Fastify,Express,Koa]
 *                      [--generator wrk|autocannon] [--results <directory>] [--docs <directory>]
 */

import { pinning } from './child.js'
import { options } from './options.js'
import { frameworks, packages } from './overhead/contenders.js'
import type { OverheadData } from './overhead/data.js'
import { connections, createGenerator } from './overhead/load.js'
import { type Race, race } from './overhead/measure.js'
import { writePage } from './page.js'
import { keep } from './results.js'

async function main(): Promise<void> {
  const defaults = { rounds: 15, starts: 5, seconds: 1, frameworks: frameworks.join(), generator: '' }
  const { rounds, starts, seconds, ...rest } = options(defaults)
  const generators = [createGenerator(rest.generator, 1), createGenerator(rest.generator, 1)] as const
  try {
    await keep('overhead', rest, packages, async (): Promise<OverheadData> => {
      const races: Race[] = []
      for (const framework of rest.frameworks.split(',')) {
        console.log(framework)
        races.push(await race(framework, generators, 0, { rounds, starts, seconds }))
      }
      return { generator: generators[0].name, connections, rounds, starts, seconds, notPinned: pinning, races }
    })
  } finally {
    await Promise.all(generators.map((generator) => generator.stop()))
  }
  await writePage(rest)
}

void main()
