/**
 * What a rehearsal costs: memory, the sizes of its result and its page, and for how long many pods and clients hold up the
 * simulated kubelet. Each rehearsal runs in its own process. The bench takes half an hour.
 *
 *     node rehearsal.js [--replicas 100] [--clients 2000] [--minutes 10] [--lost 200000] [--results <directory>] [--docs <directory>]
 */
import { options } from './options.js'
import { writePage } from './page.js'
import { run } from './program.js'
import type { RehearsalData, Rehearsed, Rendered } from './rehearsal/data.js'
import { rate, timeoutSeconds } from './rehearsal/terms.js'
import { keep } from './results.js'

/** The sizes below `most`, and `most` itself. */
function upTo(most: number, sizes: readonly number[]): number[] {
  return [...sizes.filter((size) => size < most), most]
}

async function main(): Promise<void> {
  const given = options({ replicas: 100, clients: 2000, minutes: 10, lost: 200_000 })
  const [shortest = 1, ...longer] = upTo(given.minutes, [1, 3])
  const sizes = upTo(given.replicas, [3, 10, 30])
  const [few = 200, ...many] = upTo(given.clients, [200])
  const [smallest = 3, usual = smallest] = sizes
  const cells = [
    ...sizes.flatMap((replicas) => [few, ...many].map((clients) => [replicas, clients, shortest] as const)),
    ...longer.map((minutes) => [usual, few, minutes] as const),
  ]
  await keep('rehearsal', given, ['@podrain/core', '@podrain/rehearsal'], async (): Promise<RehearsalData> => {
    const rehearsed: Rehearsed[] = []
    for (const [index, [replicas, clients, minutes]] of cells.entries()) {
      console.log(`${index + 1} of ${cells.length}: ${replicas} replicas, ${clients} clients, ${minutes} min`)
      rehearsed.push(await run<Rehearsed>('rehearsal/run', replicas, clients, minutes))
    }
    const rendered: Rendered[] = []
    for (const pods of [...new Set([smallest, given.replicas])]) {
      for (const lost of upTo(given.lost, [1000, 20_000])) {
        console.log(`A result with ${pods} pods and ${lost} lost requests`)
        rendered.push(await run<Rendered>('rehearsal/result', pods, lost, Math.max(1, given.minutes)))
      }
    }
    return { rehearsed, rendered, rate, probe: timeoutSeconds * 1000 }
  })
  await writePage(given)
}

void main()
