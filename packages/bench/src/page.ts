/** Writes docs/benchmarks.md and its pictures from what was kept. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createCharts } from './page/charts.js'
import { instructions } from './page/instructions.js'
import { lint } from './page/lint.js'
import { overhead } from './page/overhead.js'
import { request } from './page/request.js'
import { rollout } from './page/rollout.js'
import { scale } from './page/scale.js'
import type { Section } from './page/section.js'
import type { Directories } from './results.js'

/** In the order of the page; one that has no result yet is left out. */
const sections: readonly Section[] = [rollout, request, instructions, overhead, scale, lint]

const introduction = `# Benchmarks

Made by the benches from what they measured, which is kept in
[packages/bench/results](../packages/bench/results): figures from another machine, or another day, differ. Each section says
where and when it was measured, and with what; after a bench its section is written anew.

A median stands for the middle measurement. “Quartiles” are the bounds of the half in the middle: read nothing into a
difference that is smaller than they are apart. Where it matters, contenders take turns and are compared with the bare
server of the same round, as a machine is never equally quiet for long.`

export async function writePage(directories: Directories): Promise<void> {
  const charts = await createCharts()
  const texts: string[] = []
  mkdirSync(join(directories.docs, 'benchmarks'), { recursive: true })
  for (const section of sections) {
    const drawn = section(directories, charts)
    if (!drawn) continue
    texts.push(drawn.text)
    for (const [name, svg] of Object.entries(drawn.pictures)) {
      writeFileSync(join(directories.docs, 'benchmarks', `${name}.svg`), `${svg}\n`)
    }
  }
  writeFileSync(join(directories.docs, 'benchmarks.md'), `${[introduction, ...texts].join('\n\n')}\n`)
}
