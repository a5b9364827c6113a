import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { cases, shard } from '../dist/cases.js'

const text = readFileSync(join(__dirname, '../../../.github/workflows/e2e.yml'), 'utf8')

interface Job {
  readonly 'timeout-minutes': number
  readonly strategy?: { readonly matrix: { readonly part: number[]; readonly kubernetes: Record<string, string>[] } }
}
const workflow: { jobs: Record<string, Job> } = parse(text)
const jobs = Object.values(workflow.jobs)

describe('the workflow of e2e', () => {
  test('pins the node images of three versions of Kubernetes by digest', () => {
    const images = jobs.flatMap(({ strategy }) => strategy?.matrix.kubernetes.map(({ image }) => image) ?? [])
    for (const image of images) expect(image).toMatch(/^kindest\/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}$/)
    expect(images).toHaveLength(3)
  })

  test('runs every case on each version of Kubernetes, with a timeout that is long enough', () => {
    const { kind } = workflow.jobs
    const { part = [] } = kind?.strategy?.matrix ?? {}
    const [, of] = /--shard \$\{\{ matrix\.part \}\}\/(\d+) /.exec(text) ?? []
    expect(part).toEqual(Array.from({ length: Number(of) }, (_, index) => index + 1))
    // A case takes 90 s of load, and at most the same time again to create and delete its pods.
    const longest = Math.max(...part.map((nth) => shard(cases, nth, part.length).length))
    expect(kind?.['timeout-minutes']).toBeGreaterThan(10 + longest * 4)
  })
})
