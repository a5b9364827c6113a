/**
 * What podrain adds to a request in this process, without a network: nanoseconds and bytes.
 *
 *     node request.js [--starts 5] [--rounds 100] [--requests 5000] [--results <directory>] [--docs <directory>]
 *                     [--beside <another checkout of this repository, built: its podrain is measured, too>]
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

/** Room enough that nothing is collected while bytes are counted. */
const roomy = ['--expose-gc', '--min-semi-space-size=256', '--max-semi-space-size=256']

async function main(): Promise<void> {
  const { starts, rounds, requests, ...directories } = options({ starts: 5, rounds: 100, requests: 5000, beside: '' })
  compareWith(directories.beside)
  const measure = async (what: string, starts: number, rounds: number, flags: readonly string[]): Promise<Pairs> => {
    const names = variantNames().filter((name) => name !== bare)
    const pairs: Record<string, Pair[]> = Object.fromEntries(names.map((name) => [name, []]))
    for (let start = 0; start < starts; start++) {
      for (const name of names) {
        const args = [what, name, String(rounds), String(requests)]
        // Pinned, V8 may be late with what it compiles beside, and then it is that which is seen in the bytes.
        const child = new Child(join(__dirname, 'request/measure.js'), args, what === 'time' ? pin(0) : [], flags)
        pairs[name]?.push(...(await child.hear<Pair[]>()))
      }
    }
    return pairs
  }
  await keep('request', directories, ['@podrain/core', '@podrain/express'], async (): Promise<RequestData> => {
    const time = await measure('time', starts, rounds, [])
    const bytes = await measure('bytes', 1, Math.ceil(rounds / 10), roomy)
    return { starts, rounds, requests, alone: alone(time), time: added(time), bytes: added(bytes) }
  })
  await writePage(directories)
}

void main()
