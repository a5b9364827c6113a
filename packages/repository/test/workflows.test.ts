import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'

const root = join(__dirname, '../../..')
const { packageManager } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

interface Job {
  readonly 'timeout-minutes': number
  readonly steps: { readonly uses?: string; readonly run?: string; readonly with?: Record<string, unknown> }[]
}

const folder = join(root, '.github/workflows')
const workflows = readdirSync(folder).map((file) => {
  const text = readFileSync(join(folder, file), 'utf8')
  const { permissions, jobs }: { permissions: object; jobs: Record<string, Job> } = parse(text)
  return { file, text, permissions, jobs: Object.values(jobs) }
})

describe.each(workflows)('the workflow $file', ({ text, permissions, jobs }) => {
  const steps = jobs.flatMap((job) => job.steps)

  test('may only read, and a job that needs more says so', () => {
    expect(permissions).toEqual({ contents: 'read' })
  })

  test('ends in time', () => {
    for (const job of jobs) expect(job['timeout-minutes']).toBeGreaterThan(0)
  })

  test('takes actions by their commit, and names its version for Dependabot and readers', () => {
    for (const [, used] of text.matchAll(/\buses: (.*)/g)) {
      expect(used).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/)
    }
  })

  test('leaves no token behind in the checkout', () => {
    const checkouts = steps.filter(({ uses = '' }) => uses.startsWith('actions/checkout@'))
    for (const { with: inputs } of checkouts) expect(inputs).toMatchObject({ 'persist-credentials': false })
  })

  test('uses the package manager that the repository does', () => {
    for (const [named] of text.matchAll(/pnpm@[\d.]+/g)) expect(named).toBe(packageManager)
  })
})
