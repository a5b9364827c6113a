import { describe, expect, test, vi } from 'vitest'
import { type Happening, type Rehearsal, type RehearsalOptions, rehearse, type Scenario } from '../src/index.js'
import { fixture, short } from './short.js'

/** Three pods that drain during their hook; endpoints are late enough to tell before from after. */
function run(scenario: Scenario, more: Partial<RehearsalOptions> = {}): Promise<Rehearsal> {
  return rehearse(
    short({
      scenario,
      replicas: undefined,
      env: { HOOK_MS: '400' },
      terminationGracePeriodSeconds: 5,
      preStop: { httpGet: { path: '/prestop' } },
      endpointLag: { min: 100, median: 150, max: 200 },
      clients: { keepAlive: 2, newConnection: 6, slowKeepAlive: 0 },
      ...more,
    }),
  )
}

/** What happened from the scenario's beginning on, without the load. */
function storyOf({ events }: Rehearsal) {
  const begun = events.findIndex(({ type }) => type === 'pod-deleted' || type === 'container-killed')
  return events.slice(begun).filter(({ type }) => type !== 'lost')
}

function typesOf(result: Rehearsal, pod: string): Array<Happening['type']> {
  const ofPod = storyOf(result).filter((event) => 'pod' in event && event.pod === pod)
  // What probes find while a pod ends depends on the moment.
  return ofPod.map(({ type }) => type).filter((type) => type !== 'pod-unready')
}

const indexOf = (result: Rehearsal, matches: (event: Happening) => boolean) => storyOf(result).findIndex(matches)
const exitOf = (pod: string) => (event: Happening) => event.type === 'pod-exit' && event.pod === pod
const without = (pod: string) => (event: Happening) => event.type === 'endpoints' && !event.pods.includes(pod)

describe.concurrent('scenario', () => {
  test('scale-down: half of the pods or one more go at once, the endpoints are told, nothing replaces them', async () => {
    const result = await run('scale-down')
    expect(result.events.find((event) => event.type === 'phase' && event.phase === 'scaling down')).toBeDefined()
    const leaving = ['pod-deleted', 'hook-start', 'hook-end', 'sigterm', 'pod-exit']
    const deleted = storyOf(result).flatMap((event) => (event.type === 'pod-deleted' ? [event.pod] : []))
    expect(deleted).toHaveLength(2)
    for (const pod of deleted) expect(typesOf(result, pod)).toEqual(leaving)
    expect(result.events.filter((event) => event.type === 'pod-start' && !event.old)).toEqual([])
    expect(result.events.findLast(({ type }) => type === 'endpoints')).toMatchObject({ pods: [expect.any(String)] })
    expect(result.summary).toMatchObject({ lost: 0, exits: { 'exit 0': 2 } })
  })

  test('liveness-kill: the hook runs, the same pod starts again, and only its own probe tells the endpoints', async () => {
    const result = await run('liveness-kill', { env: { HOOK_MS: '900' } })
    const killed = storyOf(result)[0] as Extract<Happening, { type: 'container-killed' }>
    expect(killed).toMatchObject({ type: 'container-killed', reason: 'liveness' })
    const life = ['container-killed', 'hook-start', 'hook-end', 'sigterm', 'pod-exit', 'pod-start', 'pod-ready']
    expect(typesOf(result, killed.pod)).toEqual(life)
    const [first, second] = result.events.filter((event) => event.type === 'pod-start' && event.pod === killed.pod)
    expect(second).toMatchObject({ ...first, t: expect.any(Number) })
    const unready = indexOf(result, ({ type }) => type === 'pod-unready')
    expect(unready).toBeGreaterThan(0)
    expect(indexOf(result, without(killed.pod))).toBeGreaterThan(unready)
    expect(result.summary.lost).toBe(0)
  })

  test('node-shutdown: no endpoint changes before the pods are dead, nobody probes them, others replace them', async () => {
    const result = await run('node-shutdown')
    const killed = storyOf(result).flatMap((event) => (event.type === 'container-killed' ? [event.pod] : []))
    expect(killed).toHaveLength(2)
    for (const pod of killed) {
      expect(typesOf(result, pod)).toEqual(['container-killed', 'hook-start', 'hook-end', 'sigterm', 'pod-exit'])
      expect(indexOf(result, without(pod))).toBeGreaterThan(indexOf(result, exitOf(pod)))
      expect(indexOf(result, (event) => event.type === 'pod-unready' && event.pod === pod)).toBe(-1)
    }
    const created = indexOf(result, (event) => event.type === 'pod-start' && !event.old)
    expect(created).toBeGreaterThan(indexOf(result, ({ type }) => type === 'pod-exit'))
    expect(result.events.filter((event) => event.type === 'pod-ready' && event.pod.startsWith('new-'))).toHaveLength(2)
    // It served during its hook only, and then nobody had been told.
    expect(result.summary.lost).toBeGreaterThan(0)
    expect(result.summary.diagnoses[0]?.fix).toMatch(/^No endpoint changes in time for this \(node shutdown\)/)
  })

  test('evict: one pod has a second for its hook and two after SIGTERM', async () => {
    const result = await run('evict', { env: { HOOK_MS: '60000' }, terminationGracePeriodSeconds: 30 })
    expect(storyOf(result).filter(({ type }) => type === 'container-killed')).toMatchObject([{ reason: 'eviction' }])
    expect(storyOf(result)).toContainEqual(expect.objectContaining({ type: 'hook-end', outcome: 'cut' }))
    expect(storyOf(result)).toContainEqual(expect.objectContaining({ type: 'sigterm', graceSeconds: 2 }))
    expect(result.events.filter((event) => event.type === 'pod-start' && !event.old)).toHaveLength(1)
  })

  test('on several nodes, clients of each go on using a pod until theirs knows', async () => {
    const endpointLag = { min: 10, median: 600, max: 1200 }
    const result = await run('scale-down', { nodes: 4, endpointLag, env: { HOOK_MS: '1400' } })
    const told = storyOf(result).flatMap((event) => (event.type === 'endpoints' ? [event] : []))
    expect(new Set(told.map(({ node }) => node))).toEqual(new Set([1, 2, 3, 4]))
    for (const node of [1, 2, 3, 4]) expect(told.findLast((event) => event.node === node)?.pods).toHaveLength(1)
    expect(result.summary.lost).toBe(0)
  })

  test('single-replica: the old pod serves until the new one is known, though it ends', async () => {
    const result = await run('single-replica')
    expect(result.options.replicas).toBe(1)
    expect(result.events.filter(({ type }) => type === 'pod-start')).toHaveLength(2)
    expect(result.summary.lost).toBe(0)
  })

  test('single-replica: with maxUnavailable 1, there is a time without any endpoint', async () => {
    const { summary } = await run('single-replica', {
      maxSurge: 0,
      maxUnavailable: 1,
      // Its probe fails, and the endpoint goes, long before the process does, and before the new pod begins.
      startDelay: 2000,
      env: { HOOK_MS: '3000' },
    })
    expect(summary.diagnoses).toContainEqual(
      expect.objectContaining({ kind: 'no endpoint', fix: expect.stringContaining('maxUnavailable: 0') }),
    )
  })

  test('crash: SIGKILL without a word before, and the container starts again', async () => {
    const result = await run('crash', { endpointLag: { min: 1000, median: 1000, max: 1000 } })
    const killed = storyOf(result)[0] as Extract<Happening, { type: 'container-killed' }>
    expect(killed.reason).toBe('crash')
    expect(typesOf(result, killed.pod)).toEqual(['container-killed', 'pod-exit', 'pod-start', 'pod-ready'])
    expect(result.summary.exits).toEqual({ SIGKILL: 1 })
    expect(result.summary.lost).toBeGreaterThan(0)
    expect(new Set(result.summary.diagnoses.map(({ kind }) => kind))).toEqual(new Set(['crash']))
  })

  test('overrun: SIGTERM comes into the hook, with two seconds left, while the app believes in its own grace', async ({
    onTestFinished,
  }) => {
    const told = '[ "$TERMINATION_GRACE_PERIOD_SECONDS" = 5 ] && [ "$KUBERNETES_SERVICE_HOST" = 127.0.0.1 ]'
    const args = ['-c', `${told} && [ -z "$KUBERNETES_PORT" ] && exec "$0" "$1"`, process.execPath]
    vi.stubEnv('KUBERNETES_PORT', 'tcp://10.96.0.1:443') // of a cluster that the rehearsal itself runs in
    onTestFinished(() => void vi.unstubAllEnvs())
    const server = fixture('server.mjs')
    const result = await run('overrun', { command: 'sh', args: [...args, server], env: { HOOK_MS: '60000' } })
    for (const pod of ['old-1', 'old-2', 'old-3']) {
      expect(typesOf(result, pod).slice(0, 4)).toEqual(['pod-deleted', 'hook-start', 'hook-end', 'sigterm'])
    }
    const ends = storyOf(result).filter(({ type }) => type === 'hook-end' || type === 'sigterm')
    for (const end of ends) {
      expect(end).toMatchObject(end.type === 'sigterm' ? { graceSeconds: 2 } : { outcome: 'cut' })
    }
  })
})

describe.concurrent('the reason is found for an app that', () => {
  async function diagnose(behaviour: string, more: Partial<RehearsalOptions> = {}) {
    const { summary, events } = await run('rollout', {
      replicas: 2,
      preStop: undefined,
      // Long beside the moment a busy machine takes to do anything.
      endpointLag: { min: 1200, median: 1300, max: 1400 },
      ...more,
      env: { BEHAVIOUR: behaviour, ...more.env },
    })
    for (const event of events) if (event.type === 'lost') expect(event.why).toMatch(/\b(old|new)-\d .*\.$/)
    return summary.diagnoses.map(({ kind, cause, why, fix }) => ({ kind, cause, why, fix }))
  }

  test('a process that fails on its way out, with the error it wrote', async () => {
    const diagnoses = await diagnose('fail')
    expect(diagnoses[0]).toMatchObject({ kind: 'failed' })
    expect(diagnoses[0]?.why).toMatch(/failed \(exit 1\)/)
    expect(diagnoses[0]?.fix).toContain('It wrote: Error: Cannot use a pool after calling end on the pool.')
  })

  test('a hook whose path the app does not have, which the kubelet ignores', async () => {
    const preStop = { httpGet: { path: '/prestpo?status=404' } }
    const [first] = await diagnose('no-hook', { preStop })
    expect(first?.fix).toMatch(/^The preStop hook GET \/prestpo\?status=404 was answered 404 at once/)
  })

  test('no fault of the drain in failures that were as frequent before', async () => {
    const clients = { keepAlive: 6, newConnection: 0, slowKeepAlive: 0 }
    const result = await run('scale-down', { env: { BEHAVIOUR: 'flaky', HOOK_MS: '400' }, clients, warmUp: 1000 })
    expect(result.summary).toMatchObject({ lost: 0, verdict: 'clean', lostByCause: {} })
    expect(result.summary.background).toBeGreaterThan(20)
    expect(result.summary.diagnoses.every(({ background }) => background)).toBe(true)
  })

  test('exits at once', async () => {
    expect(await diagnose('exit-on-sigterm')).toContainEqual({
      kind: 'listener closed',
      cause: 'refused',
      why: expect.stringMatching(/^old-\d (was gone|stopped listening) .* before the last client knew that it goes\.$/),
      fix: expect.stringContaining('lifecycle.preStop'),
    })
  })

  test('exits with requests in flight', async () => {
    const diagnoses = await diagnose('exit-on-sigterm', { env: { WORK_MS: '400' }, clients: { newConnection: 0 } })
    expect(diagnoses).toContainEqual({
      kind: 'exit',
      cause: 'reset',
      why: expect.stringMatching(/^old-\d ended \(exit 0\) .* after SIGTERM, .* after the request was sent\.$/),
      fix: expect.stringContaining('Exit only when nothing is in flight'),
    })
  })

  test('has no handler', async () => {
    const diagnoses = await diagnose('none', {
      pidNamespace: false,
      env: { WORK_MS: '400' },
      clients: { newConnection: 0 },
    })
    expect(diagnoses).toContainEqual(
      expect.objectContaining({ kind: 'exit', fix: expect.stringContaining('Handle SIGTERM') }),
    )
  })

  test('closes its listener and lives on', async () => {
    expect(await diagnose('close')).toContainEqual({
      kind: 'listener closed',
      cause: 'refused',
      why: expect.stringMatching(/^old-\d stopped listening .* after SIGTERM, .* before the last client knew/),
      fix: expect.stringContaining('Keep the listener open until clients know'),
    })
  })

  test('closes its listener after a sleep that is too short', async () => {
    const diagnoses = await diagnose('close', { preStop: { sleep: { seconds: 0.1 } } })
    expect(diagnoses).toContainEqual(
      expect.objectContaining({ fix: expect.stringContaining('Raise lifecycle.preStop.sleep.seconds from 0.1 to 5') }),
    )
  })

  test('answers 503', async () => {
    expect(await diagnose('refuse')).toContainEqual({
      kind: 'refused by the app',
      cause: 'status 503',
      why: expect.stringMatching(/^old-\d answered 503 .* after SIGTERM, /),
      fix: expect.stringContaining('Answer every request until the process exits'),
    })
  })

  test('closes kept connections under its clients', async () => {
    expect(await diagnose('drop', { clients: { keepAlive: 3, newConnection: 0 } })).toContainEqual({
      kind: 'keep-alive connection closed',
      cause: 'reset',
      why: expect.stringMatching(
        /^old-\d closed a keep-alive connection .* after SIGTERM, .* after the request was sent over it\.$/,
      ),
      fix: expect.stringContaining('Connection: close'),
    })
  })

  test('cuts responses', async () => {
    const requests = { stream: '/stream' }
    const diagnoses = await diagnose('cut', { requests, clients: { streaming: 6 } })
    expect(diagnoses).toContainEqual(
      expect.objectContaining({ kind: 'cut by the app', fix: expect.stringContaining('closeAllConnections()') }),
    )
  })

  test('does not handle SIGTERM', async () => {
    // So many clients keep their connection, and a request is on it nearly all the time.
    const more = { env: { WORK_MS: '400' }, clients: { keepAlive: 6, newConnection: 0 } }
    const diagnoses = await diagnose('ignore-sigterm', { terminationGracePeriodSeconds: 2, ...more })
    expect(diagnoses).toContainEqual({
      kind: 'killed',
      cause: 'reset',
      why: expect.stringMatching(/^SIGKILL ended old-\d \d+\.\d s after SIGTERM, \d+ ms after the request was sent\.$/),
      fix: expect.stringContaining('Handle SIGTERM'),
    })
  })

  test('has requests that take longer than the grace period', async () => {
    const more = { terminationGracePeriodSeconds: 2, env: { WORK_MS: '4000' }, warmUp: 1000 }
    const diagnoses = await diagnose('drain', { ...more, clients: { keepAlive: 4, newConnection: 0 } })
    expect(diagnoses).toContainEqual(
      expect.objectContaining({
        kind: 'killed',
        fix: expect.stringMatching(
          /^Raise terminationGracePeriodSeconds from 2 to \d+: 5 s until clients know, and requests/,
        ),
      }),
    )
  })

  test('says that it is ready before it is', async () => {
    expect(await diagnose('early', { endpointLag: { min: 10, median: 20, max: 30 } })).toContainEqual({
      kind: 'not ready',
      cause: 'status 500',
      why: expect.stringMatching(/^new-\d had been ready by its probe for \d+ ms, but did not serve: status 500/),
      fix: 'Let /readyz fail until the app can serve what clients ask for.',
    })
  })
})

describe.concurrent('over every protocol', () => {
  const protocols = (behaviour: string, more: Partial<RehearsalOptions>) =>
    run('rollout', {
      replicas: 2,
      args: [fixture('protocols.mjs')],
      env: { BEHAVIOUR: behaviour },
      requests: { download: '/download', webSocket: '/ws', sse: '/events', http2: '/work' },
      clients: { slowReader: 1, webSocket: 4, sse: 4, http2: 4 },
      ...more,
    })

  test('an app that ends its connections in an orderly way loses nothing', async () => {
    const { summary, events } = await protocols('farewell', {})
    expect(events.filter(({ type }) => type === 'lost')).toEqual([])
    const { slowReader, webSocket, sse, http2 } = summary.requestsByClient
    expect(Math.min(slowReader, webSocket, sse, http2)).toBeGreaterThan(0)
  })

  test('an app that exits at once gets the advice for each protocol', async () => {
    const { summary } = await protocols('exit', { preStop: undefined, clients: { webSocket: 4, sse: 4, http2: 4 } })
    const fixes = summary.diagnoses.map(({ kind, fix, example }) => `${example.client} ${kind}: ${fix}`)
    expect(fixes).toContainEqual(expect.stringMatching(/^sse exit: Before the exit, end event streams/))
    // The other kinds lose only what is under way in that instant, which may be nothing: `clients.test.ts` has those.
    expect(summary.lostByClient.sse).toBeGreaterThan(0)
  })
})
