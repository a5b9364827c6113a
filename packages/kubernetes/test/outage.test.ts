import { once } from 'node:events'
import { Drain } from '@podrain/core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { kubernetes } from '../src/index.js'
import { ApiServer, FakeClock, FakeProcess, Log, type Misbehaviour, pass, recorded } from './support.js'

const pods = 100
const minute = 60_000

/** Many pods that serve, and watch an API without events. */
async function many(): Promise<{ api: ApiServer; clock: FakeClock; drains: Drain[] }> {
  const clock = new FakeClock()
  const api = await ApiServer.start(clock, { lines: { pods: [], endpointslices: [] } })
  // Evenly spread numbers in place of random ones, so that the counts are the expected values.
  let draw = 0
  const random = vi.spyOn(Math, 'random').mockImplementation(() => (++draw * 0.618_033_988_749_895) % 1)
  const drains: Drain[] = []
  for (let pod = 0; pod < pods; pod++) {
    const drain = new Drain({ platform: 'kubernetes', clock, process: new FakeProcess(), logger: new Log() })
    kubernetes(drain, { ...recorded, kubeConfig: api.kubeConfig })
    drains.push(drain)
  }
  onTestFinished(async () => {
    await Promise.all(drains.map((drain) => drain.dispose()))
    api.stop()
    random.mockRestore()
  })
  await expect.poll(() => api.watching).toBe(pods)
  return { api, clock, drains }
}

const down: Record<string, Misbehaviour> = {
  'closes connections': (_call, _response, request) => {
    request.socket.destroy()
    return true
  },
  'does not answer': () => true,
  'answers 429, come back in a second': (_call, response) => {
    response.writeHead(429, { 'retry-after': '1' }).end()
    return true
  },
  'answers 429': (_call, response) => {
    response.writeHead(429).end()
    return true
  },
  'answers 503': (_call, response) => {
    response.writeHead(503).end()
    return true
  },
}

describe(`${pods} pods, and an API that`, () => {
  test.each(Object.entries(down))(
    '%s for a minute get one request of ten pods in the first ten seconds',
    async (_, misbehave) => {
      const { api, clock } = await many()
      await pass(clock, 20_000, 1000)
      const served = api.calls.length
      api.misbehave = misbehave
      for (const socket of api.sockets) socket.destroy()
      await pass(clock, minute, 1000)
      // A third of the pods asks within the first minute, because each asks within three minutes.
      const during = api.calls.length - served
      expect(during).toBeLessThan(pods * 0.6)
      api.misbehave = () => false
      const before = api.calls.length
      await pass(clock, 10_000, 1000)
      expect(api.calls.length - before).toBeLessThanOrEqual(pods / 10)
      await pass(clock, 10 * minute, 1000)
      expect(api.watching).toBe(pods)
      expect(api.called('list', 'pods')).toEqual([])
    },
  )

  test('ends all watches without an error, as a replaced server does, is not asked by all pods at once', async () => {
    const { api, clock } = await many()
    await pass(clock, 20_000, 1000)
    const before = api.calls.length
    api.endWatches()
    await pass(clock, 10_000, 1000)
    expect(api.calls.length - before).toBeLessThanOrEqual(pods / 10)
  })

  test('ends watches again and again is asked only once for slices, by a pod that no slice lists', async () => {
    const { api, clock } = await many()
    api.misbehave = ({ kind }, response) => {
      if (kind !== 'endpointslices') return false
      response.end('{"metadata":{"resourceVersion":"7000"},"items":[]}')
      return true
    }
    await pass(clock, 2 * minute, 1000)
    expect(api.called('list', 'endpointslices')).toHaveLength(pods)
    for (let times = 0; times < 3; times++) {
      api.endWatches()
      await pass(clock, 6 * minute, 1000)
    }
    expect(api.called('watch', 'pods').length).toBeGreaterThan(pods * 3)
    expect(api.called('list', 'endpointslices')).toHaveLength(pods)
  })

  test.each([
    ['a version that it has just sent', '{"type":"ERROR","object":{"code":410,"message":"too old"}}\n'],
    ['how a line ends', '{"type":"MOD'],
  ])('forgets %s is asked at growing intervals, also in a drain', async (_, ending) => {
    const { api, clock, drains } = await many()
    await pass(clock, 20_000, 1000)
    let watches = 0
    api.misbehave = ({ verb }, response) => {
      if (verb !== 'watch') return false
      const metadata = { ...recorded, name: recorded.pod, uid: 'one', resourceVersion: `${++watches}` }
      response.write(`${JSON.stringify({ type: 'ADDED', object: { metadata } })}\n`)
      response.end(ending)
      return true
    }
    for (const socket of api.sockets) socket.destroy()
    await pass(clock, 10 * minute, 1000)
    expect(watches).toBeLessThan(pods * 8)
    const [drain] = drains
    watches = 0
    for (const each of drains) if (each !== drain) await each.dispose()
    watches = 0
    void drain?.prestop()
    await pass(clock, 20_000)
    expect(watches).toBeLessThan(8)
  })

  test('a drain asks at once, and repeats the request only a few times without a response', async () => {
    const { api, clock, drains } = await many()
    api.misbehave = down['answers 503'] as Misbehaviour
    for (const socket of api.sockets) await Promise.all([once(socket, 'close'), socket.destroy()])
    const before = api.calls.length
    const [drain] = drains
    void drain?.prestop()
    await pass(clock, 600)
    await expect.poll(() => api.calls.length - before).toBeGreaterThanOrEqual(2)
    await pass(clock, 11_000)
    expect(api.calls.length - before).toBeLessThan(20)
  })
})
