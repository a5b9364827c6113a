import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { cluster, configFor, deletedAt, recordedLines, recording, turns } from './support.js'

/** The pod follows its cluster, and is about to be deleted. */
async function following(...args: Parameters<typeof cluster>): ReturnType<typeof cluster> {
  const pod = await cluster(...args)
  await expect.poll(() => pod.api.watching).toBe(1)
  await pod.pass(deletedAt - 20)
  return pod
}

/** The hook comes 10 ms after the deletion; says when it was answered, in milliseconds since the deletion. */
async function hookAnswered({ drain, api, pass }: Awaited<ReturnType<typeof cluster>>): Promise<number> {
  await pass(30)
  let answered: number | undefined
  void drain.prestop().then(() => {
    answered = api.elapsed - deletedAt
  })
  for (let passed = 0; passed < 40_000 && answered === undefined; passed += 20) await pass(20)
  return answered ?? Number.POSITIVE_INFINITY
}

/** What happened, with the slices as they were. */
const slicesThatStay = { lines: { ...recordedLines(), endpointslices: [] } }

describe('what was recorded of a real cluster:', () => {
  test('the pod drains when it is deleted, before any hook or signal, with the time it was really given', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 })
    expect(pod.drain.state).toBe('serving')
    await pod.pass(20)
    await expect.poll(() => pod.drain.state).toBe('draining')
    expect(pod.drain.committed).toBe(false)
    expect(pod.drain.status().budgetMs).toBe(20_000 - 1000)
    expect(pod.log.matching(/draining because of the deletion of the pod/)).toHaveLength(1)
  })

  test('without the hook or the signal it does not end', async () => {
    const pod = await following()
    await pod.pass(10_000)
    expect(pod.drain.state).toBe('draining')
  })

  test('the hook is answered two seconds after the slice has let go of the pod, and not only after settle.min', async () => {
    const letGo = 2053 - deletedAt
    const answered = await hookAnswered(await following())
    expect(answered).toBeGreaterThanOrEqual(letGo + 2000)
    // The API is asked within half a second, and again when the two seconds are over.
    expect(answered).toBeLessThan(letGo + 2000 + 1000)
  })

  test('not sooner than `quiet` asks, and not sooner than `settleAfter` says', async () => {
    expect(await hookAnswered(await following({ settleAfter: 0 }))).toBeGreaterThanOrEqual(1000)
    expect(await hookAnswered(await following({ settleAfter: 3000 }))).toBeGreaterThanOrEqual(3000)
  })

  test.each([
    ['a settle.min of its own', {}, { settle: { min: 5000 } }],
    ['a load balancer outside of the cluster', {}, { behind: 'envoy' }],
    ['`settleAfter: false`', { settleAfter: false }, {}],
    ['`services: false`', { services: false }, {}],
  ] as const)('with %s the word of a slice is not enough to end the wait', async (_, options, drainOptions) => {
    const pod = await cluster(options, drainOptions)
    await expect.poll(() => pod.api.watching).toBe(1)
    await pod.pass(deletedAt - 20)
    expect(await hookAnswered(pod)).toBeGreaterThanOrEqual(5000)
  })

  test('while the API says that a slice lists the pod, it waits on, up to `settle.max`', async () => {
    const answered = await hookAnswered(await following({}, {}, slicesThatStay))
    expect(answered).toBeGreaterThanOrEqual(10_000 - 20)
    expect(answered).toBeLessThan(10_200)
    const longer = await hookAnswered(await following({}, { settle: { max: 12_000 } }, slicesThatStay))
    expect(longer).toBeGreaterThanOrEqual(12_000 - 20)
  })

  test('a watch that has gone dead looks the same, but does not delay it: nobody confirms what it said', async () => {
    const pod = await following({}, {}, slicesThatStay)
    pod.api.misbehave = (call) => call.verb === 'list' // and never answers
    const answered = await hookAnswered(pod)
    expect(answered).toBeGreaterThanOrEqual(5000 - 20)
    expect(answered).toBeLessThan(5200)
  })

  test('a Service that publishes what is not ready lists the pod to the end, and does not hold it', async () => {
    const lines = recordedLines()
    for (const entry of lines.endpointslices) entry.line = entry.line.replace('"ready":false', '"ready":true')
    const answered = await hookAnswered(await following({}, {}, { lines }))
    expect(answered).toBeGreaterThanOrEqual(5000 - 20)
    expect(answered).toBeLessThan(5200)
  })

  test('a deletion that shortens another leaves less time; the stream goes on', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 })
    await pod.pass(20)
    await expect.poll(() => pod.drain.state).toBe('draining')
    await pod.pass(1000)
    const [{ line = '' } = {}] = pod.api.lines.pods
    pod.api.tell('pods', line.replace('"deletionGracePeriodSeconds":20', '"deletionGracePeriodSeconds":8'))
    // Of a short time a fifth is kept for closing, and as much in reserve, as where the options say so.
    await pod.until(() => pod.drain.status().budgetMs <= 7000 - 1000)
  })

  test('a pod that somebody removes by force is killed within two seconds, and uses what it has of them', async () => {
    const pod = await following()
    const [{ line = '' } = {}] = recordedLines().pods
    pod.api.tell('pods', line.replace('"MODIFIED"', '"DELETED"').replace(/"deletion\w+":[^,]+,/g, ''))
    await expect.poll(() => pod.drain.state).toBe('draining')
    expect(pod.drain.status().budgetMs).toBe(1600)
  })

  test('another pod of that name, as a StatefulSet makes them, is none of its business', async () => {
    const pod = await following()
    const [{ line = '' } = {}] = recordedLines().pods
    pod.api.tell('pods', line.replace('e906a495-84fd-489c-ac3c-83fe49728714', 'f906a495-84fd-489c-ac3c-83fe49728714'))
    pod.api.tell(
      'pods',
      '{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"5957","name":"web-77cc4c8ffd-lrhwk"}}}',
    )
    await pod.pass(10)
    expect(pod.drain.state).toBe('serving')
  })

  test('a line that has no end costs a little memory, not all of it', async () => {
    const pod = await cluster(
      {},
      {},
      {
        misbehave(call, response) {
          if (call.verb !== 'watch' || pod?.api.calls.length > 1) return false
          response.write(`{"type":"MODIFIED","object":"${'x'.repeat(5_000_000)}`)
          return true
        },
      },
    )
    await expect.poll(() => pod.log.matching(/a line has more than \d+ characters/)).toHaveLength(1)
    await pod.until(() => pod.drain.state === 'draining') // by the next watch
  })

  test('a watch from a version that is too old begins anew in the cache, and finds the deletion there', async () => {
    const { body } = recording('watch-too-old')
    const pod = await following()
    pod.api.misbehave = (call, response) => {
      if (call.query.get('resourceVersion') === '0') return false
      response.end(body)
      return true
    }
    pod.api.endWatches()
    await pod.until(() => pod.drain.state === 'draining')
    expect(pod.api.called('list', 'pods')).toEqual([])
    expect(pod.api.called('watch', 'pods').map(({ query }) => query.get('resourceVersion'))).toEqual(['0', '5946', '0'])
    expect(pod.log.matching(/^(warn|error)/)).toEqual([])
  })

  test('with a token that is not valid any more it says so once, and goes on when there is another', async () => {
    const { status, headers, body } = recording('unauthorized')
    let valid = false
    const pod = await cluster(
      {},
      {},
      {
        misbehave(_call, response) {
          if (!valid) response.writeHead(status, headers).end(body)
          return !valid
        },
      },
    )
    await expect.poll(() => pod.api.calls.length).toBe(1)
    await pod.until(() => pod.api.calls.length >= 2)
    valid = true
    await pod.until(() => pod.api.watching === 1)
    await pod.pass(10_000) // for so long a watch has to be open
    expect(pod.log.matching(/Unauthorized/)).toHaveLength(1)
    expect(pod.log.matching(/works again/)).toHaveLength(1)
  })

  test.each([
    ['fast', 15_000],
    ['slow', -15_000],
  ])('by a clock that is %s no time is lost: what a watch tells has just happened', async (_, ms) => {
    const pod = await following(
      {},
      {},
      {
        misbehave(call, response) {
          if (call.verb === 'watch')
            response.setHeader('date', new Date(Date.parse(String(response.getHeader('date'))) + ms).toUTCString())
          return false
        },
      },
    )
    await pod.pass(20)
    await expect.poll(() => pod.drain.state).toBe('draining')
    expect(pod.drain.status().budgetMs).toBe(20_000 - 1000)
  })

  test('a watch that is opened again, by a clock that is fast, takes no more time than since the pod was last known to be alive', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 })
    pod.api.misbehave = (_call, response) => {
      response.setHeader('date', new Date(Date.parse(String(response.getHeader('date'))) + 15_000).toUTCString())
      return false
    }
    pod.api.tell(
      'pods',
      '{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"5957","name":"web-77cc4c8ffd-lrhwk"}}}',
    )
    await turns(20)
    pod.api.endWatches()
    await turns(20)
    void pod.drain.prestop()
    await pod.until(() => pod.drain.status().budgetMs < 20_000)
    const since = pod.api.elapsed - deletedAt + 20
    expect(pod.drain.status().budgetMs).toBeGreaterThanOrEqual(20_000 - 1000 - since - 200)
  })

  test('a failure whose answer never ends is given up like one that never comes', async () => {
    const pod = await cluster(
      {},
      {},
      {
        misbehave(call, response) {
          if (call.verb === 'watch') response.writeHead(503).flushHeaders()
          return call.verb === 'watch'
        },
      },
    )
    await expect.poll(() => pod.api.called('watch', 'pods').length).toBe(1)
    await pod.pass(20_000)
    await pod.until(() => pod.api.called('watch', 'pods').length > 1)
    expect(pod.api.elapsed).toBeLessThan(200_000)
  })

  test('credentials that do not come are waited for as long as an answer, and asked for again', async () => {
    const asked: (() => void)[] = []
    const kubeConfig = {
      ...configFor(1),
      applyToHTTPSOptions: () => new Promise<void>((resolve) => void asked.push(resolve)),
    }
    const pod = await cluster({ kubeConfig })
    await expect.poll(() => asked.length).toBe(1)
    await pod.until(() => asked.length >= 2)
    expect(pod.log.matching(/the API server did not respond in time/)).toHaveLength(1)
    pod.stop()
    for (const resolve of asked) resolve()
    await turns(5)
    expect(pod.api.calls).toEqual([])
  })

  test('a Service without an address of its own is found by DNS, which remembers for longer: the wait is as without slices', async () => {
    const headless = (text: string): string =>
      text.replace(
        '"kubernetes.io/service-name":"web"',
        '"kubernetes.io/service-name":"web","service.kubernetes.io/headless":""',
      )
    const lines = recordedLines()
    for (const entry of lines.endpointslices) entry.line = headless(entry.line)
    const answered = await hookAnswered(await following({}, {}, { lines }))
    expect(answered).toBeGreaterThanOrEqual(5000 - 20)
    expect(answered).toBeLessThan(5200)
  })

  test('an API that wants to be left alone is, while a slice still lists the pod', async () => {
    const pod = await following({}, {}, slicesThatStay)
    pod.api.misbehave = (call, response) => {
      if (call.verb === 'list') response.writeHead(429, { 'retry-after': '4' }).end()
      return call.verb === 'list'
    }
    const before = pod.api.called('list', 'endpointslices').length
    const answered = await hookAnswered(pod)
    expect(answered).toBeLessThan(5200)
    expect(pod.api.called('list', 'endpointslices').length - before).toBeLessThanOrEqual(2)
  })

  test('nobody is asked any more when `settle.max` is over, however long the drain', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 }, slicesThatStay)
    pod.drain.waitUntil(new Promise(() => {}))
    void pod.drain.prestop()
    await pod.pass(12_000)
    const asked = pod.api.calls.length
    await pod.pass(5000)
    expect(pod.drain.state).toBe('draining')
    expect(pod.api.calls.length).toBe(asked)
  })

  test('a watch that the API ends in its time is opened again within seconds, where it was', async () => {
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [] } })
    const [first] = pod.api.called('watch', 'pods')
    pod.clock.advance(Number(first?.query.get('timeoutSeconds')) * 1000)
    pod.api.endWatches()
    await turns(20)
    await pod.pass(5000)
    await expect.poll(() => pod.api.called('watch', 'pods').length).toBe(2)
    expect(pod.api.called('watch', 'pods')[1]?.query.get('resourceVersion')).toBe('5946')
  })

  test('a watch that ends as soon as it begins is not opened again as soon', async () => {
    const pod = await cluster(
      {},
      {},
      {
        lines: { pods: [], endpointslices: [] },
        misbehave(call, response) {
          if (call.verb === 'watch') response.end()
          return call.verb === 'watch'
        },
      },
    )
    await pod.until(() => pod.api.calls.length >= 4)
    await pod.pass(60_000)
    expect(pod.api.calls.length).toBeLessThan(50)
  })

  test('a pod that is not ready for a moment, and not deleted, is waited for as without slices', async () => {
    const [first] = recordedLines().endpointslices
    const line = (first?.line ?? '').replace(
      '"ready":false,"serving":true,"terminating":true',
      '"ready":false,"serving":false,"terminating":false',
    )
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [{ ms: 1000, line }] } })
    expect(await hookAnswered(pod)).toBeGreaterThanOrEqual(5000)
  })

  test('what is sent while serving: one watch of one pod, and once, which slices list it and what their Service says', async () => {
    const pod = await following({ services: ['web', 'web-admin'] }, {}, { lines: { pods: [], endpointslices: [] } })
    const { api } = pod
    const [watch] = api.calls
    expect(Object.fromEntries(watch?.query ?? [])).toMatchObject({
      watch: 'true',
      fieldSelector: 'metadata.name=web-77cc4c8ffd-lrhwk',
      resourceVersion: '0',
      allowWatchBookmarks: 'true',
    })
    const seconds = Number(watch?.query.get('timeoutSeconds'))
    expect(seconds).toBeGreaterThanOrEqual(1800)
    expect(seconds).toBeLessThanOrEqual(3600)
    await pod.pass(7000)
    expect(api.calls).toHaveLength(1)
    await pod.pass(65_000)
    await expect.poll(() => api.calls.length).toBe(3)
    const [list] = api.called('list', 'endpointslices')
    expect(Object.fromEntries(list?.query ?? [])).toEqual({
      labelSelector: 'kubernetes.io/service-name in (web,web-admin)',
      resourceVersion: '0',
    })
    expect(list?.gzip).toBe(true)
    expect(api.called('get', 'services')).toHaveLength(1)
    await pod.pass(600_000)
    expect(api.calls).toHaveLength(3)
  })

  test('what is sent while draining, of a pod that knows its slices: each by its name, until its word is known', async () => {
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [] } })
    await pod.until(() => pod.api.calls.length === 3)
    void pod.drain.prestop()
    await pod.pass(12_000)
    const asked = pod.api.calls.slice(3)
    expect(new Set(asked.map(({ query }) => query.get('fieldSelector')))).toEqual(new Set(['metadata.name=web-4vbgz']))
    // Once a second, up to `settle.max`, for the slice still lists the pod.
    expect(asked.length).toBeGreaterThanOrEqual(9)
    expect(asked.length).toBeLessThanOrEqual(11)
  })

  test('a pod that is not ready asks for no slices, as none lists it', async () => {
    const pods = recordedLines()
      .pods.slice(0, 1)
      .map(({ line }) => ({
        ms: 0,
        line: line
          .replace(/"deletion\w+":[^,]+,/g, '')
          .replace(/("type":"Ready",(?:"observedGeneration":\d+,)?"status":)"True"/, '$1"False"')
          .replace(/"status":"True"(,"type":"Ready")/, '"status":"False"$1')
          .replace(/"status":"True"/g, '"status":"False"'),
      }))
    const pod = await following({}, {}, { lines: { pods, endpointslices: [] } })
    await pod.pass(120_000)
    expect(pod.api.calls).toHaveLength(1)
  })

  test('a pod that has moved to another slice asks which, and hears its word there', async () => {
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [] } })
    await pod.until(() => pod.api.calls.length === 3)
    const [{ line = '' } = {}] = recordedLines().endpointslices
    const { object } = JSON.parse(line)
    pod.api.misbehave = (call, response) => {
      if (call.kind !== 'endpointslices') return false
      const moved = { ...object, metadata: { ...object.metadata, name: 'web-other' } }
      const rest = { ...object, endpoints: object.endpoints.slice(1) }
      const named = call.query.get('fieldSelector')?.replace('metadata.name=', '')
      const items = [moved, rest].filter(({ metadata }) => named === undefined || metadata.name === named)
      response.end(JSON.stringify({ metadata: { resourceVersion: '7000' }, items }))
      return true
    }
    let answered = false
    void pod.drain.prestop().then(() => {
      answered = true
    })
    await pod.pass(4500)
    expect(answered).toBe(true)
  })

  test.each([
    ['sooner where it has somebody else for the requests', [{ ready: true }], 2000, 4000],
    ['as without the package where it has nobody', [{ ready: false }], 5000, 6000],
  ])(
    'a pod that is alone in its slice asks for another one of the Service, and goes %s',
    async (_, conditions, ...within) => {
      const [{ line = '' } = {}] = recordedLines().endpointslices
      const { object } = JSON.parse(line)
      const [own, other] = object.endpoints
      const { metadata } = object
      const items = [
        { ...object, endpoints: [own] },
        {
          ...object,
          metadata: { ...metadata, name: 'web-other' },
          endpoints: conditions.map((each) => ({ ...other, conditions: each })),
        },
      ]
      const pod = await following(
        {},
        {},
        {
          misbehave: (call, response) => {
            if (call.kind !== 'endpointslices') return false
            const named = call.query.get('fieldSelector')?.replace('metadata.name=', '')
            const answer = items.filter((each) => named === undefined || each.metadata.name === named)
            response.end(JSON.stringify({ metadata: { resourceVersion: '7000' }, items: answer }))
            return true
          },
        },
      )
      const answered = await hookAnswered(pod)
      expect(answered).toBeGreaterThanOrEqual(within[0] as number)
      expect(answered).toBeLessThan(within[1] as number)
    },
  )

  test('an answer that is longer than a pod should keep is given up, with what to do, and not asked for again soon', async () => {
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [] } })
    const long = gzipSync(' '.repeat(17 * 2 ** 20))
    pod.api.misbehave = (call, response) => {
      if (call.kind === 'endpointslices') response.setHeader('content-encoding', 'gzip').end(long)
      return call.kind === 'endpointslices'
    }
    await pod.until(() => pod.api.calls.length === 2)
    await expect
      .poll(() =>
        pod.log.matching(/more than 16777216 characters; name the Services of this pod in the option `services`/),
      )
      .toHaveLength(1)
    await pod.pass(300_000)
    expect(pod.api.calls).toHaveLength(2)
  })
})
