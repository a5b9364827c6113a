import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Drain } from '@podrain/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { type KubernetesOptions, kubernetes } from '../src/index.js'
import { EvictionApi, evictor } from './evictions.js'
import { FakeClock, FakeProcess, Log, pass as passBy } from './support.js'

const own = 'example.com/web'
const minute = 60_000

interface Stage {
  readonly api: EvictionApi
  readonly drain: Drain
  readonly clock: FakeClock
  readonly process: FakeProcess
  readonly log: Log
  pass(ms: number): Promise<void>
  /** Lets time pass until the condition is true. */
  until(so: () => boolean): Promise<void>
}

async function stage(prepare: (api: EvictionApi) => void = () => {}, options: KubernetesOptions = {}): Promise<Stage> {
  const [clock, process, log] = [new FakeClock(), new FakeProcess(), new Log()]
  const api = new EvictionApi(clock)
  prepare(api)
  const kubeConfig = await api.start()
  const drain = new Drain({ clock, process, logger: log, keepAliveCap: 0, platform: 'kubernetes', progress: false })
  const pod = { pod: api.pod.name, namespace: 'default' }
  const { stop } = kubernetes(drain, { ...pod, kubeConfig, services: false, evictionResponder: own, ...options })
  onTestFinished(async () => {
    stop()
    await drain.dispose()
    api.stop()
  })
  const pass = (ms: number): Promise<void> => passBy(clock, ms, 1000)
  const until = async (so: () => boolean): Promise<void> => {
    while (!so()) {
      await pass(100)
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
  }
  return { api, drain, clock, process, log, pass, until }
}

/** A task, and the function that finishes it. */
function task(drain: Drain, name: string): () => void {
  let finish = (): void => {}
  const promise = new Promise<void>((resolve) => {
    finish = resolve
  })
  drain.waitUntil(promise, { name })
  return finish
}

const active = ({ api }: Stage): string | undefined =>
  [...api.evictions.values()].at(-1)?.status.targetResponders.find(({ state }) => state === 'Active')?.name

describe('a pod that is to be evicted', () => {
  test('finishes its work, however long that takes, sends heartbeats, and is evicted when it is free', async () => {
    const one = await stage()
    const { api, drain, pass, until } = one
    const finish = task(drain, 'report 7')
    await until(() => api.watching === 1)
    api.request([own])
    await until(() => drain.state === 'draining')
    await until(() => api.said.length === 1)
    expect(api.said[0]).toMatchObject({
      name: own,
      message: 'podrain: 0 requests in flight; tasks: report 7',
      type: 'application/strategic-merge-patch+json',
    })
    await pass(60 * minute)
    expect(drain.lastCall.aborted).toBe(false)
    expect(active(one)).toBe(own)
    const beats = api.said.map(({ at }) => at)
    expect(beats.length).toBeGreaterThan(15)
    for (const [n, at] of beats.entries()) {
      expect(Math.abs(Date.parse(api.said[n]?.heartbeatTime ?? '') - at)).toBeLessThan(3000)
      // Heartbeats more often than once a minute are refused. After 20 minutes without one, the turn is over.
      if (n > 0) expect(at - (beats[n - 1] ?? 0)).toBeGreaterThan(minute)
      if (n > 0) expect(at - (beats[n - 1] ?? 0)).toBeLessThan(10 * minute)
    }
    finish()
    await until(() => active(one) === evictor)
    const last = api.said.at(-1)
    expect(last?.completionTime).toBeDefined()
    expect(last).not.toHaveProperty('heartbeatTime')
    expect(drain.state).toBe('draining')
  })

  test('drains again for the Eviction if it had joined a drain that was undone because no signal came', async () => {
    const { api, drain, until } = await stage()
    const finish = task(drain, 'report 7')
    await until(() => api.watching === 1)
    void drain.prestop({ hook: false })
    api.request([own])
    await until(() => api.said.length === 1)
    let served = false
    drain.on('state', (state) => {
      served ||= state === 'serving'
    })
    await until(() => served)
    await until(() => drain.state === 'draining')
    expect(api.said.every(({ completionTime }) => completionTime === undefined)).toBe(true)
    finish()
    await until(() => api.said.at(-1)?.completionTime !== undefined)
  })

  test('has its whole grace period from the deletion', async () => {
    const { api, drain, process, until, pass } = await stage()
    await until(() => api.watching === 1)
    api.request([own])
    await until(() => api.said.some(({ completionTime }) => completionTime !== undefined))
    await pass(10 * minute)
    task(drain, 'late')
    void process.signal('SIGTERM')
    expect(drain.status().budgetMs).toBe(29_000)
  })

  test('serves again when the eviction is canceled, and sends no more heartbeats', async () => {
    const { api, drain, pass, until, log } = await stage()
    const finish = task(drain, 'report 7')
    await until(() => api.watching === 1)
    const eviction = api.request([own])
    await until(() => drain.state === 'draining' && api.said.length === 1)
    api.cancel(eviction)
    await until(() => drain.state === 'serving')
    expect(log.matching(/the Eviction pod-1-web-1 is withdrawn: serving again/)).toHaveLength(1)
    finish()
    await pass(30 * minute)
    expect(api.said).toHaveLength(1)
    api.request([own])
    await until(() => drain.state === 'draining')
  })

  test.each([
    ['even after it has reported that it is free', true],
    ['while it still has work', false],
  ])('serves again when the Eviction is removed and the watch has missed that, %s', async (_, free) => {
    const { api, drain, pass, until } = await stage()
    if (!free) task(drain, 'report 7')
    await until(() => api.watching === 1)
    const eviction = api.request([own])
    await until(() => api.said.some((each) => (free ? each.completionTime : each.heartbeatTime) !== undefined))
    api.remove(eviction, true)
    await pass(5 * minute)
    await until(() => drain.state === 'serving')
  })

  test('waits for its turn when another responder is first', async () => {
    const one = await stage()
    const { api, drain, pass, until } = one
    await until(() => api.watching === 1)
    const eviction = api.request(['example.com/first', own])
    await pass(10 * minute)
    expect(drain.state).toBe('serving')
    expect(api.said).toEqual([])
    await pass(11 * minute)
    api.lookAt(eviction)
    await until(() => active(one) === evictor)
    expect(new Set(api.said.map(({ name }) => name))).toEqual(new Set([own]))
  })

  test('goes on draining when its turn is over because its heartbeats were not received', async () => {
    const one = await stage()
    const { api, drain, pass, until } = one
    task(drain, 'report 7')
    await until(() => api.watching === 1)
    const eviction = api.request([own])
    await until(() => api.said.length === 1)
    api.misbehave = (call, response) => {
      if (!call.startsWith('PATCH')) return false
      response.writeHead(500).end()
      return true
    }
    await pass(21 * minute)
    api.lookAt(eviction)
    api.misbehave = () => false
    await until(() => active(one) === evictor)
    await pass(10 * minute)
    expect(drain.state).toBe('draining')
    expect(api.said).toHaveLength(1)
    api.cancel(eviction)
    await until(() => drain.state === 'serving')
  })

  test('drains, too, if its process was started during its turn', async () => {
    const { api, drain, until } = await stage((cluster) => void cluster.request([own]))
    await until(() => drain.state === 'draining')
    await until(() => api.said.some(({ completionTime }) => completionTime !== undefined))
  })
})

test('a pod ignores the Eviction of another pod, and of an earlier pod with the same name', async () => {
  const { api, drain, pass, until } = await stage((cluster) => {
    cluster.request([own], { name: 'web-1', uid: 'uid-of-an-earlier-one' })
  })
  await until(() => api.watching === 1)
  api.request([own], { name: 'web-2', uid: 'uid-of-web-2' })
  await pass(minute)
  expect(drain.state).toBe('serving')
  expect(api.said).toEqual([])
})

describe('an API', () => {
  test('that has no Evictions is asked rarely, and the log says so once', async () => {
    const { api, drain, pass, log, until } = await stage((cluster) => {
      cluster.misbehave = (call, response) => {
        if (!call.includes('/evictions')) return false
        response.writeHead(404).end('404 page not found')
        return true
      }
    })
    const asked = (): number => api.calls.filter(({ call }) => call.includes('/evictions')).length
    await until(() => asked() === 1)
    await pass(120 * minute)
    expect(asked()).toBeGreaterThan(2)
    expect(asked()).toBeLessThanOrEqual(13)
    expect(log.matching(/this cluster has no lifecycle\.k8s\.io\/v1alpha1/)).toHaveLength(1)
    expect(drain.state).toBe('serving')
  })

  test('that forbids heartbeats: the log names the missing rule, and the pod drains nevertheless', async () => {
    const { api, drain, log, until } = await stage((cluster) => {
      cluster.misbehave = (call, response) => {
        if (!call.startsWith('PATCH')) return false
        response.writeHead(403).end(JSON.stringify({ kind: 'Status', code: 403, message: 'forbidden' }))
        return true
      }
    })
    await until(() => api.watching === 1)
    api.request([own])
    await until(() => log.matching(/resources: \[evictions, evictions\/status\]/).length === 1)
    expect(drain.state).toBe('draining')
  })

  test('that is down for an hour changes nothing, and its later events count', async () => {
    const { api, drain, pass, until } = await stage()
    await until(() => api.watching === 1)
    let isAway = true
    api.misbehave = (_, response) => {
      if (isAway) response.destroy()
      return isAway
    }
    api.endWatches()
    await pass(60 * minute)
    expect(drain.state).toBe('serving')
    isAway = false
    await until(() => api.watching === 1)
    api.request([own])
    await until(() => drain.state === 'draining')
  })
})

test('rbac-eviction.yaml allows the requests that are sent, and no others', async () => {
  const { api, until, pass } = await stage()
  await until(() => api.watching === 1)
  api.request([own])
  await until(() => api.said.some(({ completionTime }) => completionTime !== undefined))
  await pass(4 * minute)
  const verbs = { 'GET watch': 'watch', 'GET one': 'get', 'PATCH status': 'patch' }
  const asked = api.calls.flatMap(({ call }) => {
    const [, method, name, status, watch] =
      /^(\w+) \/apis\/lifecycle\.k8s\.io\/v1alpha1\/namespaces\/default\/evictions(\/[^/ ]+)?(\/status)?( watch)?$/.exec(
        call,
      ) ?? []
    if (method === undefined) return []
    const verb = verbs[`${method} ${watch ? 'watch' : status ? 'status' : name ? 'one' : ''}` as keyof typeof verbs]
    return [`${verb} evictions${status ?? ''}`]
  })
  const [role] = parseAllDocuments(readFileSync(join(__dirname, '..', 'rbac-eviction.yaml'), 'utf8'))
  const rules: { apiGroups: string[]; resources: string[]; verbs: string[] }[] = role?.toJS().rules
  const allowed = rules.flatMap(({ resources, verbs }) =>
    resources.flatMap((each) => verbs.map((verb) => `${verb} ${each}`)),
  )
  expect(new Set(asked)).toEqual(new Set(allowed))
  expect(rules.flatMap(({ apiGroups }) => apiGroups)).toEqual(['lifecycle.k8s.io', 'lifecycle.k8s.io'])
})

describe('the option', () => {
  test.each([['web'], ['example.com/'], ['a.k8s.io/web'], ['Example.com/web'], ['example.com/a/b'], [true as never]])(
    '%j is not a valid name of a responder',
    async (evictionResponder) => {
      await expect(stage(() => {}, { evictionResponder })).rejects.toThrow(
        'Expected `evictionResponder` to be a domain and a name, such as `example.com/checkout`, or false, got',
      )
    },
  )

  test('left out: no request for Evictions is sent', async () => {
    const { api, pass } = await stage(() => {}, { evictionResponder: false })
    await pass(10_000)
    expect(api.calls.map(({ call }) => call)).toEqual(['GET /api/v1/namespaces/default/pods watch'])
  })
})
