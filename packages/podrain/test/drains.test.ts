import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { podrain } from './support.js'

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString()
const startedAt = ago(10)
const message = (outcome: object) =>
  `${JSON.stringify({ by: 'podrain', reason: 'SIGTERM', startedAt, durationMs: 25_040, ...outcome })}\n`
const cut = { outcome: 'cut', cutCount: 7, cut: ['GET /export (24.9 s)'] }

function podOf(name: string, terminated: object, last = false) {
  const status = { name: 'app', ...(last ? { lastState: { terminated } } : { state: { terminated } }) }
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels: { app: 'web' } },
    status: { containerStatuses: [status, {}] },
  }
}

const pods = [
  podOf('web-1', { exitCode: 1, reason: 'Error', finishedAt: ago(9), message: message(cut) }, true),
  podOf('web-2', {
    exitCode: 137,
    reason: 'Error',
    finishedAt: ago(8),
    message: message({ outcome: 'draining', inFlight: 1, waitingFor: ['GET /feed (3.0 s)'] }),
  }),
  podOf('web-3', { exitCode: 137, reason: 'OOMKilled', finishedAt: ago(7) }),
  podOf('web-4', { exitCode: 137, reason: 'Error', finishedAt: ago(6) }),
  podOf('web-5', { exitCode: 1, reason: 'Error', finishedAt: ago(5), message: 'out of licences' }),
  podOf('web-6', { exitCode: 0, reason: 'Completed', finishedAt: ago(300), message: message({ outcome: 'drained' }) }),
  { metadata: { name: 'web-7' } },
]

const eventOf = (pod: string, outcome: string) => ({
  apiVersion: 'events.k8s.io/v1',
  kind: 'Event',
  metadata: { name: `${pod}.1`, labels: { app: 'web' }, annotations: { 'podrain/outcome': outcome } },
  eventTime: ago(4),
  regarding: { kind: 'Pod', name: pod },
})
const events = [
  eventOf('web-1', message(cut)),
  eventOf('web-gone', message({ outcome: 'closed early', closedEarly: ['server.js:7:3'] })),
  eventOf('other', 'no JSON'),
  { metadata: { name: 'of-the-scheduler' } },
]

const list = (items: readonly object[]) => ({ apiVersion: 'v1', kind: 'List', metadata: {}, items })

function directory(): string {
  const made = mkdtempSync(join(tmpdir(), 'podrain-drains-'))
  onTestFinished(() => rmSync(made, { recursive: true }))
  return made
}

/** A kubectl that answers as told, and writes down what it was asked. */
function stub(answers: { pods?: object; events?: object }): { path: string; calls: string } {
  const path = join(directory(), 'kubectl')
  const calls = `${path}.calls`
  const script = `#!${process.execPath}
const args = process.argv.slice(2)
require('fs').appendFileSync(${JSON.stringify(calls)}, args.join(' ') + '\\n')
const { pods, events } = ${JSON.stringify(answers)}
const answer = { pods, 'events.v1.events.k8s.io': events }[args[1]]
if (answer) console.log(JSON.stringify(answer))
else { console.error('Error from server (Forbidden): ' + args[1] + ' is forbidden'); process.exit(1) }
`
  writeFileSync(path, script, { mode: 0o755 })
  return { path, calls }
}

test('lists what messages and Events tell, the newest first, each drain once', async () => {
  const { path } = stub({ pods: list(pods), events: list(events) })
  const { code, stdout } = await podrain(['drains', '--kubectl', path])
  expect(code).toBe(0)
  const lines = stdout.trimEnd().split('\n')
  expect(lines.map((line) => line.split(/ {2,}/).filter((_, column) => column !== 1))).toEqual([
    ['POD', 'TOOK', 'OUTCOME', 'EXIT', 'WHAT'],
    ['web-gone', '25.0 s', 'closed early', '-', 'closed early at server.js:7:3'],
    ['web-4/app', '-', 'killed', '137', 'SIGKILL, without a message of podrain'],
    ['web-3/app', '-', 'killed', '137', 'out of memory'],
    ['web-2/app', '25.0 s', 'draining', '137', 'killed meanwhile; waited for GET /feed (3.0 s)'],
    ['web-1/app', '25.0 s', 'cut', '1', 'cut 7: GET /export (24.9 s), …'],
    ['web-6/app', '25.0 s', 'drained', '0'],
  ])
})

test('leaves out what ended before --since, and gives JSON', async () => {
  const { path } = stub({ pods: list(pods), events: list([]) })
  const { stdout } = await podrain(['drains', 'pod/web-6', '--since', '1h', '--json', '--kubectl', path])
  const { drains, hints } = JSON.parse(stdout)
  expect(drains).toHaveLength(4)
  expect(drains[3]).toMatchObject({ pod: 'web-1', container: 'app', exitCode: 1, ...cut, from: 'message' })
  expect(hints).toEqual([expect.stringContaining('The option `events` of @podrain/kubernetes')])
})

test('lists a container whose end the kubelet does not know, first and even with --since', async () => {
  const unknown = { exitCode: 137, reason: 'ContainerStatusUnknown', startedAt: null, finishedAt: null }
  const { path } = stub({ pods: list([...pods, podOf('web-8', unknown)]), events: list([]) })
  const { stdout } = await podrain(['drains', '--since', '1h', '--kubectl', path])
  expect(stdout.split('\n')[1]).toMatch(/^web-8\/app +- +- +killed +137 /)
})

test('removes control characters that a pod has written', async () => {
  const forged = message({ outcome: 'cut', error: 'Error: \u001b[2J\u009b2J\nweb-9/app drained\u202e' })
  const { path } = stub({ pods: list([podOf('web-1', { exitCode: 1, finishedAt: ago(1), message: forged })]) })
  const { stdout } = await podrain(['drains', '--kubectl', path])
  expect(stdout).toContain('Error: \ufffd[2J\ufffd2J\ufffdweb-9/app drained\ufffd\n')
})

test('goes on without Events that it may not read, and says so', async () => {
  const { path } = stub({ pods: list([]) })
  const { code, stdout } = await podrain(['drains', '--kubectl', path])
  expect(code).toBe(0)
  expect(stdout).toContain('No drain is known.')
  expect(stdout).toMatch(/Events could not be read, .*events\.v1\.events\.k8s\.io is forbidden/)
})

test('ends with 2 and the error of kubectl, where that is missing or fails', async () => {
  const missing = await podrain(['drains', '--kubectl', '/nowhere/kubectl'])
  expect(missing).toMatchObject({ code: 2, stderr: expect.stringContaining('/nowhere/kubectl was not found') })
  const failing = await podrain(['drains', '--kubectl', stub({}).path])
  expect(failing).toMatchObject({ code: 2, stderr: expect.stringContaining('pods is forbidden') })
  const wrong = await podrain(['drains', 'service/web'])
  expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('deployment/NAME') })
})

const hasKubectl = spawnSync('kubectl', ['version', '--client']).error === undefined

test.runIf(hasKubectl)('asks a real kubectl for the pods and Events of a Deployment, by its selector', async () => {
  const asked: string[] = []
  const resources = (groupVersion: string, ...names: [name: string, kind: string][]) => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion,
    resources: names.map(([name, kind]) => ({
      name,
      kind,
      namespaced: true,
      verbs: ['get', 'list'],
      singularName: '',
    })),
  })
  const group = (name: string) => {
    const version = { groupVersion: `${name}/v1`, version: 'v1' }
    return { name, versions: [version], preferredVersion: version }
  }
  const selector = {
    matchLabels: { app: 'web' },
    matchExpressions: [{ key: 'tier', operator: 'In', values: ['a', 'b'] }],
  }
  const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { selector } }
  const answers: Record<string, object> = {
    '/api': { kind: 'APIVersions', versions: ['v1'] },
    '/apis': { kind: 'APIGroupList', apiVersion: 'v1', groups: [group('apps'), group('events.k8s.io')] },
    '/api/v1': resources('v1', ['pods', 'Pod']),
    '/apis/apps/v1': resources('apps/v1', ['deployments', 'Deployment']),
    '/apis/events.k8s.io/v1': resources('events.k8s.io/v1', ['events', 'Event']),
    '/apis/apps/v1/namespaces/shop/deployments/web': deployment,
    '/api/v1/namespaces/shop/pods': { ...list(pods), kind: 'PodList' },
    '/apis/events.k8s.io/v1/namespaces/shop/events': {
      ...list(events),
      apiVersion: 'events.k8s.io/v1',
      kind: 'EventList',
    },
  }
  const server = createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://api')
    if (searchParams.has('labelSelector')) asked.push(`${pathname} ${searchParams.get('labelSelector')}`)
    const answer = answers[pathname]
    response.setHeader('content-type', 'application/json')
    response.writeHead(answer ? 200 : 404).end(JSON.stringify(answer ?? { kind: 'Status', code: 404 }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const home = directory()
  const { port } = server.address() as AddressInfo
  writeFileSync(
    join(home, 'config'),
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'fake', cluster: { server: `http://127.0.0.1:${port}` } }],
      contexts: [{ name: 'fake', context: { cluster: 'fake', user: '' } }],
    }),
  )
  const env = { HOME: home, KUBECONFIG: join(home, 'config') }
  const { code, stdout, stderr } = await podrain(['drains', 'deploy/web', '-n', 'shop', '--context', 'fake'], env)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^web-gone .*closed early at server\.js:7:3$/m)
  expect(stdout).toMatch(/^web-1\/app .*cut 7: GET \/export/m)
  const labels = 'app=web,tier in (a,b)'
  expect(asked).toEqual([
    `/api/v1/namespaces/shop/pods ${labels}`,
    `/apis/events.k8s.io/v1/namespaces/shop/events ${labels}`,
  ])
})
