import { describe, expect, test } from 'vitest'
import { type RehearsalOptions, resolveOptions, type Scenario, shortfallsOf } from '../src/index.js'

const hook = { preStop: { sleep: { seconds: 2 } } }

/** What is said of a rehearsal that has no time and no requests at all, so that every sum is told. */
function sums(more: Partial<RehearsalOptions>) {
  return shortfallsOf(resolveOptions({ command: 'node', timeout: 1, maxRequests: 1, ...more }))
}

test('a rehearsal that fits into its limits has no shortfall', () => {
  expect(shortfallsOf(resolveOptions({ command: 'node' }))).toEqual({})
})

test('a rolling update takes as long as its pods need one after the other, and the last one to end', () => {
  expect(sums({}).timeout).toBe(
    'it takes up to 39.9 s (warm-up 2 s + 3 × 1.9 s for new pods + grace period 30 s + endpoints 1.2 s + cool-down 1 s)',
  )
  const ten = { replicas: 10, maxSurge: '25%', maxUnavailable: '25%', minReadySeconds: 4 } as const
  expect(sums(ten).timeout).toContain('+ 2 × 5.9 s for new pods +')
})

test('pods of a StatefulSet need their grace periods one after the other', () => {
  const set = { workload: 'StatefulSet', replicas: 4, partition: 1 } as const
  expect(sums(set).timeout).toContain('+ 3 × 1.9 s for new pods + 3 × 30 s of grace +')
})

test('a pod is ready when its probes have passed, each with its own times', () => {
  const readinessProbe = { initialDelaySeconds: 3, periodSeconds: 2, successThreshold: 2 }
  const startupProbe = { path: '/', periodSeconds: 10 }
  expect(sums({ readinessProbe, startupProbe }).timeout).toContain('3 × 17.9 s for new pods')
  expect(sums({ readinessProbe: null }).timeout).toContain('3 × 0.9 s for new pods')
})

test.each([
  ['rollout', /3 × .* grace period 30 s/],
  ['single-replica', /1 × .* grace period 30 s/],
  ['overrun', /3 × .* grace period 3 s/],
  ['scale-down', /^(?!.*new pods).*grace period 30 s/],
  ['liveness-kill', /1 × .* grace period 30 s/],
  ['node-shutdown', /1 × .* grace period 30 s/],
  ['evict', /1 × .* grace period 3 s/],
  ['crash', /1 × (?!.*grace period)/],
] satisfies Array<[Scenario, RegExp]>)('%s has times of its own', (scenario, expected) => {
  expect(sums({ scenario, ...hook }).timeout).toMatch(expected)
})

describe('the requests are those of all clients', () => {
  const none = { keepAlive: 0, newConnection: 0, slowKeepAlive: 0 }
  const short = { scenario: 'crash', endpointLag: { min: 0, median: 0, max: 0 }, warmUp: 0, coolDown: 8100 } as const

  test('at their own pace', () => {
    const clients = { ...none, keepAlive: 3 }
    expect(sums({ ...short, clients }).maxRequests).toBe('it sends up to 2000 requests (200 a second for 10 s)')
  })

  test('at the rate that is given, for those that it paces', () => {
    const clients = { ...none, keepAlive: 100, slowKeepAlive: 9 }
    expect(sums({ ...short, clients, rate: 50 }).maxRequests).toBe('it sends up to 520 requests (52 a second for 10 s)')
  })
})
