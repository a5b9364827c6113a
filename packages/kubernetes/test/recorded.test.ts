import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { cluster, configFor, deletedAt, recordedLines, recording, turns } from './support.js'

/** A pod that watches its cluster, shortly before its deletion. */
async function following(...args: Parameters<typeof cluster>): ReturnType<typeof cluster> {
  const pod = await cluster(...args)
  await expect.poll(() => pod.api.watching).toBe(1)
  await pod.pass(deletedAt - 20)
  return pod
}

/** Sends the hook 10 ms after the deletion. Returns when it was answered, in milliseconds since the deletion. */
async function hookAnswered({ drain, api, pass }: Awaited<ReturnType<typeof cluster>>): Promise<number> {
  await pass(30)
  let answered: number | undefined
  void drain.prestop().then(() => {
    answered = api.elapsed - deletedAt
  })
  for (let passed = 0; passed < 40_000 && answered === undefined; passed += 20) await pass(20)
  return answered ?? Number.POSITIVE_INFINITY
}

/** The recorded events, with the recorded slices. */
const slicesThatStay = { lines: { ...recordedLines(), endpointslices: [] } }

describe('with the recording of a real cluster:', () => {
  test('the pod drains when it is deleted, before any hook or signal, with its real grace period', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 })
    expect(pod.drain.state).toBe('serving')
    await pod.pass(20)
    await expect.poll(() => pod.drain.state).toBe('draining')
    expect(pod.drain.committed).toBe(false)
    expect(pod.drain.status().budgetMs).toBe(20_000 - 1000)
    expect(pod.log.matching(/draining because of the deletion of the pod/)).toHaveLength(1)
  })

  test('without a hook and a signal, the pod does not close', async () => {
    const pod = await following()
    await pod.pass(10_000)
    expect(pod.drain.state).toBe('draining')
  })

  test('the hook is answered two seconds after the slice has stopped listing the pod as ready, before settle.min', async () => {
    const letGo = 2053 - deletedAt
    const answered = await hookAnswered(await following())
    expect(answered).toBeGreaterThanOrEqual(letGo + 2000)
    // The pod asks the API within half a second, and again when the two seconds are over.
    expect(answered).toBeLessThan(letGo + 2000 + 1000)
  })

  test('the hook is answered neither before `quiet` nor before `settleAfter`', async () => {
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

  test('while a slice lists the pod as ready, the wait goes on, up to `settle.max`', async () => {
    const answered = await hookAnswered(await following({}, {}, slicesThatStay))
    expect(answered).toBeGreaterThanOrEqual(10_000 - 20)
    expect(answered).toBeLessThan(10_200)
    const longer = await hookAnswered(await following({}, { settle: { max: 12_000 } }, slicesThatStay))
    expect(longer).toBeGreaterThanOrEqual(12_000 - 20)
  })

  test('a list that gets no response does not prolong the wait, because nothing confirms the old slice', async () => {
    const pod = await following({}, {}, slicesThatStay)
    pod.api.misbehave = (call) => call.verb === 'list' // returns true, but sends no response
    const answered = await hookAnswered(pod)
    expect(answered).toBeGreaterThanOrEqual(5000 - 20)
    expect(answered).toBeLessThan(5200)
  })

  test('a Service with publishNotReadyAddresses lists the pod to the end, and does not prolong the wait', async () => {
    const lines = recordedLines()
    for (const entry of lines.endpointslices) entry.line = entry.line.replace('"ready":false', '"ready":true')
    const answered = await hookAnswered(await following({}, {}, { lines }))
    expect(answered).toBeGreaterThanOrEqual(5000 - 20)
    expect(answered).toBeLessThan(5200)
  })

  test('a second deletion with a shorter grace period shortens the budget, and the watch goes on', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 })
    await pod.pass(20)
    await expect.poll(() => pod.drain.state).toBe('draining')
    await pod.pass(1000)
    const [{ line = '' } = {}] = pod.api.lines.pods
    pod.api.tell('pods', line.replace('"deletionGracePeriodSeconds":20', '"deletionGracePeriodSeconds":8'))
    // A fifth of a short grace period is kept for closing, and another fifth in reserve, as with options.
    await pod.until(() => pod.drain.status().budgetMs <= 7000 - 1000)
  })

  test('a pod that is deleted by force has two seconds, and uses them', async () => {
    const pod = await following()
    const [{ line = '' } = {}] = recordedLines().pods
    pod.api.tell('pods', line.replace('"MODIFIED"', '"DELETED"').replace(/"deletion\w+":[^,]+,/g, ''))
    await expect.poll(() => pod.drain.state).toBe('draining')
    expect(pod.drain.status().budgetMs).toBe(1600)
  })

  test('events about a later pod of the same name, as of a StatefulSet, are ignored', async () => {
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

  test('a line without an end takes a limited amount of memory', async () => {
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
    await pod.until(() => pod.drain.state === 'draining') // because of the next watch
  })

  test('a watch whose version is too old begins again from the cache, and finds the deletion there', async () => {
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

  test('a token that is no longer valid is logged once, and requests go on with the next token', async () => {
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
    await pod.pass(10_000) // a watch is steady after 10 s
    expect(pod.log.matching(/Unauthorized/)).toHaveLength(1)
    expect(pod.log.matching(/works again/)).toHaveLength(1)
  })

  test.each([
    ['fast', 15_000],
    ['slow', -15_000],
  ])('a server’s clock that is %s costs no time, because events of an open watch have just happened', async (_, ms) => {
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

  test('if a watch is opened again and the server’s clock is fast, the budget is shorter by at most the time since the pod was last known alive', async () => {
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

  test('an error response that never ends has a timeout, like a response that never comes', async () => {
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

  test('reading credentials has the timeout of a response, and is repeated', async () => {
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

  test('with a headless Service, whose clients cache addresses from DNS, the wait is as long as without slices', async () => {
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

  test('Retry-After is respected, while a slice still lists the pod', async () => {
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

  test('a 429 without Retry-After, as a proxy sends, is asked again after a second or more, also in a drain', async () => {
    const pod = await following({}, {}, slicesThatStay)
    const asked: Record<string, number[]> = { watch: [], list: [] }
    pod.api.misbehave = ({ verb }, response) => {
      asked[verb]?.push(pod.clock.now())
      response.writeHead(429).end()
      return true
    }
    void pod.drain.prestop()
    for (const socket of pod.api.sockets) socket.destroy()
    await pod.until(() => Object.values(asked).every(({ length }) => length > 2))
    for (const times of Object.values(asked)) {
      const pauses = times.slice(1).map((at, index) => at - (times[index] ?? at))
      expect(Math.min(...pauses)).toBeGreaterThanOrEqual(1000)
    }
  })

  test('no request is sent after `settle.max`, however long the drain', async () => {
    const pod = await following({}, { terminationGracePeriodSeconds: 60 }, slicesThatStay)
    pod.drain.waitUntil(new Promise(() => {}))
    void pod.drain.prestop()
    await pod.pass(12_000)
    const asked = pod.api.calls.length
    await pod.pass(5000)
    expect(pod.drain.state).toBe('draining')
    expect(pod.api.calls.length).toBe(asked)
  })

  test('a watch that has ended as planned is opened again within seconds, at its last version', async () => {
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [] } })
    const [first] = pod.api.called('watch', 'pods')
    pod.clock.advance(Number(first?.query.get('timeoutSeconds')) * 1000)
    pod.api.endWatches()
    await turns(20)
    await pod.pass(5000)
    await expect.poll(() => pod.api.called('watch', 'pods').length).toBe(2)
    expect(pod.api.called('watch', 'pods')[1]?.query.get('resourceVersion')).toBe('5946')
  })

  test('a watch that ends at once is opened again after a longer pause', async () => {
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

  test('for a pod that is not ready, and not deleted, the wait is as long as without slices', async () => {
    const [first] = recordedLines().endpointslices
    const line = (first?.line ?? '').replace(
      '"ready":false,"serving":true,"terminating":true',
      '"ready":false,"serving":false,"terminating":false',
    )
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [{ ms: 1000, line }] } })
    expect(await hookAnswered(pod)).toBeGreaterThanOrEqual(5000)
  })

  test('requests while serving: one watch of one pod, and once the slices that list the pod and their Service', async () => {
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

  test('requests while draining, if the slices are known: each slice by its name, until the result is known', async () => {
    const pod = await following({}, {}, { lines: { pods: [], endpointslices: [] } })
    await pod.until(() => pod.api.calls.length === 3)
    void pod.drain.prestop()
    await pod.pass(12_000)
    const asked = pod.api.calls.slice(3)
    expect(new Set(asked.map(({ query }) => query.get('fieldSelector')))).toEqual(new Set(['metadata.name=web-4vbgz']))
    // Once a second, up to `settle.max`, because the slice still lists the pod.
    expect(asked.length).toBeGreaterThanOrEqual(9)
    expect(asked.length).toBeLessThanOrEqual(11)
  })

  test('a pod that is not ready asks for no slices, because none lists it', async () => {
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

  test('a pod that has moved to another slice finds that slice, and asks for it', async () => {
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
    ['the wait is shorter if that slice has a ready endpoint', [{ ready: true }], 2000, 4000],
    ['the wait is as long as without the package if that slice has no ready endpoint', [{ ready: false }], 5000, 6000],
  ])('a pod that is alone in its slice asks for another slice of the Service: %s', async (_, conditions, ...within) => {
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
  })

  test('a response that is too long is dropped, the log says what to do, and the request is repeated only after minutes', async () => {
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
