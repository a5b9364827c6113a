import { describe, expect, test } from 'vitest'
import { BackOff } from '../src/cluster/kubelet/back-off.js'
import { type Rehearsal, type RehearsalOptions, rehearse } from '../src/index.js'
import { fixture, short } from './short.js'

function run(more: Partial<RehearsalOptions>): Promise<Rehearsal> {
  const clients = { keepAlive: 2, newConnection: 2, slowKeepAlive: 0 }
  return rehearse(short({ preStop: { httpGet: { path: '/prestop' } }, clients, ...more }))
}

/** When something happened to a pod for the first time. */
function at({ events }: Rehearsal, type: string, pod: string): number {
  return events.find((event) => event.type === type && 'pod' in event && event.pod === pod)?.t ?? Number.NaN
}

describe.concurrent('a rolling update', () => {
  test('deletes no old pod before a new one has been ready for minReadySeconds', async () => {
    const result = await run({ minReadySeconds: 1, maxSurge: 1, maxUnavailable: 0 })
    const [first, second] = ['new-1', 'new-2'].map((pod) => at(result, 'pod-ready', pod))
    const deletions = result.events.flatMap(({ t, type }) => (type === 'pod-deleted' ? [t] : []))
    expect((deletions[0] ?? 0) - (first ?? 0)).toBeGreaterThan(995)
    expect((deletions[1] ?? 0) - (second ?? 0)).toBeGreaterThan(995)
  })

  test('sends to a pod without a readiness probe before it listens, and says that it needs one', async () => {
    const slow = `setTimeout(() => import('${fixture('server.mjs')}'), 600)`
    const { summary } = await run({ args: ['-e', slow], readinessProbe: null, coolDown: 1000 })
    expect(summary.lost).toBeGreaterThan(0)
    expect(summary.diagnoses).toContainEqual(
      expect.objectContaining({
        kind: 'not ready',
        fix: expect.stringMatching(/^Give the container a readinessProbe/),
      }),
    )
  })
})

describe.concurrent('probes', () => {
  /** Liveness probes do not begin before the app listens. */
  const startupProbe = { path: null, periodSeconds: 0.1, failureThreshold: 1000, timeoutSeconds: 5 }

  test('begin after initialDelaySeconds, and pass after successThreshold', async () => {
    const result = await run({
      readinessProbe: { periodSeconds: 0.2, timeoutSeconds: 5, initialDelaySeconds: 0.5, successThreshold: 3 },
    })
    for (const pod of ['old-1', 'new-1']) {
      expect(at(result, 'pod-ready', pod) - at(result, 'pod-start', pod)).toBeGreaterThan(890)
    }
  })

  test('of readiness begin when the startup probe has passed', async () => {
    const command = ['sh', '-c', 'sleep 0.5']
    const result = await run({ startupProbe: { exec: command, periodSeconds: 0.1, timeoutSeconds: 5 } })
    expect(at(result, 'pod-ready', 'new-1') - at(result, 'pod-start', 'new-1')).toBeGreaterThan(495)
    expect(result.summary.lost).toBe(0)
  })

  test('of liveness do not restart a container whose pod is being deleted', async () => {
    // It is alive until it drains, as its readiness says.
    const livenessProbe = { path: '/readyz', periodSeconds: 0.1, failureThreshold: 1, timeoutSeconds: 5 }
    const result = await run({ startupProbe, livenessProbe, env: { HOOK_MS: '600' } })
    expect(result.events.filter(({ type }) => type === 'container-killed')).toEqual([])
  })

  test('of liveness restart a container that fails them while nobody deletes its pod', async () => {
    const livenessProbe = { path: '/alive', periodSeconds: 0.1, failureThreshold: 1, timeoutSeconds: 5 }
    const result = await run({ startupProbe, livenessProbe, env: { BEHAVIOUR: 'ill' }, warmUp: 2500 })
    const kills = result.events.filter((event) => event.type === 'container-killed')
    expect(kills[0]).toMatchObject({ pod: 'old-1', reason: 'liveness' })
    expect(kills.every((kill) => kill.type === 'container-killed' && kill.pod === 'old-1')).toBe(true)
    const starts = result.events.filter((event) => event.type === 'pod-start' && event.pod === 'old-1')
    expect(starts.length).toBeGreaterThan(1)
  })

  test('of liveness restart a container once at once, and then not for 10 s; its pod can be deleted meanwhile', async () => {
    const livenessProbe = { path: '/alive', periodSeconds: 0.1, failureThreshold: 1, timeoutSeconds: 5 }
    const env = { BEHAVIOUR: 'ill', ILL_MS: '300' }
    const { events } = await run({ startupProbe, livenessProbe, env, warmUp: 4000 })
    const ofOld1 = events.filter((event) => 'pod' in event && event.pod === 'old-1')
    const story = ofOld1.flatMap(({ type }) => (/^pod-(?:start|exit|deleted)$|^back-off$/.test(type) ? [type] : []))
    expect(story).toEqual(['pod-start', 'pod-exit', 'pod-start', 'pod-exit', 'back-off', 'pod-deleted'])
    expect(ofOld1).toContainEqual(expect.objectContaining({ type: 'back-off', seconds: 10 }))
  })
})

test('a container that ends again and again waits twice as long each time, up to 300 s, until it was well for 10 minutes', () => {
  const backOff = new BackOff()
  let now = 5000
  const endAfter = (ms: number) => {
    now += ms
    const wait = backOff.endedAt(now)
    now += wait
    return wait / 1000
  }
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(endAfter)).toEqual([0, 10, 20, 40, 80, 160, 300, 300])
  expect([600_000, 600_001, 1].map(endAfter)).toEqual([300, 0, 10])
})
