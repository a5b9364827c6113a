/**
 * A drain of many connections: how long the drain takes, and for how long it blocks the event loop.
 *
 *     node scale.js [--repeats 3] [--most 50000] [--results <directory>] [--docs <directory>]
 */
import { pinning } from './child.js'
import { options } from './options.js'
import { writePage } from './page.js'
import { keep } from './results.js'
import type { ScaleData } from './scale/data.js'
import { bareMemory, drainOf, mostConnections, type Run } from './scale/measure.js'
import type { Memory } from './scale/server.js'
import { answeredWithin, resolution, settle, terms } from './scale/terms.js'

/** Requests in flight, at most. */
const mostInFlight = 2000

async function main(): Promise<void> {
  const { repeats, most, ...directories } = options({ repeats: 3, most: 50_000 })
  const busy = Math.min(mostInFlight, most)
  const limit = mostConnections(most + busy)
  const sizes = [...new Set([10, 1000, 10_000, most].map((size) => Math.min(size, most, limit - busy)))]
  await keep('scale', directories, ['@podrain/core'], async (): Promise<ScaleData> => {
    const runs: Run[] = []
    const bare: (Memory & { idle: number })[] = []
    const drainsOf = async (idle: number, inMemory: boolean): Promise<void> => {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const inFlight of [0, busy]) {
          console.log(`${idle} idle, ${inFlight} in flight${inMemory ? ', in memory' : ''}`)
          runs.push(await drainOf({ idle, busy: inFlight, inMemory }))
        }
      }
    }
    for (const idle of sizes) {
      bare.push({ idle, ...(await bareMemory(idle)) })
      await drainsOf(idle, false)
    }
    if (limit < most + busy) await drainsOf(most, true)
    const { keepAliveCap } = terms
    const facts = { repeats, settle, keepAliveCap, answeredWithin, resolution, notPinned: pinning }
    return { ...facts, limit, wanted: most + busy, runs, bare }
  })
  await writePage(directories)
}

void main()
