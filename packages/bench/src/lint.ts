/**
 * How long `podrain lint` takes as the number of apps grows: spread over 100 namespaces, all in one namespace, and all in one
 * namespace with one file per app.
 *
 *     node lint.js [--repeats 3] [--most 5000] [--results <directory>] [--docs <directory>]
 */
import type { LintData } from './lint/data.js'
import { shapes } from './lint/manifests.js'
import { lintOf, type Run } from './lint/measure.js'
import { options } from './options.js'
import { writePage } from './page.js'
import { keep } from './results.js'

async function main(): Promise<void> {
  const { repeats, most, ...directories } = options({ repeats: 3, most: 5000 })
  const sizes = [...new Set([50, 200, 1000, most].map((size) => Math.min(size, most)))]
  await keep('lint', directories, ['@podrain/manifests'], async (): Promise<LintData> => {
    const runs: Run[] = []
    for (const apps of sizes) {
      for (let repeat = 0; repeat < repeats; repeat++) {
        for (const shape of shapes) {
          const run = await lintOf(shape, apps)
          console.log(`${run.documents} documents ${shape}: ${Math.round(run.cpu)} ms`)
          runs.push(run)
        }
      }
    }
    return { repeats, runs }
  })
  await writePage(directories)
}

void main()
