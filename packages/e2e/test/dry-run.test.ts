import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import { clientKinds, type Rehearsal } from '@podrain/rehearsal'
import { describe, expect, onTestFinished, test } from 'vitest'
import { bundle, largest } from '../dist/bundles.js'
import { cases, frameworks, hooks } from '../dist/cases.js'
import { clients } from '../dist/clients.js'
import type { PodSpec } from '../dist/containers.js'
import { dryRun } from '../dist/dry-run.js'
import { objectsOf } from '../dist/objects.js'
import { read } from '../dist/report.js'
import { expectNothingLost } from '../dist/run.js'
import { problems } from '../dist/schema.js'

const main = join(__dirname, '..', 'dist', 'main.js')

async function command(args: string[], kubeconfig?: string): Promise<{ code: number; output: string }> {
  const { KUBECONFIG: _, ...env } = process.env
  const given = kubeconfig === undefined ? env : { ...env, KUBECONFIG: kubeconfig }
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [main, ...args], { env: given })
    return { code: 0, output: stdout }
  } catch (error) {
    const { code, stdout } = error as { code: number; stdout: string }
    return { code, output: stdout }
  }
}

const everyFrameworkAndHook: string[] = frameworks.flatMap((app) =>
  hooks.map((hook) => `${app}, ${hook}: rolling update`),
)

/** All programs that are bundled. */
const programs = [...frameworks, 'own-handler', 'nestjs', 'plain', 'auto', 'proxy', 'load', 'podrain-prestop']

describe('without a cluster', () => {
  test('the command says that nothing was tested, and exits with 0', async () => {
    expect(await command([])).toEqual({
      code: 0,
      output: expect.stringMatching(/^Nothing was tested: KUBECONFIG is not set/),
    })
  })

  test('a KUBECONFIG that does not exist makes the command exit with 1', async () => {
    expect(await command([], '/nowhere/config')).toEqual({
      code: 1,
      output: expect.stringContaining('there is no such file'),
    })
  })

  test('a dry run lists every case, and each of its objects is valid', async () => {
    const { code, output } = await command(['--dry-run'])
    for (const { name } of cases) expect(output).toContain(`ok  ${name} (Namespace, NetworkPolicy, ConfigMap`)
    expect(output).toContain(`${cases.length} cases, 0 with objects that are not valid. Nothing was run.`)
    expect(code).toBe(0)
  })
})

describe('the cases', () => {
  test('are every framework with every kind of hook, and every other way in which pods end', () => {
    expect(cases.map(({ name }) => name)).toEqual(expect.arrayContaining(everyFrameworkAndHook))
    const others = new Set(cases.map(({ happening, following }) => `${happening} ${following}`))
    for (const other of ['rollout restart no', 'node drain no', 'liveness kill no', 'rolling update denied']) {
      expect(others).toContain(other)
    }
    expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
  })

  test('are all listed in the README', () => {
    const page = readFileSync(join(__dirname, '..', 'README.md'), 'utf8')
    const [, table = ''] = /<!-- cases -->\n([\s\S]*?)<!-- \/cases -->/.exec(page) ?? []
    const [, , every = '', ...others] = table.trim().split('\n')
    const caseOf = (row: string): string => row.split('|')[1]?.trim() ?? ''
    for (const name of [...frameworks, ...hooks]) expect(every).toContain(`\`${name}\``)
    const rest = cases.filter(({ name }) => !everyFrameworkAndHook.includes(name))
    expect(others.map(caseOf).toSorted()).toEqual(rest.map(({ name }) => name).toSorted())
  })

  test('are divided by --shard, so that each case is in exactly one part', async () => {
    const names = async (shard: string): Promise<string[]> => {
      const { output } = await command(['--dry-run', '--shard', shard])
      return output.split('\n').flatMap((line) => /^ok {2}(.*) \(/.exec(line)?.[1] ?? [])
    }
    const parts = await Promise.all(['1/3', '2/3', '3/3'].map(names))
    expect(parts.flat().toSorted()).toEqual(cases.map(({ name }) => name).toSorted())
    expect(await command(['--shard', '4/3'])).toMatchObject({
      code: 1,
      output: 'Nothing was tested: Expected --shard to be such as 1/3, got 4/3\n',
    })
  })

  test('are without nginx if `--proxy-image none` is passed', async () => {
    const { output } = await command(['--dry-run', '--proxy-image', 'none', '--only', 'behind'])
    expect(output).toContain('behind a proxy of Node')
    expect(output).not.toContain('nginx')
  })

  test('have only pods that a namespace with Pod Security `restricted` and a ResourceQuota admits', () => {
    const settings = { namespace: 'a', image: 'node', proxyImage: 'nginx', user: 1000, seconds: 1 }
    const objects = cases.flatMap((each) => objectsOf(each, { ...settings, run: { id: 'a', host: 'a' } }, () => ''))
    const pods = objects.flatMap((object) => {
      const { spec } = object as { spec?: { template?: { spec: PodSpec } } }
      return spec?.template ? [spec.template.spec] : []
    })
    expect(pods.length).toBeGreaterThan(cases.length)
    for (const { containers, volumes } of pods) {
      for (const { securityContext, resources } of containers) {
        // https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted
        expect(securityContext).toMatchObject({
          runAsNonRoot: true,
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ['ALL'] },
          seccompProfile: { type: 'RuntimeDefault' },
        })
        for (const amounts of [resources?.requests, resources?.limits])
          expect(Object.keys(amounts ?? {}).toSorted()).toEqual(['cpu', 'memory'])
      }
      for (const volume of volumes ?? []) expect('configMap' in volume || 'emptyDir' in volume).toBe(true)
    }
  })

  test('have programs that fit into ConfigMaps', () => {
    for (const name of programs) expect(bundle(name).length).toBeLessThan(largest)
  })

  test('are reported by a dry run if an object is not valid', () => {
    const settings = { namespace: 'Not A Name', image: 1 as never, proxyImage: '', user: null, seconds: 1 }
    const bad = dryRun(cases, { ...settings, run: { id: 'a', host: 'a' } }, () => '')
    expect(bad.every((each) => each.problems.length > 0)).toBe(true)
  })

  interface Outcome {
    readonly requests: number
    readonly pods: number
    readonly lost?: number
    readonly background?: number
    readonly warnings?: readonly string[]
    readonly hook?: string
  }

  test.each<[Outcome, string]>([
    [{ requests: 10, lost: 2, pods: 3 }, 'lost 2 × reset of 10'],
    [{ requests: 10, background: 2, pods: 3 }, 'lost 2 of 10 before the pods were disrupted, or in the same way later'],
    [{ requests: 10, pods: 3, warnings: ['Too busy.'] }, 'Too busy.'],
    [{ requests: 0, pods: 0 }, 'the clients sent no requests'],
    [{ requests: 10, pods: 1 }, 'no pod was replaced under load'],
    [{ requests: 10, pods: 3, hook: 'PreStopHook failed' }, 'hooks failed: PreStopHook failed'],
  ])('fail with %j', ({ requests, lost = 0, background = 0, pods, warnings = [], hook }, message) => {
    const verdict = warnings.length > 0 ? 'inconclusive' : 'clean'
    const lostByCause = lost > 0 ? { reset: lost } : {}
    const answered = Object.fromEntries(Array.from({ length: pods }, (_, pod) => [`app-${pod}`, 1]))
    const result = {
      summary: { requests, lost, lostByCause, background, verdict, warnings },
      events: hook === undefined ? [] : [{ type: 'hook-failed', message: hook }],
      samples: [{ answered }],
    } as unknown as Rehearsal
    expect(() => expectNothingLost(result)).toThrow(message)
  })
})

describe('the schemas', () => {
  const pod = (container: object): ReturnType<typeof problems> =>
    problems({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a' },
      spec: { containers: [{ name: 'a', ...container }] },
    } as never)

  test.each([
    [{ image: 'node' }, []],
    [{ ports: [{ containerPort: '80' }] }, [expect.stringContaining('containerPort must be integer')]],
    [
      { lifecycle: { preStop: { httpget: { path: '/prestop' } } } },
      ['spec.containers.0.lifecycle.preStop.httpget is unknown'],
    ],
    [{ env: [{ name: 'A', value: 'b' }], resources: { limits: { memory: '1Gi' } } }, []],
  ])('find in a container with %j the problems %j', (container, found) => {
    expect(pod(container)).toEqual(found)
  })

  test('return undefined for a kind without a schema', () => {
    expect(problems({ apiVersion: 'example.com/v1', kind: 'Task', metadata: { name: 'a' } })).toBeUndefined()
    expect(problems({ apiVersion: 'apps/v1', kind: 'Deploymnt', metadata: { name: 'a' } })).toBeUndefined()
  })
})

interface App {
  readonly directory: string
  readonly port: string | undefined
  readonly exit: Promise<unknown[]>
  kill(signal: NodeJS.Signals): void
}

/** Starts the bundle of an app, as a pod does. */
async function launch(program: string, env: Record<string, string> = {}): Promise<App> {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-e2e-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  for (const name of [program, 'auto', 'load', 'podrain-prestop'])
    writeFileSync(join(directory, `${name}.js`), bundle(name))
  const preload = program === 'plain' ? ['--import', join(directory, 'auto.js')] : []
  const app = spawn(process.execPath, [...preload, join(directory, `${program}.js`)], {
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', HOSTNAME: 'pod-1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void app.kill('SIGKILL'))
  const exit = once(app, 'exit')
  let port: string | undefined
  for await (const line of createInterface({ input: app.stdout })) {
    port = /^listening .*port: (\d+)/.exec(line)?.[1]
    if (port) break
  }
  return { directory, port, exit, kill: (signal) => void app.kill(signal) }
}

describe.each([...frameworks, 'own-handler', 'nestjs', 'plain'])('the app %s, as it is on the cluster,', (program) => {
  test('answers every request of the load, and drains on SIGTERM', async () => {
    const { directory, port, exit, kill } = await launch(program)
    const asked = { ...process.env, TARGETS: `http://127.0.0.1:${port}`, SECONDS: '2', ONCE: '/die' }
    const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'load.js')], { env: asked })
    expect(stdout.length).toBeLessThan(largest)
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThan(16_384)
    const { events, samples } = read(stdout)
    expect(events).toEqual([expect.objectContaining({ type: 'load-end', eventLoopDelayMs: null })])
    const [end] = events
    const requests = end?.type === 'load-end' ? end.requests : undefined
    for (const kind of clientKinds) {
      if (clients[kind] === 0) expect(requests?.[kind]).toBe(0)
      // A client that sends rarely may have sent no request yet.
      else if (kind !== 'slowKeepAlive') expect(requests?.[kind]).toBeGreaterThan(0)
    }
    expect(new Set(samples.flatMap(({ answered }) => Object.keys(answered)))).toEqual(new Set(['pod-1']))
    expect((await fetch(`http://127.0.0.1:${port}/alive`)).status).toBe(500)
    kill('SIGTERM')
    expect(await exit).toEqual([0, null])
  })
})

test('the Node proxy forwards the requests of every kind of client to the app', async () => {
  const { port, directory } = await launch('http')
  const proxy = await launch('proxy', { UPSTREAM: `http://127.0.0.1:${port}` })
  const asked = { ...process.env, TARGETS: `http://127.0.0.1:${proxy.port}`, SECONDS: '2' }
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'load.js')], { env: asked })
  const { events, samples } = read(stdout)
  const [end, ...losses] = events
  expect(losses).toEqual([])
  const requests = end?.type === 'load-end' ? end.requests : undefined
  for (const kind of ['keepAlive', 'newConnection', 'streaming', 'post', 'slowReader', 'webSocket', 'sse'] as const)
    expect(requests?.[kind]).toBeGreaterThan(0)
  expect(new Set(samples.flatMap(({ answered }) => Object.keys(answered)))).toEqual(new Set(['pod-1']))
})

test('the load sends to the same pods by several names', async () => {
  const { port, directory } = await launch('http')
  const asked = { ...process.env, TARGETS: `http://127.0.0.1:${port} http://localhost:${port}`, SECONDS: '2' }
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'load.js')], { env: asked })
  expect(read(stdout).events).toEqual([expect.objectContaining({ type: 'load-end' })])
})

test('the load reports every lost request, with the pod that answered it, in a log of bounded size', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'podrain-e2e-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  writeFileSync(join(directory, 'load.js'), bundle('load'))
  const server = createServer((_, response) => response.writeHead(503, { 'x-pod': 'pod-1' }).end())
  onTestFinished(() => void server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  // Without event streams. A stream that has not begun when the load ends is neither answered nor lost.
  const env = { ...process.env, TARGETS: `http://127.0.0.1:${port}`, SECONDS: '2', CLIENTS: '{"keepAlive":40,"sse":0}' }
  const { stdout } = await promisify(execFile)(process.execPath, [join(directory, 'load.js')], { env, maxBuffer: 1e8 })
  expect(stdout.length).toBeLessThan(largest)
  const { events, samples } = read(stdout)
  const losses = events
    .map((event) => (event.type === 'more-lost' ? event.like : event))
    .filter(({ type }) => type === 'lost')
  for (const loss of losses) expect(loss).toMatchObject({ pod: 'pod-1', cause: 'status 503' })
  const counts = events.map((event) => {
    if (event.type === 'more-lost') return event.counts.reduce((sum, [, count]) => sum + count, 0)
    return event.type === 'lost' ? 1 : 0
  })
  const last = samples.at(-1)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(last?.requests)
  expect(last?.lost).toBe(last?.requests)
})

test('the `exec` hook reaches the app through its control socket, and ends when the drain has settled', async () => {
  const path = join(mkdtempSync(join(tmpdir(), 'podrain-e2e-')), 'podrain.sock')
  onTestFinished(() => rmSync(dirname(path), { recursive: true }))
  const { directory, port, exit, kill } = await launch('http', { CONTROL_SOCKET: path })
  const hook = promisify(execFile)(process.execPath, [join(directory, 'podrain-prestop.js'), path])
  await expect.poll(async () => (await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503)
  expect((await hook).stderr).toMatch(/^podrain-prestop: draining, 0 in flight/)
  kill('SIGTERM')
  expect(await exit).toEqual([0, null])
})
