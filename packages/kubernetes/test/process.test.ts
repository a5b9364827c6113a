import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { KubeConfig } from '@kubernetes/client-node'
import { Drain } from '@podrain/core'
import { generate } from 'selfsigned'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { inCluster, serviceAccount } from '../src/api/config.js'
import { type KubeConfigLike, kubernetes } from '../src/index.js'
import { ApiServer, FakeClock, FakeProcess, Log, recorded } from './support.js'

/** An API without events. */
async function quietApi(): Promise<ApiServer> {
  const api = await ApiServer.start(new FakeClock(), { lines: { pods: [], endpointslices: [] } })
  onTestFinished(() => api.stop())
  return api
}

interface App {
  readonly process: ChildProcess
  readonly lines: string[]
  readonly exit: Promise<[code: number | null, signal: string | null]>
}

function start(config: object, env: object = {}): App {
  const child = fork(join(__dirname, 'fixtures', 'app.mjs'), [JSON.stringify({ options: recorded, ...config })], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...process.env, ...env },
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines: string[] = []
  for (const stream of [child.stdout, child.stderr]) {
    if (stream) createInterface({ input: stream }).on('line', (line) => lines.push(line))
  }
  return { process: child, lines, exit: once(child, 'close') as App['exit'] }
}

describe('a process that follows its cluster', () => {
  test('exits on SIGTERM while its watches are open, and closes them', async () => {
    const api = await quietApi()
    const app = start({ port: api.port })
    await expect.poll(() => api.watching).toBe(1)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
    expect(app.lines).toContain('clean true')
    await expect.poll(() => api.sockets.size).toBe(0)
  })

  test('exits on SIGTERM while the API does not respond', async () => {
    const api = await quietApi()
    api.misbehave = () => true
    const app = start({ port: api.port })
    await expect.poll(() => api.calls.length).toBe(1)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
    await expect.poll(() => api.sockets.size).toBe(0)
  })

  test('exits by itself when it has nothing else to do: a watch, a pause and a write of annotations do not keep it alive', async () => {
    const api = await quietApi()
    const app = start({ port: api.port, serve: false, options: { ...recorded, annotations: true } })
    expect(await app.exit).toEqual([0, null])
    expect(app.lines.filter((line) => /following pod/.test(line))).toHaveLength(1)
  })

  test('has no handles and listeners left after stop()', async () => {
    const api = await quietApi()
    const app = start({ port: api.port })
    await expect.poll(() => api.watching).toBe(1)
    app.process.send('stop')
    await expect.poll(() => app.lines).toContain('left 1 1') // those of the application
    await expect.poll(() => api.sockets.size).toBe(0)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
  })

  test('goes on if nothing listens at the address of the API', async () => {
    const api = await quietApi()
    const { port } = api
    api.stop()
    const app = start({ port })
    await expect.poll(() => app.lines.filter((line) => /ECONNREFUSED/.test(line)).length).toBe(1)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
  })
})

describe('the credentials of the pod', () => {
  test('that are missing, as with automountServiceAccountToken: false, are logged, and the drain goes on', async () => {
    // The credentials are in /var/run/secrets, which exists only in a pod.
    const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: '443' }
    const app = start({ inCluster: true }, env)
    await expect.poll(() => app.lines.filter((line) => /ENOENT.*serviceaccount/.test(line)).length).toBe(1)
    app.process.kill('SIGTERM')
    expect(await app.exit).toEqual([0, null])
    expect(app.lines).toContain('clean true')
  })

  test.each<[string, (directory: string, env: NodeJS.ProcessEnv) => KubeConfigLike]>([
    ['read by podrain itself', (directory, env) => inCluster(env, directory)],
    [
      'read by client-node',
      (directory, { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port }) => {
        vi.stubEnv('KUBERNETES_SERVICE_HOST', host)
        vi.stubEnv('KUBERNETES_SERVICE_PORT', port)
        const kubeConfig = new KubeConfig()
        // The path of the service account's files, below.
        kubeConfig.loadFromCluster(directory.replace(serviceAccount, ''))
        vi.unstubAllEnvs()
        return kubeConfig
      },
    ],
  ])(
    'are those of the service account, %s, over TLS, and a token that the kubelet has changed is used at once',
    async (_, load) => {
      const { private: key, cert } = await generate([{ name: 'commonName', value: 'kubernetes' }], {
        extensions: [{ name: 'subjectAltName', altNames: [{ type: 7, ip: '127.0.0.1' }] }],
      })
      const clock = new FakeClock()
      const api = await ApiServer.start(clock, { tls: { key, cert }, lines: { pods: [], endpointslices: [] } })
      const root = mkdtempSync(join(tmpdir(), 'podrain-'))
      const account = join(root, serviceAccount)
      mkdirSync(account, { recursive: true })
      writeFileSync(join(account, 'ca.crt'), cert)
      writeFileSync(join(account, 'token'), 'the first\n')
      const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', KUBERNETES_SERVICE_PORT: String(api.port) }
      const kubeConfig = load(account, env)
      const drain = new Drain({ platform: 'kubernetes', clock, process: new FakeProcess(), logger: new Log() })
      const { stop } = kubernetes(drain, { ...recorded, kubeConfig })
      onTestFinished(async () => {
        stop()
        await drain.dispose()
        api.stop()
        rmSync(root, { recursive: true })
      })
      await expect.poll(() => api.watching).toBe(1)
      expect(api.calls.map(({ authorization }) => authorization)).toEqual(['Bearer the first'])
      writeFileSync(join(account, 'token'), 'the second\n')
      drain.terminating({ gracePeriod: 20_000 })
      clock.advance(500)
      await expect.poll(() => api.calls.at(-1)?.authorization).toBe('Bearer the second')
    },
  )

  test('contain a valid URL for an IPv6 cluster', () => {
    const env = { KUBERNETES_SERVICE_HOST: 'fd00:10:96::1', KUBERNETES_SERVICE_PORT: '443' }
    expect(inCluster(env).getCurrentCluster()?.server).toBe('https://[fd00:10:96::1]:443')
    const inBrackets = { KUBERNETES_SERVICE_HOST: '[fd00:10:96::1]' }
    expect(inCluster(inBrackets).getCurrentCluster()?.server).toBe('https://[fd00:10:96::1]:443')
  })
})

test('an app whose host name is not a valid pod name logs that, and serves', async () => {
  const env = { KUBERNETES_SERVICE_HOST: '127.0.0.1', HOSTNAME: 'my_box', POD_NAME: undefined }
  const app = start({ inCluster: true, options: {} }, env)
  await expect
    .poll(() => app.lines.filter((line) => /pod "my_box" in namespace .* is not a valid name/.test(line)).length)
    .toBe(1)
  app.process.kill('SIGTERM')
  expect(await app.exit).toEqual([0, null])
})
