import type { Drain } from '@podrain/core'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Backoff } from '../src/api/backoff.js'
import { type Annotations, LoadAnnotations, magnitude } from '../src/load-annotations.js'
import { type Cluster, cluster, FakeClock, type Misbehaviour } from './support.js'

const nothing = { lines: { pods: [], endpointslices: [] } }

async function annotating(misbehave?: Misbehaviour): Promise<Cluster> {
  const pod = await cluster({ annotations: true }, {}, misbehave ? { ...nothing, misbehave } : nothing)
  await expect.poll(() => pod.api.watching).toBe(1)
  return pod
}

/** The longest time to the first write, and from one to the next, in milliseconds. */
const [first, next] = [66_000, 36_000]

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

/** A number of requests in flight at a constant load. */
function poisson(mean: number): number {
  let count = 0
  for (let product = Math.random(); product > Math.exp(-mean); product *= Math.random()) count++
  return count
}

/** Lets hours pass in steps, and lets promises settle at each step. */
async function hours(clock: FakeClock, count: number): Promise<void> {
  for (let second = 0; second < count * 3600; second += 5) {
    clock.advance(5000)
    await Promise.resolve()
      .then(() => {})
      .then(() => {})
      .then(() => {})
  }
}

describe('the annotations about the load', () => {
  test('show the load in orders of magnitude, by a merge patch that changes only annotations of this pod', async () => {
    const pod = await annotating()
    addTasks(pod, 37)
    await pod.pass(first)
    await expect.poll(() => patches(pod)).toEqual([annotations('0', '10', '1000')])
    expect(pod.api.called('patch', 'pods')[0]?.type).toBe('application/merge-patch+json')
  })

  test('are written again only when an order of magnitude has changed: a higher one soon, at most every half minute', async () => {
    const pod = await annotating()
    const end = addTasks(pod, 2)
    await pod.pass(first)
    await expect.poll(() => patches(pod)).toHaveLength(1)
    addTasks(pod, 3)
    await pod.pass(2 * next)
    expect(patches(pod)).toHaveLength(1) // five are as many as two
    addTasks(pod, 10)
    end()
    await pod.pass(next)
    await expect.poll(() => patches(pod)).toEqual([annotations('0', '1', '100'), annotations('0', '10', '1000')])
  })

  test('show the highest load of the last half minute, so a moment without work does not count as idle', async () => {
    const pod = await annotating()
    const end = addTasks(pod, 1)
    await pod.pass(first)
    await expect.poll(() => patches(pod)).toEqual([annotations('0', '1', '100')])
    end()
    await pod.pass(2 * next)
    await expect.poll(() => patches(pod)[1]).toEqual(annotations('0', '0', '0'))
  })

  test('are not written for a load that rises and falls: with a mean of 6 in flight, no write after the first hour', async () => {
    const clock = new FakeClock()
    let seed = 1
    const random = vi.spyOn(Math, 'random').mockImplementation(() => {
      seed = (seed * 48_271) % 2_147_483_647
      return seed / 2_147_483_647
    })
    onTestFinished(() => random.mockRestore())
    const written: Annotations[] = []
    const load = new LoadAnnotations({
      drain: {
        clock,
        get inFlight() {
          return poisson(6)
        },
        status: () => ({ tasks: [] }),
      } as unknown as Drain,
      interval: 30_000,
      deletionCost: true,
      write: async (what) => void written.push(what),
      onFailure: () => 0,
    })
    load.start()
    await hours(clock, 1)
    const begun = written.length
    expect(begun).toBeGreaterThan(0)
    expect(begun).toBeLessThanOrEqual(4)
    await hours(clock, 5)
    expect(written.length).toBe(begun)
    load.stop()
  })

  test('are not written at the same moment by pods that have started together', async () => {
    const clock = new FakeClock()
    const at: number[] = []
    const loads = Array.from({ length: 100 }, () => {
      const drain = { clock, inFlight: 1, status: () => ({ tasks: [] }) } as unknown as Drain
      const write = async (): Promise<void> => void at.push(clock.now())
      return new LoadAnnotations({ drain, interval: 30_000, deletionCost: true, write, onFailure: () => 0 })
    })
    for (const load of loads) load.start()
    clock.advance(first)
    expect(at).toHaveLength(100)
    const inOneSecond = at.map((from) => at.filter((each) => each >= from && each < from + 1000).length)
    expect(Math.max(...inOneSecond)).toBeLessThan(25)
    for (const load of loads) load.stop()
  })

  test('without permission: the log names the missing rule once, and the write is repeated after 10 to 30 minutes', async () => {
    const pod = await annotating((call, response) => {
      if (call.verb === 'patch') response.writeHead(403).end('{"kind":"Status","code":403,"message":"forbidden"}')
      return call.verb === 'patch'
    })
    await pod.pass(600_000)
    const lines = pod.log.matching(/not allowed/)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toContain('rules:\n  - apiGroups: [""]\n    resources: [pods]\n    verbs: [patch]')
    expect(patches(pod)).toHaveLength(1)
    await pod.pass(1_300_000)
    expect(patches(pod).length).toBeGreaterThan(1)
  })

  test.each([
    ['in seconds', () => '120'],
    ['by a date', (date: string) => new Date(Date.parse(date) + 120_000).toUTCString()],
  ])('respect Retry-After %s', async (_, until) => {
    const pod = await annotating((call, response) => {
      if (call.verb === 'patch') {
        response.writeHead(429, { 'retry-after': until(String(response.getHeader('date'))) }).end()
      }
      return call.verb === 'patch'
    })
    await pod.until(() => patches(pod).length === 1)
    await pod.pass(119_000)
    expect(patches(pod)).toHaveLength(1)
    await pod.pass(400_000)
    await expect.poll(() => patches(pod).length).toBeGreaterThanOrEqual(2)
  })

  test('come at the next interval after an outage of the API, however long both were', async () => {
    const clock = new FakeClock()
    const backoff = new Backoff(clock)
    let isDown = true
    let written = 0
    const load = new LoadAnnotations({
      drain: { clock, inFlight: 1, status: () => ({ tasks: [] }) } as unknown as Drain,
      interval: 600_000,
      deletionCost: true,
      async write() {
        if (isDown) throw new Error('connect ECONNREFUSED')
        written++
      },
      onFailure: (error) => backoff.after(error),
    })
    load.start()
    await hours(clock, 4)
    isDown = false
    await hours(clock, 0.25)
    expect(written).toBe(1)
    load.stop()
  })

  test('end with the drain, even during a write', async () => {
    const pod = await annotating((call) => call.verb === 'patch') // and never answers
    addTasks(pod, 1)
    await pod.until(() => patches(pod).length === 1)
    await pod.drain.dispose()
    await expect.poll(() => pod.api.sockets.size).toBe(0)
    await pod.pass(300_000)
    expect(patches(pod)).toHaveLength(1)
    expect(pod.log.matching(/the annotations/)).toEqual([])
  })

  test('are not written without the option', async () => {
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
  ])('of %d requests say %d', (count, band) => {
    expect(magnitude(count)).toBe(band)
  })
})
