import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Rehearsal, renderPage } from '@podrain/rehearsal'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Api } from './api.js'

interface Run {
  readonly api: Api
  /** What came of the case, as it was written to a file. */
  result(file: string): Rehearsal
  readonly end: Promise<{ code: number | null; output: string }>
  kill(signal: NodeJS.Signals): void
}

/** The suite, with a cluster that is made of an API only. */
async function start(only: string, prepare: (api: Api) => void = () => {}): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-e2e-'))
  const api = new Api()
  prepare(api)
  const config = join(directory, 'config')
  await api.start(config)
  const child = spawn(
    process.execPath,
    [join(__dirname, '..', 'dist', 'main.js'), '--only', only, '--json', directory],
    {
      env: { ...process.env, KUBECONFIG: config },
    },
  )
  onTestFinished(() => {
    child.kill('SIGKILL')
    api.stop()
    rmSync(directory, { recursive: true })
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (piece) => {
      output += piece
    })
  }
  const end = once(child, 'close').then(([code]) => ({ code, output }))
  const result = (file: string): Rehearsal => JSON.parse(readFileSync(join(directory, file), 'utf8'))
  return { api, result, end, kill: (signal) => void child.kill(signal) }
}

const rollout = 'http, httpGet: rolling update, following its cluster without'

describe('a case', () => {
  test('in which nothing is lost is ok, and its namespace goes; a plugin tells who asks', async () => {
    const { api, end } = await start('fastify, exec: rolling update')
    expect(await end).toEqual({
      code: 0,
      output: 'ok      fastify, exec: rolling update: 0 lost of 1000, answered by 6 pods\n1 cases, 0 failed\n',
    })
    expect(api.namespaces).toEqual(new Set())
    expect(api.tokens).toEqual(new Set(['Bearer of-a-plugin']))
    expect(api.calls.filter((call) => /^PATCH .*\/deployments\/app$/.test(call))).toHaveLength(1)
  })

  test('in which something is lost is not, with what Kubernetes has warned of; its namespace goes all the same', async () => {
    const { api, end } = await start('fastify, exec', (cluster) => {
      cluster.lost = { reset: 2 }
    })
    const { code, output } = await end
    expect(code).toBe(1)
    expect(output).toMatch(
      /^not ok {2}fastify, exec: rolling update: lost 2 × reset of 1000\n +Unhealthy: Readiness probe failed\n/,
    )
    expect(api.namespaces).toEqual(new Set())
  })

  test('is written as a rehearsal would be, with what happened to the pods, and null for what is unknown', async () => {
    const { result, end } = await start('fastify, exec: rolling update', (cluster) => {
      cluster.lost = { reset: 2 }
      cluster.exitCode = 137
    })
    await end
    const known = result('fastify-exec-rolling-update.json')
    expect(known).toMatchObject({
      format: 2,
      incomplete: null,
      options: { cluster: 'Kubernetes v1.35.0', scenario: 'rollout', endpointLag: null, replicas: 3, port: 8080 },
      summary: { requests: 1000, lost: 2, heldUpMs: null, loadHeldUpMs: 3, killed: 3, exits: { SIGKILL: 3 } },
    })
    expect(Object.keys(known.summary.oldPodsGoneAfterMs.each)).toEqual(['app-1', 'app-2', 'app-3'])
    expect(known.summary.diagnoses).toMatchObject([{ kind: 'unknown pod', count: 2, cause: 'reset' }])
    expect(known.events.map(({ t }) => t)).toEqual(known.events.map(({ t }) => t).toSorted((a, b) => a - b))
    expect(renderPage([known])).toContain('unknown')
    expect(renderPage([known, known], { compare: true })).toContain('Kubernetes v1.35.0')
  })

  test('whose load was over too soon proves nothing, and says so', async () => {
    const { end } = await start('fastify, exec', (api) => {
      api.hasty = true
    })
    const { code, output } = await end
    expect(code).toBe(1)
    expect(output).toContain('the load of 90 s was over before it had happened: try a longer --seconds')
  })

  test('that the account may not run says what it may not', async () => {
    const { api, end } = await start('rollout restart', (cluster) => {
      cluster.refused = /^POST .*\/poddisruptionbudgets$/
    })
    const { code, output } = await end
    expect(code).toBe(1)
    expect(output).toMatch(/cannot create PodDisruptionBudget app: the API says 403: .* is forbidden/)
    expect(api.namespaces).toEqual(new Set())
  })

  test('whose namespace cannot be removed says what is left', async () => {
    const { end } = await start('rollout restart', (api) => {
      api.refused = /^DELETE /
    })
    expect((await end).output).toMatch(/^Namespace podrain-e2e-\d+-0 is left as it is: the API says 403/)
  })

  test('that is interrupted is cleaned up', async () => {
    const { api, end, kill } = await start(rollout) // waits for a line in the log of the pods, which never comes
    await expect.poll(() => api.calls.filter((call) => call.endsWith('/log')).length).toBeGreaterThan(0)
    expect(api.namespaces.size).toBe(1)
    kill('SIGINT')
    expect(await end).toEqual({ code: 130, output: 'SIGINT: cleaning up\n' })
    expect(api.namespaces).toEqual(new Set())
  })
})

describe('the case of a node that is drained', () => {
  const name = 'http, none: node drain'
  const cordons = ({ calls }: Api): number => calls.filter((call) => call === 'PATCH /api/v1/nodes/node-1').length

  test('evicts one pod after the other, as the budget allows, and the node may be used again', async () => {
    const { api, end } = await start(name, (cluster) => {
      cluster.nodes = [{ name: 'node-1' }, { name: 'node-2' }]
      cluster.later = { call: /\/app-2\/eviction$/, times: 2 }
    })
    expect(await end).toMatchObject({ code: 0 })
    expect(api.calls.filter((call) => call.endsWith('/eviction'))).toHaveLength(5)
    expect(cordons(api)).toBe(2)
    expect(api.unschedulable).toEqual(new Set())
  })

  test('leaves a node alone that is the only one for pods, beside a control plane', async () => {
    const { api, end } = await start(name, (cluster) => {
      cluster.nodes = [
        { name: 'node-1' },
        { name: 'control', taints: [{ key: 'control-plane', effect: 'NoSchedule' }] },
      ]
    })
    expect(await end).toMatchObject({ code: 0 })
    expect(cordons(api)).toBe(0)
  })
})
