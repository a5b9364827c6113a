import { execFile, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { InstructionsData } from '../src/instructions/data.js'
import type { LintData } from '../src/lint/data.js'
import { shapes } from '../src/lint/manifests.js'
import type { OverheadData } from '../src/overhead/data.js'
import type { RehearsalData } from '../src/rehearsal/data.js'
import type { RequestData } from '../src/request/data.js'
import type { ScaleData } from '../src/scale/data.js'
import { spread } from '../src/statistics.js'

/** Runs a bench with little work. Returns its stored result, its page and its pictures. */
async function run<Data>(name: string, ...args: string[]): Promise<{ data: Data; page: string; pictures: string[] }> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-bench-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const [results, docs] = [join(directory, 'results'), join(directory, 'docs')]
  const command = [join(__dirname, `../dist/${name}.js`), ...args, '--results', results, '--docs', docs]
  await promisify(execFile)(process.execPath, command)
  const kept = JSON.parse(readFileSync(join(results, `${name}.json`), 'utf8'))
  expect(kept).toMatchObject({
    date: expect.stringMatching(/^\d{4}-\d\d-\d\d$/),
    machine: { cores: expect.any(Number), node: process.version },
  })
  expect(Object.values(kept.versions)).toContainEqual(expect.stringMatching(/^\d+\.\d+\.\d+/))
  return {
    data: kept.data,
    page: readFileSync(join(docs, name === 'rehearsal' ? 'rehearsal-scale.md' : 'benchmarks.md'), 'utf8'),
    pictures: readdirSync(join(docs, 'benchmarks')).map((file) => readFileSync(join(docs, 'benchmarks', file), 'utf8')),
  }
}

const isSvg = expect.stringMatching(/^<svg .*xmlns="http:\/\/www.w3.org\/2000\/svg".*<\/svg>\n$/s)

describe('bench:request', () => {
  test('measures what each variant adds to a request, and shows it on the page', async () => {
    const { data, page, pictures } = await run<RequestData>(
      'request',
      '--starts',
      '1',
      '--rounds',
      '2',
      '--requests',
      '50',
    )
    const names = Object.keys(data.time)
    expect(names.filter((name) => name.startsWith('podrain'))).toHaveLength(3)
    expect(Object.keys(data.bytes)).toEqual(names)
    for (const name of names) {
      expect(data.time[name]).toMatchObject({ median: expect.any(Number), count: 2 })
      expect(page).toContain(`| ${name} |`)
    }
    expect(pictures).toEqual([isSvg])
  })
})

describe('bench:instructions', () => {
  test('counts the instructions of a request, and shows how many of them a contender adds', {
    timeout: 180_000,
  }, async ({ skip }) => {
    skip(spawnSync('valgrind', ['--version']).status !== 0, 'there is no valgrind (Debian: apt-get install valgrind)')
    const args = ['--connections', '2', '--requests', '200', '--frameworks', 'node:http', '--only', 'podrain']
    const { data, page, pictures } = await run<InstructionsData>('instructions', ...args)
    expect(data.counts).toEqual({ 'node:http': { bare: [expect.any(Number)], podrain: [expect.any(Number)] } })
    const { bare = [], podrain = [] } = data.counts['node:http'] ?? {}
    expect(Math.min(...bare, ...podrain)).toBeGreaterThan(1000)
    expect(page).toContain('### node:http, in instructions')
    expect(page).toMatch(/\| \*\*podrain\*\* \| [\d,]+ \| −?[\d,]+ \(−?[\d,]+–−?[\d,]+\) \| \d\.\d{3} \|/)
    expect(pictures).toEqual([isSvg])
  })

  test('says what to install where valgrind is missing', async () => {
    const command = [join(__dirname, '../dist/instructions.js')]
    const env = { ...process.env, PATH: '/nowhere' }
    await expect(promisify(execFile)(process.execPath, command, { env })).rejects.toThrow('apt-get install valgrind')
  })
})

describe('bench:overhead', () => {
  test('measures every contender beside a bare server, and both answer requests', async () => {
    const args = ['--rounds', '1', '--starts', '1', '--seconds', '0.4', '--generator', 'autocannon']
    const { data, page, pictures } = await run<OverheadData>('overhead', ...args, '--frameworks', 'Fastify')
    expect(data.races.map(({ framework }) => framework)).toEqual(['Fastify'])
    for (const { duels } of data.races) {
      expect(Object.keys(duels)).toEqual([
        'bare, again',
        'podrain',
        'close-with-grace',
        'fastify-graceful-shutdown',
        'stoppable',
        'http-shutdown',
        '@godaddy/terminus',
        'http-terminator',
        'lil-http-terminator',
        'http-graceful-shutdown',
        'lightship',
        '@gquittet/graceful-server',
      ])
      for (const all of Object.values(duels)) {
        expect(all).toHaveLength(1)
        for (const { requests, cpu } of all.flatMap(({ bare, own }) => [bare, own])) {
          expect(Math.min(requests, cpu)).toBeGreaterThan(0)
        }
      }
    }
    expect(page).toContain('### Fastify\n\n|  | CPU per request, to bare (95 %) |')
    expect(pictures).toEqual([isSvg, isSvg])
  })
})

describe('bench:scale', () => {
  test('drains connections with and without requests in flight, and loses no request', async () => {
    const { data, page, pictures } = await run<ScaleData>('scale', '--repeats', '1', '--most', '30')
    const sizes = data.runs.map(({ idle, busy }) => [idle, busy])
    expect(sizes).toEqual([
      [10, 0],
      [10, 30],
      [30, 0],
      [30, 30],
    ])
    for (const { idle, busy, drained, clients } of data.runs) {
      expect(clients).toEqual({ answered: idle + busy, lost: 0, ended: idle + busy, reset: 0, open: 0 })
      expect(drained).toMatchObject({ answered: busy, cut: 0 })
      for (const phase of [drained.settle, drained.closing]) {
        expect(phase).toMatchObject({ ms: expect.any(Number), cpu: expect.any(Number) })
        expect(phase.delay.max).toBeGreaterThanOrEqual(phase.delay.p99)
        expect(phase.delay.p99).toBeGreaterThanOrEqual(phase.delay.p50)
      }
    }
    expect(page).toContain('| 30 + 30 |')
    expect(pictures).toEqual([isSvg, isSvg])
  })
})

describe('bench:rehearsal', () => {
  test('rehearses with the given pods and clients, and shows memory, sizes and times', {
    timeout: 180_000,
  }, async () => {
    const args = ['--replicas', '2', '--clients', '8', '--minutes', '0.02', '--lost', '50']
    const { data, page, pictures } = await run<RehearsalData>('rehearsal', ...args)
    expect(data.rehearsed).toEqual([
      expect.objectContaining({ replicas: 2, clients: 8, minutes: 0.02, verdict: expect.any(String) }),
    ])
    for (const { requests, memory, json, page } of data.rehearsed) {
      expect(Math.min(requests, memory, json, page)).toBeGreaterThan(100)
    }
    expect(data.rendered).toEqual([expect.objectContaining({ pods: 2, lost: 50, minutes: 1 })])
    expect(page).toContain('| 2 × 8 | 0.02 |')
    expect(pictures).toEqual([isSvg, isSvg, isSvg, isSvg])
  })
})

describe('bench:lint', () => {
  test('lints the same apps in many namespaces, in one namespace, and with one file each, without a finding', async () => {
    const { data, page, pictures } = await run<LintData>('lint', '--repeats', '1', '--most', '3')
    expect(data.runs.map(({ shape, apps, documents, findings }) => ({ shape, apps, documents, findings }))).toEqual(
      shapes.map((shape) => ({ shape, apps: 3, documents: 12, findings: 0 })),
    )
    for (const { cpu, peak } of data.runs) expect(Math.min(cpu, peak)).toBeGreaterThan(0)
    expect(page).toContain('| 12 | in one namespace |')
    expect(pictures).toEqual([isSvg])
  })
})

describe('a spread', () => {
  test('is the median, the quartiles, and an interval that holds the true median with 95 % confidence', () => {
    const upTo = (count: number) => Array.from({ length: count }, (_, index) => count - index)
    expect(spread(upTo(5))).toEqual({ median: 3, low: 2, high: 4, confidence: undefined, count: 5 })
    expect(spread(upTo(10))).toEqual({ median: 5.5, low: 3.25, high: 7.75, confidence: [2, 9], count: 10 })
    expect(spread(upTo(3500)).confidence).toEqual([1692, 1809])
  })
})
