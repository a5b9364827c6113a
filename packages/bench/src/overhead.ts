/**
 * What podrain costs a server over loopback: requests per second and time of the processor per request, beside the server
 * alone and beside other shutdown libraries.
 *
 *     node overhead.js [--rounds 10] [--starts 2] [--seconds 1] [--results <directory>] [--docs <directory>]
 */

import { pinning } from './child.js'
import { options } from './options.js'
import { frameworks } from './overhead/contenders.js'
import { connections, createGenerator } from './overhead/load.js'
import { type Race, race } from './overhead/measure.js'
import { writePage } from './page.js'
import { keep } from './results.js'

export interface OverheadData {
  readonly generator: string
  readonly connections: number
  readonly rounds: number
  readonly starts: number
  readonly seconds: number
  /** Why server and generator could not each be given a processor. */
  readonly notPinned?: string | undefined
  readonly races: readonly Race[]
}

const packages = [
  '@podrain/core',
  'express',
  'fastify',
  'koa',
  'stoppable',
  '@godaddy/terminus',
  'http-terminator',
  'http-graceful-shutdown',
  'lightship',
  'close-with-grace',
  'fastify-graceful-shutdown',
]

async function main(): Promise<void> {
  const { rounds, starts, seconds, ...directories } = options({ rounds: 10, starts: 2, seconds: 1 })
  const generator = createGenerator(1)
  try {
    await keep('overhead', directories, packages, async (): Promise<OverheadData> => {
      const races: Race[] = []
      for (const framework of frameworks) {
        console.log(framework)
        races.push(await race(framework, generator, 0, { rounds, starts, seconds }))
      }
      return { generator: generator.name, connections, rounds, starts, seconds, notPinned: pinning, races }
    })
  } finally {
    await generator.stop()
  }
  await writePage(directories)
}

void main()
