import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type LiveEvent, type RehearsalOptions, rehearse, resolveOptions } from '../src/index.js'
import { createAddresses } from '../src/pods/addresses.js'
import { fixture, short } from './short.js'

const planOf = (options: Partial<RehearsalOptions>) => resolveOptions({ command: 'node', readinessProbe, ...options })
const readinessProbe = { path: '/readyz', periodSeconds: 0.1, failureThreshold: 1, timeoutSeconds: 5 }

/** A rehearsal in which nothing is lost, or it says what. */
async function lossless(more: Partial<RehearsalOptions>) {
  const seen: LiveEvent[] = []
  const result = await rehearse(
    short({
      args: [fixture('control.mjs')],
      preStop: { httpGet: { path: '/prestop' } },
      clients: { keepAlive: 2, newConnection: 2, slowKeepAlive: 0 },
      onEvent: (event) => seen.push(event),
      ...more,
    }),
  )
  expect(result.events.filter(({ type }) => type === 'lost')).toEqual([])
  expect(result.summary.requests).toBeGreaterThan(10)
  return result.events.flatMap((event) => (event.type === 'pod-start' ? [event] : []))
}

/** A port that is free on every loopback address: one that was free on all of them a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '0.0.0.0')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}

describe('ports', () => {
  test('a pod gets its port in the variable that `portEnv` names, and other variables keep their values', async () => {
    const pods = await lossless({ portEnv: 'HTTP_PORT', env: { PORT: 'none of it' } })
    expect(new Set(pods.map(({ host }) => host))).toEqual(new Set(['127.0.0.1']))
    expect(new Set(pods.map(({ port }) => port)).size).toBe(4)
  })

  test('a pod does not get the port of a pod of another process that does not listen yet', async ({ skip }) => {
    skip(process.platform !== 'linux', 'only Linux shows the claims of other processes')
    const draws = [0.5, 0.25]
    const random = vi.spyOn(Math, 'random').mockImplementation(() => draws.shift() ?? 0.75)
    // Another process has claimed the port of the first draw.
    const other = createServer().listen('\0podrain-127.0.0.1:26000')
    await once(other, 'listening')
    const addresses = await createAddresses(planOf({}))
    const { port, release } = await addresses.next()
    random.mockRestore()
    await release()
    other.close()
    expect(port).toBe(23_000)
  })

  // Elsewhere than on Linux, 127.0.0.1 is the only address of its kind.
  const obstacle = process.platform === 'linux' ? undefined : `one loopback address on ${process.platform}`

  test('with a fixed port, each pod has an address of its own', async ({ skip }) => {
    skip(obstacle !== undefined, obstacle)
    const port = await freePort()
    const pods = await lossless({ port, portEnv: 'HTTP_PORT' })
    expect(new Set(pods.map((pod) => pod.port))).toEqual(new Set([port]))
    expect(new Set(pods.map(({ host }) => host)).size).toBe(4)
  })

  test('probes and hooks go to their own ports, if they have any', async ({ skip }) => {
    skip(obstacle !== undefined, obstacle)
    const control = await freePort()
    const pods = await lossless({
      portEnv: 'HTTP_PORT',
      env: { CONTROL_PORT: String(control) },
      readinessProbe: { ...readinessProbe, port: control },
      preStop: { httpGet: { path: '/prestop', port: control } },
    })
    expect(new Set(pods.map(({ host }) => host)).size).toBe(4)
  })

  test('two pods never get the same address, and an address that is in use is skipped', async ({ skip }) => {
    skip(obstacle !== undefined, obstacle)
    const addresses = await createAddresses(planOf({ port: await freePort() }))
    const drawn = await Promise.all(Array.from({ length: 20 }, () => addresses.next()))
    expect(new Set(drawn.map(({ host }) => host)).size).toBe(20)
    await Promise.all(drawn.map((address) => address.release()))
  })
})

const linux = process.platform === 'linux' && process.getuid?.() === 0
const able = linux && spawnSync('ip', ['netns', 'list']).status === 0
const why = able ? undefined : 'network namespaces need Linux, root and ip'

/** Links and namespaces of this process's rehearsals. */
function leftovers(pid: number): string[] {
  const shown = ['netns list', '-oneline link show'].map((what) =>
    spawnSync('ip', what.split(' '), { encoding: 'utf8' }),
  )
  const names = shown.flatMap(({ stdout }) => [...stdout.matchAll(/\bpodr-[0-9a-z]+-[0-9a-z]+/g)].map(([name]) => name))
  return names.filter((name) => name.startsWith(`podr-${pid.toString(36)}-`))
}

/**
 * A new bridge may lose a packet when the machine is busy. The kernel sends a lost SYN again after 1 s (RFC 6298 §2.1), and to a pod
 * that is gone by then nobody can connect.
 */
const outlastsLostPacket = { HOOK_MS: '1500' }

describe('with netns', () => {
  test('each pod has its own network, with the same port, and no network is left at the end', async ({ skip }) => {
    skip(!able, why)
    const pods = await lossless({ netns: true, portEnv: 'HTTP_PORT', env: { ANY_HOST: '1', ...outlastsLostPacket } })
    expect(new Set(pods.map(({ port }) => port))).toEqual(new Set([8080]))
    expect(new Set(pods.map(({ host }) => host)).size).toBe(4)
    for (const { host } of pods) expect(host).toMatch(/^198\.1[89]\.\d+\.\d+$/)
    expect(leftovers(process.pid)).toEqual([])
  })

  test('requests of the kubelet come from the address of the node on the bridge', async ({ skip }) => {
    skip(!able, why)
    // The fixture is ready only for whom it knows as its node.
    await lossless({ netns: true, portEnv: 'HTTP_PORT', env: { NODE_ONLY: '1', ...outlastsLostPacket } })
  })

  test('what the kernel had not delivered when the process ended is lost, and named', async ({ skip }) => {
    skip(!able, why)
    const download = (netns: boolean) =>
      rehearse(
        short({
          args: [fixture('download.mjs')],
          replicas: 1,
          netns,
          requests: { download: '/' },
          clients: { slowReader: 3 },
          warmUp: 500,
          timeouts: { total: 8000 },
        }),
      )
    const [own, shared] = [await download(true), await download(false)]
    expect(own.summary.diagnoses).toContainEqual(
      expect.objectContaining({ kind: 'network gone', fix: expect.stringContaining('tx_queue in /proc/net/tcp') }),
    )
    expect(shared.summary.diagnoses).toEqual([])
  })

  test('networks that killed processes have left are removed at the next start', async ({ skip }) => {
    skip(!able, why)
    // A process that is surely gone: it has ended already.
    const { pid } = spawnSync(process.execPath, ['--version'])
    const name = `podr-${pid.toString(36)}-0`
    spawnSync('ip', ['link', 'add', name, 'type', 'bridge'])
    spawnSync('ip', ['netns', 'add', name])
    onTestFinished(() => {
      spawnSync('ip', ['link', 'delete', name])
      spawnSync('ip', ['netns', 'delete', name])
    })
    expect(leftovers(pid)).toHaveLength(2)
    const addresses = await createAddresses(planOf({ netns: true }))
    expect(leftovers(pid)).toEqual([])
    await addresses.close()
  })

  test.for(['itself', 'exit', 'signal', 'ctrl-c', 'kill'])(
    'nothing is left of a program that leaves by %s',
    async (leave, { skip }) => {
      skip(!able, why)
      const parent = spawn(process.execPath, [fixture('parent.cjs')], {
        env: { ...process.env, LEAVE: leave, NETNS: '1' },
        stdio: ['ignore', 'pipe', 'inherit'],
        detached: true,
      })
      let during: string[] = []
      parent.stdout.once('data', () => {
        during = leftovers(parent.pid as number)
      })
      await once(parent, 'close')
      if (leave === 'itself') expect(during).not.toEqual([])
      await expect.poll(() => leftovers(parent.pid as number)).toEqual([])
    },
  )

  test('is refused with the reason where it is impossible', async () => {
    const { getuid } = process
    onTestFinished(() => {
      process.getuid = getuid as () => number
    })
    process.getuid = () => 1000
    const words = process.platform === 'linux' ? '`netns` needs root' : '`netns` needs Linux'
    await expect(rehearse({ command: 'node', netns: true })).rejects.toThrow(words)
  })
})
