/**
 * What podrain adds to a request in the server's process, without a network, in nanoseconds and bytes.
 *
 *     node request.js [--starts 5] [--rounds 100] [--requests 5000] [--results <directory>] [--docs <directory>]
 *                     [--beside <another checkout of this repository, built; its podrain is measured, too>]
 */
import { join } from 'node:path'
import { Child, pin } from './child.js'
import { options } from './options.js'
import { compareWith } from './ours.js'
import { writePage } from './page.js'
import { added, alone, type Pairs, type RequestData } from './request/data.js'
import type { Pair } from './request/measure.js'
import { bare, variantNames } from './request/variants.js'
import { keep } from './results.js'

/** A heap so large that no garbage is collected while bytes are counted. */
const largeHeap = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']

async function main(): Promise<void> {
  const { starts, rounds, requests, ...directories } = options({ starts: 5, rounds: 100, requests: 5000, beside: '' })
  compareWith(directories.beside)
  const measure = async (what: string, starts: number, rounds: number, flags: readonly string[]): Promise<Pairs> => {
    const names = variantNames().filter((name) => name !== bare)
    const pairs: Record<string, Pair[]> = Object.fromEntries(names.map((name) => [name, []]))
    for (let start = 0; start < starts; start++) {
      for (const name of names) {
        const args = [what, name, String(rounds), String(requests)]
        // For bytes the process is not pinned. V8 compiles on another thread, and on one processor that work would come late and
        // be counted among the bytes.
        const child = new Child(join(__dirname, 'request/measure.js'), args, what === 'time' ? pin(0) : [], flags)
        pairs[name]?.push(...(await child.receive<Pair[]>()))
      }
    }
    return pairs
  }
  await keep('request', directories, ['@podrain/core', '@podrain/express'], async (): Promise<RequestData> => {
    const time = await measure('time', starts, rounds, [])
    const bytes = await measure('bytes', 1, Math.ceil(rounds / 10), largeHeap)
    return { starts, rounds, requests, alone: alone(time), time: added(time), bytes: added(bytes) }
  })
  await writePage(directories)
}

void main()
