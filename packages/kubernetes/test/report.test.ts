import { describe, expect, test } from 'vitest'
import { magnitude } from '../src/report.js'
import { type Cluster, cluster, type Misbehaviour } from './support.js'

const nothing = { lines: { pods: [], endpointslices: [] } }

async function reporting(misbehave?: Misbehaviour): Promise<Cluster> {
  const pod = await cluster({ report: true }, {}, misbehave ? { ...nothing, misbehave } : nothing)
  await expect.poll(() => pod.api.calls.length).toBeGreaterThanOrEqual(2)
  return pod
}

const patches = ({ api }: Cluster): unknown[] => api.called('patch', 'pods').map(({ body }) => JSON.parse(body))
const annotations = (inFlight: string, tasks: string, cost: string): object => ({
  metadata: {
    uid: 'e906a495-84fd-489c-ac3c-83fe49728714',
    annotations: {
      'podrain/in-flight': inFlight,
      'podrain/tasks': tasks,
      'controller.kubernetes.io/pod-deletion-cost': cost,
    },
  },
})

function addTasks({ drain }: Cluster, count: number): () => void {
  const ends: (() => void)[] = []
  for (let task = 0; task < count; task++) {
    drain.waitUntil(new Promise<void>((resolve) => void ends.push(resolve)))
  }
  return () => {
    for (const end of ends) end()
  }
}

describe('what is reported on the pod', () => {
  test('is how busy it is, in orders of magnitude, by a merge patch of annotations of this very pod and nothing else', async () => {
    const pod = await reporting()
    addTasks(pod, 37)
    await pod.pass(30_000)
    await expect.poll(() => patches(pod)).toEqual([annotations('0', '10', '1000')])
    expect(pod.api.called('patch', 'pods')[0]?.type).toBe('application/merge-patch+json')
  })

  test('is said again only when the magnitude has changed, and at most every half minute', async () => {
    const pod = await reporting()
    const end = addTasks(pod, 2)
    await pod.pass(30_000)
    await expect.poll(() => patches(pod)).toHaveLength(1)
    addTasks(pod, 3)
    await pod.pass(60_000)
    expect(patches(pod)).toHaveLength(1) // five are as many as two
    addTasks(pod, 10)
    end()
    await pod.pass(29_000)
    expect(patches(pod)).toHaveLength(1)
    await pod.pass(31_000)
    await expect.poll(() => patches(pod)).toEqual([annotations('0', '1', '100'), annotations('0', '10', '1000')])
  })

  test('is the most of the last half minute: a moment without work is not idleness', async () => {
    const pod = await reporting()
    const end = addTasks(pod, 1)
    await pod.pass(5000)
    end()
    await pod.pass(25_000)
    await expect.poll(() => patches(pod)).toEqual([annotations('0', '1', '100')])
    await pod.pass(30_000)
    await expect.poll(() => patches(pod)[1]).toEqual(annotations('0', '0', '0'))
  })

  test('without permission names the rule that is missing, once, and the drain goes on', async () => {
    const pod = await reporting((call, response) => {
      if (call.verb === 'patch') response.writeHead(403).end('{"kind":"Status","code":403,"message":"forbidden"}')
      return call.verb === 'patch'
    })
    await pod.pass(300_000)
    const lines = pod.log.matching(/not allowed/)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('rules:\n  - apiGroups: [""]\n    resources: [pods]\n    verbs: [patch]')
    // Asked for again ever more seldom.
    expect(patches(pod).length).toBeLessThan(6)
  })

  test('waits as long as the API asks', async () => {
    const pod = await reporting((call, response) => {
      if (call.verb === 'patch') response.writeHead(429, { 'retry-after': '120' }).end()
      return call.verb === 'patch'
    })
    await pod.pass(30_000)
    await expect.poll(() => patches(pod)).toHaveLength(1)
    await pod.pass(90_000)
    expect(patches(pod)).toHaveLength(1)
    await pod.pass(60_000)
    await expect.poll(() => patches(pod)).toHaveLength(2)
  })

  test('ends with the drain, in the middle of what it writes', async () => {
    const pod = await reporting((call) => call.verb === 'patch') // and never answers
    addTasks(pod, 1)
    await pod.pass(30_000)
    await expect.poll(() => patches(pod)).toHaveLength(1)
    await pod.drain.dispose()
    await expect.poll(() => pod.api.sockets.size).toBe(0)
    await pod.pass(300_000)
    expect(patches(pod)).toHaveLength(1)
  })

  test('is nothing unless it is asked for', async () => {
    const pod = await cluster({}, {}, nothing)
    await pod.pass(120_000)
    expect(patches(pod)).toEqual([])
  })

  test.each([
    [0, 0],
    [1, 1],
    [9, 1],
    [10, 10],
    [999, 100],
    [1000, 1000],
    [1_000_000, 1_000_000],
  ])('of %d is %d', (count, band) => {
    expect(magnitude(count)).toBe(band)
  })
})
