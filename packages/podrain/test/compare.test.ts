import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sampleRehearsal } from '../../rehearsal/test/sample.js'
import { directory, podrain } from './support.js'

/** Two results: one with losses, one in which nothing was lost. */
async function results() {
  const at = await directory()
  const bad = sampleRehearsal('server.js')
  const good = {
    ...bad,
    events: bad.events.filter(({ type }) => type !== 'lost'),
    summary: { ...bad.summary, lost: 0, lostByCause: {}, diagnoses: [] },
  }
  const files = { bad: join(at, 'bad.json'), good: join(at, 'good.json'), html: join(at, 'page.html') }
  await writeFile(files.bad, JSON.stringify(bad))
  await writeFile(files.good, JSON.stringify(good))
  return { ...files, lost: bad.summary.lost }
}

describe.concurrent('podrain compare', () => {
  test('shows both results, and writes them side by side', async () => {
    const { bad, good, html, lost } = await results()
    const { code, stdout, stderr } = await podrain(['compare', bad, good, '--html', html])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/Lost before: 6 of 172 \(3\.49 %\), after: 0 of 172 \(0\.00 %\)\.\nPage: /)
    expect(lost).toBe(6)
    expect(stdout).toMatch(/│ before +│/)
    expect(stdout).toMatch(/│ after +│/)
    expect(await readFile(html, 'utf8')).toContain('Before and after')
  })

  test('compares a run on a cluster with a rehearsal, and names the options that the run does not contain', async () => {
    const { bad, good, html } = await results()
    const rehearsed = JSON.parse(await readFile(bad, 'utf8'))
    const unknown = {
      scenario: null,
      cwd: null,
      endpointLag: null,
      startDelay: null,
      startupTimeout: null,
      timeout: null,
      maxRequests: null,
    }
    // Nobody was allowed to watch the pods.
    const events = rehearsed.events.filter(
      ({ type }: { type: string }) => !/^(?:pod|hook|sig|container|endpoints)/.test(type),
    )
    const summary = {
      ...rehearsed.summary,
      eventLoopDelayMs: null,
      oldPodsGoneAfterMs: { max: 0, each: {} },
      exits: {},
    }
    const cluster = {
      ...rehearsed,
      events,
      summary,
      options: { ...rehearsed.options, ...unknown, cluster: 'Kubernetes v1.35.0' },
    }
    await writeFile(good, JSON.stringify(cluster))
    const { code, stdout, stderr } = await podrain(['compare', good, bad, '--html', html])
    expect(stderr).toBe('')
    expect(code).toBe(0)
    expect(stdout).toMatch(/│ before │.*│ +unknown │ unknown +│/)
    expect(stdout).toContain(
      `A result from a cluster does not contain: ${Object.keys(unknown).join(', ')}. These options were not compared.`,
    )
    expect(stdout).not.toContain('The rehearsals had different options')
    const page = await readFile(html, 'utf8')
    expect(page).toContain('<td class="number">Kubernetes v1.35.0</td><td class="number">rehearsed</td>')
    expect(page).toContain('<dd>unknown, 34 ms</dd>')
  })

  test('exits with 1 when it has become worse', async () => {
    const { bad, good } = await results()
    expect((await podrain(['compare', good, bad])).code).toBe(1)
    expect((await podrain(['compare', bad, bad])).code).toBe(0)
  })

  test('says which file is of another version', async () => {
    const { good, html } = await results()
    await writeFile(html, '{"format":1,"summary":{"lost":0},"events":[],"samples":[]}')
    const { code, stderr } = await podrain(['compare', good, html])
    expect(code).toBe(2)
    expect(stderr).toBe(`error: ${html} was written by another version of podrain: it has format 1, expected 2\n`)
  })

  test('says which file is no result', async () => {
    const { good, html } = await results()
    await writeFile(html, '{"runs":[]}')
    const { code, stderr } = await podrain(['compare', good, html])
    expect(code).toBe(2)
    expect(stderr).toBe(`error: ${html} is not what \`podrain rehearse --json FILE\` writes\n`)
  })
})
