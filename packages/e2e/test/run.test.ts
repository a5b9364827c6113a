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
  /** The result of a case from its file. */
  result(file: string): Rehearsal
  /** The output so far. */
  output(): string
  readonly end: Promise<{ code: number | null; output: string }>
  kill(signal: NodeJS.Signals): void
}

/** Runs the command against a simulated API. */
async function start(only: string, prepare: (api: Api) => void = () => {}, ...more: string[]): Promise<Run> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-e2e-'))
  const api = new Api()
  prepare(api)
  const config = join(directory, 'config')
  await api.start(config)
  const child = spawn(
    process.execPath,
    [join(__dirname, '..', 'dist', 'main.js'), '--only', only, '--json', directory, '--sweep-after', '1', ...more],
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
  return { api, result, output: () => output, end, kill: (signal) => void child.kill(signal) }
}

const rollout = 'http, httpGet: rolling update, following its cluster without'

describe('a case', () => {
  test('that loses no request is ok, and its namespace is deleted; the credentials come from a plugin', async () => {
    const { api, end } = await start('fastify, exec: rolling update')
    expect(await end).toEqual({
      code: 0,
      output: 'ok      fastify, exec: rolling update: 0 lost of 1000, answered by 6 pods\n1 cases, 0 failed\n',
    })
    expect(api.namespaces.size).toBe(0)
    expect(api.tokens).toEqual(new Set(['Bearer of-a-plugin']))
    expect(api.calls.filter((call) => /^PATCH .*\/deployments\/app$/.test(call))).toHaveLength(1)
  })

  test('that loses a request is not ok, shows warnings of Kubernetes, and its namespace is deleted', async () => {
    const { api, end } = await start('fastify, exec', (cluster) => {
      cluster.lost = { reset: 2 }
    })
    const { code, output } = await end
    expect(code).toBe(1)
    expect(output).toMatch(
      /^not ok {2}fastify, exec: rolling update: lost 2 × reset of 1000\n +Unhealthy: Readiness probe failed\n/,
    )
    expect(api.namespaces.size).toBe(0)
  })

  test('is written in the format of a rehearsal, with the events of the pods, and null for what is unknown', async () => {
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
      summary: {
        requests: 1000,
        lost: 2,
        eventLoopDelayMs: null,
        loadEventLoopDelayMs: 3,
        killed: 3,
        exits: { SIGKILL: 3 },
      },
    })
    expect(Object.keys(known.summary.oldPodsGoneAfterMs.each)).toEqual(['app-1', 'app-2', 'app-3'])
    expect(known.summary.diagnoses).toMatchObject([{ kind: 'unknown pod', count: 2, cause: 'reset' }])
    expect(known.events.map(({ t }) => t)).toEqual(known.events.map(({ t }) => t).toSorted((a, b) => a - b))
    expect(renderPage([known])).toContain('unknown')
    expect(renderPage([known, known], { compare: true })).toContain('Kubernetes v1.35.0')
  })

  test('whose load ends too early is not ok, and says so', async () => {
    const { end } = await start('fastify, exec', (api) => {
      api.endsLoadEarly = true
    })
    const { code, output } = await end
    expect(code).toBe(1)
    expect(output).toContain('the load of 90 s ended before the rolling update did: pass a longer --seconds')
  })

  test('that lacks a permission names the permission', async () => {
    const { api, end } = await start('rollout restart', (cluster) => {
      cluster.refused = /^POST .*\/poddisruptionbudgets$/
    })
    const { code, output } = await end
    expect(code).toBe(1)
    expect(output).toMatch(/cannot create PodDisruptionBudget app: the API says 403: .* is forbidden/)
    expect(api.namespaces.size).toBe(0)
  })

  test('whose namespace cannot be deleted names the namespace', async () => {
    const { end } = await start('rollout restart', (api) => {
      api.refused = /^DELETE /
    })
    expect((await end).output).toMatch(/^Namespace podrain-e2e-\w+-may-i is left as it is: the API says 403/)
  })

  test('that is interrupted deletes its namespace', async () => {
    const { api, end, kill } = await start(rollout) // waits for a log line of the pods that never comes
    await expect.poll(() => api.calls.filter((call) => call.endsWith('/log')).length).toBeGreaterThan(0)
    expect(api.namespaces.size).toBe(1)
    kill('SIGINT')
    expect(await end).toEqual({ code: 130, output: 'SIGINT: cleaning up\n' })
    expect(api.namespaces.size).toBe(0)
  })
})

describe('the case of a node drain', () => {
  const name = 'http, none: node drain'
  const cordons = ({ calls }: Api): number => calls.filter((call) => call === 'PATCH /api/v1/nodes/node-1').length

  test('evicts one pod after the other, as the PodDisruptionBudget allows, and uncordons the node', async () => {
    const { api, end } = await start(name, (cluster) => {
      cluster.nodes = [{ name: 'node-1' }, { name: 'node-2' }]
      cluster.later = { call: /\/app-2\/eviction$/, times: 2 }
    })
    expect(await end).toMatchObject({ code: 0 })
    expect(api.calls.filter((call) => call.endsWith('/eviction'))).toHaveLength(5)
    expect(cordons(api)).toBe(2)
    expect(api.nodes[0]?.annotations).toEqual({ 'podrain-e2e/cordoned': null })
    expect(api.unschedulable).toEqual(new Set())
  })

  test('does not cordon the only node for pods, beside a control plane', async () => {
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

describe('the cases with other workloads, proxies and Services', () => {
  test.each([
    ['http, httpGet: rolling update of a StatefulSet', /^PATCH .*\/statefulsets\/app$/],
    ['express, httpGet: rolling update of 10 replicas', /^PATCH .*\/deployments\/app$/],
    ['http, none: rolling update behind nginx', /^GET .*\/deployments\/proxy$/],
    ['http, httpGet: rolling update with several Services, following', /^POST .*\/rolebindings$/],
  ])('%s', async (name, call) => {
    const { api, end } = await start(name)
    expect(await end).toMatchObject({ code: 0, output: expect.stringContaining(`ok      ${name}`) })
    expect(api.calls.some((each) => call.test(each))).toBe(true)
  })

  test('fail if a termination message is not JSON in one line', async () => {
    const { end } = await start('nestjs, httpGet', (api) => {
      api.terminationMessage = 'Error: it crashed\n    at main'
    })
    expect((await end).output).toContain('a termination message that is not JSON in one line: Error: it crashed')
  })

  test('pass if the termination message is the outcome of a drain', async () => {
    const { end } = await start('nestjs, httpGet', (api) => {
      api.terminationMessage = '{"podrain":1,"clean":true}\n'
    })
    expect(await end).toMatchObject({ code: 0 })
  })
})

test('all missing permissions are listed before the first case', async () => {
  const { api, end } = await start('node drain', (cluster) => {
    for (const each of ['patch nodes', 'create pods', 'list events']) cluster.forbidden.add(each)
  })
  expect(await end).toEqual({
    code: 1,
    output: 'Nothing was tested: the account may not list events, create pods/eviction, patch nodes\n',
  })
  expect(api.namespaces.size).toBe(0)
})

test('an account that may not create namespaces gets only that error', async () => {
  const { end } = await start('node drain', (api) => {
    api.refused = /^(POST|DELETE) /
  })
  expect(await end).toEqual({
    code: 1,
    output: expect.stringMatching(
      /^Nothing was tested: cannot create Namespace podrain-e2e-\w+-may-i: the API says 403: .*\n$/,
    ),
  })
})

describe('the objects of an earlier run', () => {
  const dead = {
    name: 'podrain-e2e-dead-3',
    labels: { 'podrain-e2e/run': 'dead' },
    annotations: { 'podrain-e2e/heartbeat': '1' },
  }
  const alive = {
    name: 'podrain-e2e-live-0',
    labels: { 'podrain-e2e/run': 'live' },
    annotations: { 'podrain-e2e/heartbeat': '1' },
  }
  const cordonedBy = (run: string) => ({ 'podrain-e2e/cordoned': JSON.stringify({ run, host: 'a' }) })
  const leave = (api: Api): void => {
    api.namespaces.set(dead.name, dead).set(alive.name, alive)
    api.nodes = [
      { name: 'node-1', annotations: cordonedBy('dead') },
      { name: 'node-2', annotations: cordonedBy('live') },
      { name: 'node-3' },
    ]
    for (const { name } of api.nodes) api.unschedulable.add(name)
    let beats = 1
    api.onList = () => {
      api.namespaces.set(alive.name, { ...alive, annotations: { 'podrain-e2e/heartbeat': String(beats++) } })
    }
  }

  test('are removed by `--sweep`, except those of a run that is alive', async () => {
    const { api, end } = await start('', leave, '--sweep')
    const { code, output } = await end
    expect(output).toContain('Namespace podrain-e2e-dead-3 of run dead is removed\n')
    expect(output).toContain('Node node-1 can be used again: run dead had cordoned it\n')
    expect(output).toContain('Run live is alive, so its objects stay\n')
    expect(code).toBe(0)
    expect([...api.namespaces.keys()]).toEqual([alive.name])
    expect(api.unschedulable).toEqual(new Set(['node-2', 'node-3']))
    expect(api.calls.filter((call) => call.startsWith('POST'))).toEqual([])
  })

  test('are removed before the first case', async () => {
    const { api, end } = await start('fastify, exec', leave)
    expect(await end).toMatchObject({ code: 0, output: expect.stringContaining('1 cases, 0 failed') })
    expect([...api.namespaces.keys()]).toEqual([alive.name])
  })

  test('are named if they cannot be removed, and the sweep fails', async () => {
    const { end } = await start(
      '',
      (api) => {
        leave(api)
        api.refused = /^DELETE /
      },
      '--sweep',
    )
    const { code, output } = await end
    expect(output).toContain('Namespace podrain-e2e-dead-3 of run dead is left as it is: the API says 403')
    expect(code).toBe(1)
  })
})

test('a run labels its namespace, and changes its heartbeat while it is alive', async () => {
  const { api, kill, end } = await start(rollout)
  await expect.poll(() => [...api.namespaces.keys()].some((name) => name.endsWith('-0'))).toBe(true)
  const [metadata] = api.namespaces.values()
  const { name = '', labels, annotations } = metadata ?? {}
  expect(name).toBe(`podrain-e2e-${labels?.['podrain-e2e/run']}-0`)
  const first = annotations?.['podrain-e2e/heartbeat']
  await expect.poll(() => api.namespaces.get(name)?.annotations?.['podrain-e2e/heartbeat']).not.toBe(first)
  kill('SIGHUP')
  expect(await end).toEqual({ code: 129, output: 'SIGHUP: cleaning up\n' })
  expect(api.namespaces.size).toBe(0)
})

test('a second Ctrl-C does not stop the clean-up; a third one does', async () => {
  const { api, kill, end, output } = await start(rollout)
  await expect.poll(() => api.calls.filter((call) => call.endsWith('/log')).length).toBeGreaterThan(0)
  api.silent = /^DELETE /
  kill('SIGINT')
  await expect.poll(output).toContain('SIGINT: cleaning up')
  kill('SIGINT')
  await expect.poll(output).toContain('still cleaning up; a third signal exits now and leaves the rest to the next run')
  kill('SIGINT')
  expect(await end).toMatchObject({ code: 130 })
})
