/** Writes docs/proof/benchmarks.md, docs/proof/rehearsal-scale.md, docs/proof/kubernetes-cost.md and their pictures from what was kept. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Charts, createCharts } from './page/charts.js'
import { instructions } from './page/instructions.js'
import { kubernetes } from './page/kubernetes.js'
import { lint } from './page/lint.js'
import { overhead } from './page/overhead.js'
import { rehearsal } from './page/rehearsal.js'
import { request } from './page/request.js'
import { rollout } from './page/rollout.js'
import { scale } from './page/scale.js'
import type { Section } from './page/section.js'
import type { Directories } from './results.js'

/** A page, and its parts in their order; one that has no result yet is left out. */
interface Page {
  readonly file: string
  readonly introduction: string
  readonly sections: readonly Section[]
}

const benchmarks: Page = {
  file: 'benchmarks.md',
  sections: [rollout, request, instructions, overhead, scale, lint],
  introduction: `# Benchmarks

Made by the benches from what they measured, which is kept in
[packages/bench/results](../../packages/bench/results): figures from another machine, or another day, differ. Each section says
where and when it was measured, and with what; after a bench its section is written anew.

A median stands for the middle measurement. “Quartiles” are the bounds of the half in the middle: read nothing into a
difference that is smaller than they are apart. Where it matters, contenders take turns and are compared with the bare
server of the same round, as a machine is never equally quiet for long.`,
}

const rehearsalScale: Page = {
  file: 'rehearsal-scale.md',
  sections: [rehearsal],
  introduction: `# How far a rehearsal goes

Made by \`npx -y pnpm@10.34.9 bench:rehearsal\` from what it measured, which is kept in
[packages/bench/results](../../packages/bench/results): figures from another machine, or another day, differ.`,
}

const kubernetesCost: Page = {
  file: 'kubernetes-cost.md',
  sections: [kubernetes],
  introduction: `# What @podrain/kubernetes costs the API server

Made by \`npx -y pnpm@10.34.9 bench:kubernetes\` from what it counted, which is kept in
[packages/bench/results](../../packages/bench/results). “Before” is the package as it was when every pod watched every EndpointSlice of its namespace
for life (commit f78c804, checked out and built elsewhere, and given as \`--beside\`); “after” is the package as it is.
What was counted before stays on the page until it is counted anew.`,
}

/** Writes every page that there is something to show on. */
export async function writePage(directories: Directories): Promise<void> {
  const charts = await createCharts()
  for (const page of [benchmarks, rehearsalScale, kubernetesCost]) write(page, directories, charts)
}

function write({ file, introduction, sections }: Page, directories: Directories, charts: Charts): void {
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
  if (texts.length > 0) writeFileSync(join(directories.docs, file), `${[introduction, ...texts].join('\n\n')}\n`)
}
