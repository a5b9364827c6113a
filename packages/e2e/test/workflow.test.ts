import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { validateWorkflow } from '@action-validator/core'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { cases, shard } from '../dist/cases.js'

const root = join(__dirname, '..', '..', '..')
const text = readFileSync(join(root, '.github', 'workflows', 'e2e.yml'), 'utf8')

interface Job {
  readonly 'timeout-minutes': number
  readonly strategy?: { readonly matrix: { readonly part: number[]; readonly kubernetes: Record<string, string>[] } }
  readonly steps: { readonly uses?: string; readonly run?: string }[]
}
const workflow: { permissions: object; jobs: Record<string, Job> } = parse(text)
const jobs = Object.values(workflow.jobs)

describe('the workflow of e2e', () => {
  test('is one by the published schema', () => {
    expect(validateWorkflow(text).errors).toEqual([])
    expect(validateWorkflow(text.replace('runs-on', 'run-on')).errors).not.toEqual([])
  })

  test('may only read, ends in time, and takes actions and nodes by their digest', () => {
    expect(workflow.permissions).toEqual({ contents: 'read' })
    for (const job of jobs) expect(job['timeout-minutes']).toBeGreaterThan(0)
    const used = jobs.flatMap(({ steps }) => steps.flatMap(({ uses = [] }) => uses))
    for (const each of used) expect(each).toMatch(/^[\w-]+\/[\w-]+@[0-9a-f]{40}$/)
    const images = jobs.flatMap(({ strategy }) => strategy?.matrix.kubernetes.map(({ image }) => image) ?? [])
    for (const image of images) expect(image).toMatch(/^kindest\/node:v1\.\d+\.\d+@sha256:[0-9a-f]{64}$/)
    expect(images).toHaveLength(3)
  })

  test('runs every case on each version of Kubernetes, and has the time for it', () => {
    const { kind } = workflow.jobs
    const { part = [] } = kind?.strategy?.matrix ?? {}
    const [, of] = /--shard \$\{\{ matrix\.part \}\}\/(\d+) /.exec(text) ?? []
    expect(part).toEqual(Array.from({ length: Number(of) }, (_, index) => index + 1))
    // A case is 90 s of load, and at most as long again until its pods are there and gone.
    const longest = Math.max(...part.map((nth) => shard(cases, nth, part.length).length))
    expect(kind?.['timeout-minutes']).toBeGreaterThan(10 + longest * 4)
  })

  test('uses the package manager that the repository does', () => {
    const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const versions = jobs.flatMap(({ steps }) => steps.flatMap(({ run = '' }) => /pnpm@[\d.]+/.exec(run)?.[0] ?? []))
    expect(new Set(versions)).toEqual(new Set([packageManager]))
  })
})
