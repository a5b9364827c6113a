/** Writes docs/proof/{benchmarks,rehearsal-scale,kubernetes-cost}.md and their pictures from the stored results. */
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

/** A page and its sections in order. A section without a result is left out. */
interface Page {
  readonly file: string
  readonly introduction: string
  readonly sections: readonly Section[]
}

const benchmarks: Page = {
  file: 'benchmarks.md',
  sections: [rollout, request, instructions, overhead, scale, lint],
  introduction: `# Benchmarks

For whoever asks what a rolling update loses, and what podrain costs a request, a drain and a connection. The benches write this page from their results, which are in [packages/bench/results](../../packages/bench/results). Figures
from another machine, or from another day, differ. Each section says where and when it was measured, and with which versions. A
run of a bench writes its section anew.

A median is the middle measurement. “Quartiles” bound the middle half of the measurements. A difference that is smaller than the
distance between the quartiles says nothing. The load of a machine changes all the time. So servers take turns where that
matters, and each server is compared with the bare server of the same round.`,
}

const rehearsalScale: Page = {
  file: 'rehearsal-scale.md',
  sections: [rehearsal],
  introduction: `# How far a rehearsal goes

For whoever rehearses with many replicas or clients, and asks when the machine is too small for a correct verdict.
\`npx -y pnpm@10.34.9 bench:rehearsal\` writes this page from its result, which is in
[packages/bench/results](../../packages/bench/results). Figures from another machine, or from another day, differ.`,
}

const kubernetesCost: Page = {
  file: 'kubernetes-cost.md',
  sections: [kubernetes],
  introduction: `# What @podrain/kubernetes costs the API server

For whoever runs the cluster, and asks how much load the package adds to the API server.
\`npx -y pnpm@10.34.9 bench:kubernetes\` writes this page from its result, which is in
[packages/bench/results](../../packages/bench/results). “Before” is the package at commit f78c804, in which every pod watched every
EndpointSlice of its namespace for as long as it ran. That commit is checked out and built elsewhere, and passed as \`--beside\`.
“After” is the package on the day that the end of this page names. A run without \`--beside\` keeps the counts of “before”.`,
}

/** Writes every page that has a result. */
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
