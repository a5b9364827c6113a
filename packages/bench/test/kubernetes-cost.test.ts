import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Api } from '../src/kubernetes/api.js'
import { VirtualClock } from '../src/kubernetes/clock.js'
import type { KubernetesData, Order, Phase, Run, Version } from '../src/kubernetes/data.js'
import { Store } from '../src/kubernetes/store.js'
import { Tally } from '../src/kubernetes/tally.js'
import { Wire } from '../src/kubernetes/wire.js'
import { Workload } from '../src/kubernetes/workload.js'
import { claimsOf } from '../src/page/kubernetes-claims.js'

const recordings = join(__dirname, '../../kubernetes/test/recordings')
const recordedPod = 'web-77cc4c8ffd-lrhwk'

/** A simulated namespace with its API, and a client of that API. */
function cluster(pods: number) {
  const clock = new VirtualClock()
  const tally = new Tally(clock)
  const store = new Store(clock)
  const api = new Api(clock, store, tally)
  const wire = new Wire(
    api.server,
    (connection, bytes) => api.sent(connection, bytes),
    () => tally.answered('refused'),
  )
  const gone: (() => void)[] = []
  const kubelet = { start() {}, terminate: (_pod: string, end: () => void) => void gone.push(end) }
  const workload = new Workload(clock, store, { pods, services: 1, sample: pods, kubelet, date: (ms) => api.date(ms) })
  onTestFinished(() => wire.cut())
  const ask = (path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> =>
    new Promise((resolve, reject) => {
      get(`http://api${path}`, { agent: wire.agent, headers }, resolve).on('error', reject)
    })
  const bytesOf = async (path: string, headers?: Record<string, string>): Promise<[Buffer, IncomingMessage]> => {
    const response = await ask(path, headers)
    const pieces: Buffer[] = []
    for await (const piece of response) pieces.push(piece)
    return [Buffer.concat(pieces), response]
  }
  const json = async (path: string) => JSON.parse(String((await bytesOf(path))[0]))
  /** The events of a watch up to now. */
  const watch = async (path: string) => {
    const events: { type: string; object: { metadata: Record<string, string> } }[] = []
    const response = await ask(path)
    let rest = ''
    response.setEncoding('utf8').on('data', (piece: string) => {
      const lines = (rest + piece).split('\n')
      rest = lines.pop() ?? ''
      events.push(...lines.map((line) => JSON.parse(line)))
    })
    response.on('error', () => {}) // the connection is reset at the end of the test
    await arrive()
    return events
  }
  return { clock, tally, store, api, wire, workload, gone, bytesOf, json, watch }
}

/** Waits until everything that was sent over connections in memory has arrived, which takes some turns of the event loop. */
async function arrive(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve))
}

const slices = '/apis/discovery.k8s.io/v1/namespaces/shop/endpointslices'
const pods = '/api/v1/namespaces/shop/pods'

function recorded(file: string) {
  const { body } = JSON.parse(readFileSync(join(recordings, file), 'utf8'))
  return typeof body === 'string' ? JSON.parse(body) : body
}

/** The paths of all fields of an object, without those inside labels, annotations and `fieldsV1`, which differ from pod to pod. */
function fieldsOf(value: unknown, path = ''): string[] {
  if (Array.isArray(value)) return [...new Set(value.flatMap((item) => fieldsOf(item, `${path}[]`)))]
  if (typeof value !== 'object' || value === null || /labels$|fieldsV1$|annotations$/.test(path)) return [path]
  return Object.entries(value).flatMap(([name, field]) => fieldsOf(field, `${path}.${name}`))
}

describe('the simulated API', () => {
  test('lists pods and EndpointSlices with every field that those of a real cluster have', async () => {
    const { json } = cluster(3)
    const [slice] = recorded('list-endpointslices.json').items.filter(
      ({ endpoints }: { endpoints?: unknown[] }) => endpoints?.length === 2,
    )
    const own = await json(slices)
    expect(Object.keys(own)).toEqual(Object.keys(recorded('list-endpointslices.json')))
    expect(own).toMatchObject({
      kind: 'EndpointSliceList',
      metadata: { resourceVersion: expect.stringMatching(/^\d+$/) },
    })
    expect(fieldsOf(own.items[0])).toEqual(expect.arrayContaining(fieldsOf(slice)))
    const pod = recorded('list-pods.json').items.find(
      ({ metadata }: { metadata: { name: string } }) => metadata.name === recordedPod,
    )
    // Fields of the recorded pod that a pod of a cloud provider does not have: volumes of the host, and env with values.
    const ofRig = /hostPath|command|automountServiceAccountToken|env\[\]\.value$/
    const expected = fieldsOf(pod).filter((field) => !ofRig.test(field))
    expect(fieldsOf((await json(pods)).items[0])).toEqual(expect.arrayContaining(expected))
  })

  test('sends objects as large as those of a real cluster', async () => {
    const { bytesOf } = cluster(200)
    const [list] = await bytesOf(slices)
    const [first] = JSON.parse(String(list)).items
    expect(first.endpoints).toHaveLength(100)
    const length = JSON.stringify(first).length
    expect(length).toBeGreaterThan(42_000)
    expect(length).toBeLessThan(48_000)
    const [pod] = await bytesOf(`${pods}?fieldSelector=metadata.name%3D${first.endpoints[0].targetRef.name}`)
    expect(pod.length).toBeGreaterThan(5000)
    expect(pod.length).toBeLessThan(8000)
  })

  test('compresses a list of more than 128 kB for a client that accepts gzip, and no other response', async () => {
    const { bytesOf } = cluster(400)
    const plain = await bytesOf(slices)
    expect(plain[1].headers['content-encoding']).toBeUndefined()
    const gzip = await bytesOf(slices, { 'accept-encoding': 'gzip' })
    expect(gzip[1].headers['content-encoding']).toBe('gzip')
    expect(String(gunzipSync(gzip[0]))).toBe(String(plain[0]))
    expect(gzip[0].length).toBeLessThan(plain[0].length / 4)
    const short = await bytesOf(`${slices}?limit=1`, { 'accept-encoding': 'gzip' })
    expect(short[1].headers['content-encoding']).toBeUndefined()
  })

  test('sends a list in pages, but a list from the watch cache as a whole', async () => {
    const { json } = cluster(300)
    const names: string[] = []
    let next: string | undefined
    do {
      const { items, metadata } = await json(`${slices}?limit=2${next ? `&continue=${next}` : ''}`)
      names.push(...items.map((item: { metadata: { name: string } }) => item.metadata.name))
      next = metadata.continue
    } while (next)
    const whole = await json(`${slices}?limit=2&resourceVersion=0`)
    expect(whole.metadata.continue).toBeUndefined()
    expect(names).toEqual(whole.items.map((item: { metadata: { name: string } }) => item.metadata.name))
    expect(names).toHaveLength(3)
  })

  test('sends a watch from version 0 all objects, and a watch from a later version only the events since', async () => {
    const { clock, store, workload, gone, json, watch } = cluster(1)
    const [before] = (await json(pods)).items
    const { resourceVersion } = (await json(pods)).metadata
    const follow = `${pods}?watch=true&fieldSelector=metadata.name%3D${before.metadata.name}&resourceVersion=`
    const fromZero = await watch(`${follow}0`)
    expect(fromZero).toEqual([{ type: 'ADDED', object: { kind: 'Pod', apiVersion: 'v1', ...before } }])
    workload.rollOver()
    clock.advanceTo(clock.now() + 60_000)
    for (const end of gone) end()
    await arrive()
    const types = ['MODIFIED', 'MODIFIED', 'DELETED']
    expect(fromZero.slice(1).map(({ type }) => type)).toEqual(types)
    const since = await watch(`${follow}${resourceVersion}`)
    expect(since.map(({ type }) => type)).toEqual(types)
    expect(since[0]?.object.metadata).toMatchObject({
      deletionTimestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
      deletionGracePeriodSeconds: 30,
    })
    // A server that has restarted has no events from before.
    store.restart()
    const [lost, ...others] = await watch(`${follow}${resourceVersion}`)
    const { type, object } = recorded('watch-too-old.json')
    expect(others).toEqual([])
    expect(lost).toMatchObject({ type, object: { ...object, message: expect.stringContaining('too old') } })
  })

  test('sends a bookmark each minute, and ends the watch after `timeoutSeconds`', async () => {
    const { clock, tally, watch } = cluster(1)
    const events = await watch(`${slices}?watch=true&resourceVersion=0&allowWatchBookmarks=true&timeoutSeconds=150`)
    expect(tally.open('endpointslices')).toBe(1)
    clock.advanceTo(clock.now() + 149_999)
    await arrive()
    expect(events.map(({ type }) => type)).toEqual(['ADDED', 'BOOKMARK', 'BOOKMARK', 'BOOKMARK'])
    expect(tally.open('endpointslices')).toBe(1)
    clock.advanceTo(clock.now() + 1)
    await arrive()
    expect(tally.open('endpointslices')).toBe(0)
  })

  test('counts each request, and the bytes that a client receives', async () => {
    const { tally, api, wire, bytesOf } = cluster(3)
    const [body, { rawHeaders }] = await bytesOf(pods)
    const headers = rawHeaders.map((text) => text.length + 2).reduce((all, each) => all + each, 0)
    const chunk = body.length.toString(16).length + '\r\n\r\n0\r\n\r\n'.length
    const counted = tally.take()
    expect(counted.requests).toEqual({ 'list pods 200': 1 })
    expect(counted.bytes).toEqual({ 'list pods 200': 'HTTP/1.1 200 OK\r\n'.length + headers + 2 + chunk + body.length })
    api.trouble = { status: 429, retryAfter: 1 }
    expect((await bytesOf(pods))[1]).toMatchObject({ statusCode: 429, headers: { 'retry-after': '1' } })
    wire.listening = false
    await expect(bytesOf(pods)).rejects.toThrow('ECONNREFUSED')
    expect(tally.take().requests).toEqual({ 'list pods 429': 1, refused: 1 })
  })
})

describe('the page', () => {
  const phase = (name: string, { bytes = 0, requests = 0, watches = 1 }): Phase => ({
    name,
    seconds: 10,
    requests: { 'watch pods 200': requests },
    bytes: { 'watch pods 200': bytes },
    watches: {
      pods: { mean: watches, most: watches },
      endpointslices: { mean: 0, most: 0 },
      services: { mean: 0, most: 0 },
    },
  })
  const run = (version: Version, scenario: Order['scenario'], ...phases: Phase[]): Run => {
    return { version, scenario, pods: 1000, services: 1, sample: 100, phases, took: 1 }
  }
  const data = (after: number, watches: number, requests: number): Pick<KubernetesData, 'runs'> => ({
    runs: [
      run('before', 'rolling over', phase('rollout', { bytes: 10e9 })),
      run('after', 'rolling over', phase('rollout', { bytes: after })),
      run('after', 'serving', phase('hour', { watches })),
      run('after', 'refused', phase('10 s', { requests: 1 })),
      run('after', 'hanging', phase('10 s', { requests })),
    ],
  })

  test('says for each target whether the counts meet it', () => {
    expect(claimsOf(data(50e6, 100, 8))).toEqual([
      {
        sentence:
          'In a rollout of 1,000 pods the API server sends 100 GB before, and 500 MB after: 0.50 % of it. The target is kept: at most 1.00 %.',
        kept: true,
      },
      { sentence: 'While serving, 1.00 watches per pod are open at most. The target is kept: at most 1.', kept: true },
      {
        sentence:
          'In the first 10 s after the API was away, each pod sends 0.080 requests in the worst case, which is “hanging” with 1,000 pods. The target is kept: at most 0.1.',
        kept: true,
      },
    ])
    const missed = claimsOf(data(101e6, 101, 11))
    expect(missed.map(({ kept }) => kept)).toEqual([false, false, false])
    for (const { sentence } of missed) expect(sentence).toContain('**The target is not kept**')
  })

  test('leaves out the targets that were not measured', () => {
    expect(claimsOf({ runs: data(1, 1, 1).runs.filter(({ version }) => version === 'after') })).toHaveLength(2)
    expect(claimsOf({ runs: [] })).toEqual([])
  })
})

describe('bench:kubernetes', () => {
  test('simulates pods that start, serve, are replaced and lose the API, and shows the counts on a page', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'podrain-bench-'))
    onTestFinished(() => rmSync(directory, { recursive: true }))
    const [results, docs] = [join(directory, 'results'), join(directory, 'docs')]
    const args = ['--pods', '12', '--only', 'r', '--results', results, '--docs', docs]
    await promisify(execFile)(process.execPath, [join(__dirname, '../dist/kubernetes.js'), ...args])
    const { data }: { data: KubernetesData } = JSON.parse(readFileSync(join(results, 'kubernetes.json'), 'utf8'))
    for (const scenario of ['serving', 'writing annotations', 'rolling over', 'forbidden', 'refused'] as const) {
      const [simulated] = data.runs.filter((one) => one.scenario === scenario)
      expect(simulated).toMatchObject({ version: 'after', pods: 12, sample: 12, services: 1 })
      const requests = simulated?.phases.map(({ requests }) =>
        Object.values(requests).reduce((all, each) => all + each, 0),
      )
      expect(requests?.[0]).toBeGreaterThanOrEqual(12) // each pod has asked for something
    }
    const page = readFileSync(join(docs, 'kubernetes-cost.md'), 'utf8')
    for (const { sentence } of claimsOf(data)) expect(page).toContain(`- ${sentence}`)
    expect(page).toContain('| after, 12 pods, 2 Services |')
    const pictures = readdirSync(join(docs, 'benchmarks'))
    expect(pictures).toEqual(['kubernetes-return.svg', 'kubernetes-rollout.svg', 'kubernetes-serving.svg'])
  })
})
