import { presets } from '@podrain/core'
import { expect, test } from 'vitest'
import { Nodes } from '../src/cluster/nodes.js'
import { drawLag, Service } from '../src/cluster/service.js'
import { createRandom } from '../src/shared/random.js'

const pod = (name: string) => ({ name, host: '127.0.0.1', port: 1 })
const ready = { serving: true, terminating: false }
const lag = { min: 1, median: 20, max: 60 }

/** A Service, and where new connections go to, as its listener was last told. */
function createService(onRoutes: (pods: string[]) => void = () => {}) {
  let routes: string[] = []
  const service = new Service(lag, createRandom(1, 0), {
    onRoutes: (endpoints) => {
      routes = endpoints.map(({ name }) => name)
      onRoutes(routes)
    },
  })
  return { service, routes: () => routes }
}

test('clients learn of changes late, in the order they happened', async () => {
  const seen: string[][] = []
  const names = Array.from({ length: 20 }, (_, index) => `p${index}`)
  const began = performance.now()
  await new Promise<void>((resolve) => {
    const { service, routes } = createService((pods) => {
      seen.push(pods)
      if (pods.length === names.length) resolve()
    })
    for (const name of names) service.update(pod(name), ready)
    expect(routes()).toEqual([])
  })
  expect(performance.now() - began).toBeGreaterThanOrEqual(lag.min)
  expect(seen).toEqual(names.map((_, index) => names.slice(0, index + 1)))
})

test('a terminating pod still gets new connections until the clients have heard of it', async () => {
  const [a, b] = [pod('a'), pod('b')]
  await new Promise<void>((resolve) => {
    const { service, routes } = createService((pods) => {
      if (pods.join() === 'b') resolve()
    })
    service.apply(a, ready)
    service.apply(b, ready)
    service.update(a, { serving: true, terminating: true })
    expect(routes()).toEqual(['a', 'b'])
  })
})

test('with no ready pod left, connections go to those that terminate but still serve, then nowhere', () => {
  const { service, routes } = createService()
  const [a, b] = [pod('a'), pod('b')]
  service.apply(a, { serving: true, terminating: true })
  service.apply(b, { serving: false, terminating: true })
  expect(routes()).toEqual(['a'])
  service.apply(a, { serving: false, terminating: true })
  expect(routes()).toEqual([])
  service.apply(b, ready)
  expect(routes()).toEqual(['b'])
  service.apply(b, null)
  expect(routes()).toEqual([])
})

test('delays follow the quantiles: half of them below the median, none outside', () => {
  const random = createRandom(7, 0)
  const drawn = Array.from({ length: 2000 }, () => drawLag({ min: 126, median: 1074, max: 1196 }, random))
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(126)
  expect(Math.max(...drawn)).toBeLessThanOrEqual(1196)
  drawn.sort((a, b) => a - b)
  // Of 2000, the quartiles are within a few dozen places of where they should be; in between it is linear.
  for (const [place, quantile] of [
    [500, (126 + 1074) / 2],
    [1000, 1074],
    [1500, (1074 + 1196) / 2],
  ] as const) {
    expect(drawn[place - 100]).toBeLessThan(quantile)
    expect(drawn[place + 100]).toBeGreaterThan(quantile)
  }
})

test.each(Object.entries(presets))(
  'the lag behind %s is in order, and over when an app has settled',
  (_, { lag, settle }) => {
    expect([...lag, settle]).toEqual([...lag, settle].sort((a, b) => a - b))
  },
)

test('changes that are still on their way can be waited for', async () => {
  const seen: string[] = []
  const { service } = createService((pods) => seen.push(pods.join()))
  await service.settled()
  expect(seen).toEqual([])
  service.update(pod('a'), ready)
  service.update(pod('b'), ready)
  await service.settled()
  expect(seen).toEqual(['a', 'a,b'])
})

test('the same seed makes the same choices, another stream of it others', () => {
  const draw = (seed: number, stream: number) => {
    const random = createRandom(seed, stream)
    return Array.from({ length: 5 }, random)
  }
  expect(draw(1, 0)).toEqual(draw(1, 0))
  expect(draw(1, 0)).not.toEqual(draw(1, 1))
  expect(draw(1, 0)).not.toEqual(draw(2, 0))
})

test('each node learns of a change in its own time, and of a pod that is gone at once', async () => {
  const times: number[] = []
  const gone: string[] = []
  const nodes = new Nodes(5, { min: 1, median: 200, max: 400 }, 1, {
    onRoutes: (_, node) => {
      times[node] = performance.now()
    },
    onGone: ({ name }) => gone.push(name),
  })
  nodes.update(pod('a'), ready)
  nodes.gone(pod('a'))
  expect(gone).toEqual(['a'])
  await nodes.settled()
  expect(times.filter((time) => time > 0)).toHaveLength(5)
  // Five draws from 400 ms are not within 20 of each other, with this seed.
  expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(20)
})
