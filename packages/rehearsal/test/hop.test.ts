import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, onTestFinished, type TestContext, test } from 'vitest'
import type { Front, FrontPlan } from '../src/hop/front.js'
import { startProgram } from '../src/hop/program.js'
import { programs } from '../src/hop/programs.js'
import { startProxy } from '../src/hop/proxy/proxy.js'
import type { Sighting } from '../src/hop/relay/messages.js'
import { Relay } from '../src/hop/relay/relay.js'
import { Witness } from '../src/hop/witness.js'
import { type LostEvent, type Rehearsal, type RehearsalOptions, rehearse, type Through } from '../src/index.js'
import type { Loss } from '../src/load/outcome.js'
import { resolveOptions } from '../src/plan/resolve.js'
import { diagnose } from '../src/result/diagnosis.js'
import { machineTime } from '../src/shared/clock.js'
import type { Happening } from '../src/timeline/events.js'
import { certificate } from './certificate.js'
import { isInstalled } from './installed.js'
import { whenRefused } from './refused.js'
import { noRequests } from './sample.js'
import { fixture, short } from './short.js'

/** Skips what needs a program that is not here. */
function need(through: Through, { skip }: TestContext): void {
  if (through === 'proxy') return
  skip(!isInstalled(through), `there is no ${through} (${programs[through].from})`)
}

/** Caddy is tried where somebody has it; the others belong to a machine that runs the tests. */
const hops = ['proxy', 'nginx', 'haproxy', ...(isInstalled('caddy') ? (['caddy'] as const) : [])] as const

function options(through: Through, more: Partial<RehearsalOptions> = {}): RehearsalOptions {
  return short({
    through,
    endpointLag: { min: 100, median: 200, max: 300 },
    requests: { get: '/work', stream: '/stream', post: '/upload' },
    // So few that each connection that is kept is used again before long.
    clients: { keepAlive: 1, newConnection: 1, slowKeepAlive: 0, streaming: 1, post: 1 },
    warmUp: 300,
    coolDown: 200,
    ...more,
  })
}

const lossesOf = ({ events }: Rehearsal) => events.filter((event): event is LostEvent => event.type === 'lost')

/** How a hop tells a client that it has no answer; haproxy also hangs up on a client that may know what that means. */
const noAnswer =
  /^(?:The proxy|nginx|haproxy|caddy) (?:answered 50[234]|ended the connection without an answer|ended the connection in the middle of an answer), as old-\d /

describe.concurrent.each(hops)('through %s', (through) => {
  test('a pod that drains loses nothing, and each pod has its share of the answers', async (context) => {
    need(through, context)
    const preStop = { httpGet: { path: '/prestop' } }
    const result = await rehearse(options(through, { env: { HOOK_MS: '1000' }, preStop }))
    expect(lossesOf(result)).toEqual([])
    const answered = { new: 0, old: 0 }
    for (const sample of result.samples) {
      for (const [pod, count] of Object.entries(sample.answered)) answered[pod.slice(0, 3) as 'new' | 'old'] += count
    }
    // A proxy that has connections enough to one pod may never meet the other.
    expect(answered.new * answered.old).toBeGreaterThan(0)
    expect(answered.new + answered.old).toBe(result.summary.requests)
  })

  test('a pod that exits on SIGTERM loses requests, which clients see as 502, and the report names the pod', async (context) => {
    need(through, context)
    const endpointLag = { min: 700, median: 800, max: 900 }
    const result = await rehearse(options(through, { env: { BEHAVIOUR: 'exit-on-sigterm' }, endpointLag }))
    const losses = lossesOf(result)
    expect(losses.length).toBeGreaterThan(0)
    const isTold = ({ pod, why }: LostEvent) => pod?.startsWith('old-') && noAnswer.test(why ?? '')
    expect(losses.filter((loss) => !isTold(loss))).toEqual([])
    if (through !== 'haproxy') expect(losses.some(({ cause }) => /^status 50[24]$/.test(cause))).toBe(true)
    const advice = new Map(result.summary.diagnoses.map(({ kind, fix }) => [kind, fix]))
    const known = {
      exit: /^Exit only when nothing is in flight/,
      'listener closed': /^Keep the listener open until clients know/,
    }
    const told = Object.entries(known).filter(([kind]) => advice.has(kind as keyof typeof known))
    expect(told).not.toEqual([])
    for (const [kind, fix] of told) expect(advice.get(kind as keyof typeof known)).toMatch(fix)
  })

  test('WebSockets and event streams are forwarded, and so are their orderly ends', async (context) => {
    need(through, context)
    const clients = { webSocket: 2, sse: 1 }
    const requests = { webSocket: '/socket', sse: '/events' }
    const preStop = { httpGet: { path: '/prestop' } }
    const args = [fixture('protocols.mjs')]
    // Else streams would go to old pods over kept connections, after those have said farewell.
    const hop = { keepAlive: 0 }
    const result = await rehearse(options(through, { args, clients, requests, preStop, hop }))
    expect(lossesOf(result)).toEqual([])
    expect(result.summary.requestsByClient.webSocket).toBeGreaterThan(2)
    expect(result.summary.requestsByClient.sse).toBeGreaterThan(1)
  })

  const answersTls = async (env: Record<string, string>): Promise<Partial<RehearsalOptions>> => ({
    args: [fixture('tls.mjs')],
    env: { TLS: JSON.stringify(await certificate()), SERVER: 'https', ...env },
    tls: true,
    requests: { get: '/work' },
    clients: { keepAlive: 1, newConnection: 1, slowKeepAlive: 0 },
  })

  test('a pod that answers TLS, and drains, loses nothing', async (context) => {
    need(through, context)
    const preStop = { httpGet: { path: '/prestop' } }
    const result = await rehearse(options(through, { ...(await answersTls({})), preStop }))
    expect(lossesOf(result)).toEqual([])
    const answered = result.samples.flatMap((sample) => Object.values(sample.answered))
    expect(answered.reduce((sum, count) => sum + count, 0)).toBe(result.summary.requests)
  })

  test('a pod that answers TLS, and exits on SIGTERM, loses what clients see as 502', async (context) => {
    need(through, context)
    const endpointLag = { min: 700, median: 800, max: 900 }
    const result = await rehearse(options(through, { ...(await answersTls({ BARE: '1' })), endpointLag }))
    const losses = lossesOf(result)
    expect(losses.length).toBeGreaterThan(0)
    expect(losses.filter(({ pod, why }) => !pod?.startsWith('old-') || !noAnswer.test(why ?? ''))).toEqual([])
  })

  // Go asks again by itself when a kept connection had ended.
  if (through === 'caddy') return

  test('a keep-alive connection that a pod closes under a request is reported as that', async (context) => {
    need(through, context)
    const requests = { get: '/work' }
    const clients = { keepAlive: 3, newConnection: 1, slowKeepAlive: 0 }
    const result = await rehearse(options(through, { env: { BEHAVIOUR: 'drop' }, requests, clients }))
    const kept = result.summary.diagnoses.find(({ kind }) => kind === 'keep-alive connection closed')
    expect(kept?.why).toMatch(noAnswer)
    expect(kept?.why).toMatch(
      /, as old-\d closed a keep-alive connection \d+ ms after SIGTERM, \d+ ms after the request was sent over it\.$/,
    )
    expect(kept?.fix).toMatch(/^Do not close a connection that a client may use/)
  })
})

test('a status that a pod sends itself is reported as its own', async () => {
  const requests = { get: '/work' }
  const clients = { keepAlive: 2, newConnection: 2, slowKeepAlive: 0 }
  const result = await rehearse(options('proxy', { env: { BEHAVIOUR: 'refuse' }, requests, clients }))
  expect(result.summary.lost).toBeGreaterThan(0)
  expect(result.summary.hopEventLoopDelayMs).toEqual(expect.any(Number))
  const [{ kind, cause, why } = expect.fail()] = result.summary.diagnoses
  expect([kind, cause]).toEqual(['refused by the app', 'status 503'])
  expect(why).toMatch(/^old-\d answered 503 /)
})

test('a program that is not installed is named, with where to get it and the built-in alternative', async (context) => {
  context.skip(spawnSync('envoy', ['--version']).error === undefined, 'envoy is installed')
  await expect(rehearse(options('envoy'))).rejects.toThrow(
    /^`through`: envoy is not installed \(https:.*\)\. Install it, or use `proxy`, which is built in$/,
  )
})

test.for(['nginx', 'haproxy'] as const)('no %s survives a program that is killed', async (through, context) => {
  need(through, context)
  const directory = mkdtempSync(join(tmpdir(), 'podrain-hop-test-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const parent = spawn(process.execPath, [fixture('parent.cjs')], {
    env: { ...process.env, LEAVE: 'kill', THROUGH: through, TMPDIR: directory },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  let output = ''
  parent.stdout.on('data', (data) => {
    output += data
  })
  expect(await once(parent, 'close')).toEqual([null, 'SIGKILL'])
  const ports = output.trim().split(' ').map(Number)
  // Of two pods, of the program, and of the relay that it sends to.
  expect(ports).toHaveLength(4)
  await Promise.all(ports.map(whenRefused))
})

describe.each(hops)('%s before a pod that resets each first connection', (through) => {
  const open: Array<{ close(): unknown }> = []
  afterEach(async () => {
    await Promise.all(open.splice(0).map((each) => each.close()))
  })

  /** Returns how it answers. */
  async function before(retries: number): Promise<(method: string) => Promise<number>> {
    let connections = 0
    const pod = createServer((socket) => {
      socket.on('error', () => {})
      const first = connections++ === 0
      socket.once('data', () => {
        if (first) socket.resetAndDestroy()
        else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
      })
    })
    const upstream = { host: '127.0.0.1', port: await listen(pod) }
    const listenAt = { host: '127.0.0.1', port: await freePort() }
    open.push(pod)
    const front = await start(through, { listen: listenAt, upstream, keepAlive: 8, retries })
    open.push(front)
    return async (method) => {
      connections = 0
      const body = method === 'POST' ? 'x' : null
      const response = await fetch(`http://127.0.0.1:${listenAt.port}/`, { method, body })
      await response.arrayBuffer()
      return response.status
    }
  }

  test('answers 502 without retries', async (context) => {
    need(through, context)
    const ask = await before(0)
    expect(await ask('GET')).toBe(502)
  })

  test('retries idempotent requests only', async (context) => {
    need(through, context)
    const ask = await before(1)
    expect([await ask('GET'), await ask('POST')]).toEqual([200, 502])
  })
})

function start(through: Through, plan: FrontPlan): Promise<Front> {
  const fail = (error: Error) => expect.fail(error.message)
  return through === 'proxy' ? startProxy(plan, fail) : startProgram(through, programs[through], plan, fail)
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function freePort(): Promise<number> {
  const server = createServer()
  const port = await listen(server)
  server.close()
  await once(server, 'close')
  return port
}

describe('the relay', () => {
  /** A relay before one pod that does with each connection what it is told to. */
  async function relayTo(serve: (socket: Socket) => void) {
    const seen: Sighting[] = []
    const relay = new Relay({ seed: 1, startedAt: machineTime() }, (sighting) => seen.push(sighting))
    const pod = createServer({ allowHalfOpen: true }, serve)
    const podPort = await listen(pod)
    const port = await relay.listen()
    relay.route([{ name: 'old-1', host: '127.0.0.1', port: podPort }])
    onTestFinished(() => {
      relay.close()
      pod.close()
    })
    const client = () => connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    return { relay, pod, seen, client }
  }

  /** How a socket ended: by an error's code, or by an end. */
  const endOf = (socket: Socket) =>
    new Promise<string>((resolve) => {
      socket
        .once('end', () => resolve('end'))
        .once('error', (error: NodeJS.ErrnoException) => resolve(String(error.code)))
      socket.resume()
    })

  test('forwards a FIN of one side as such', async () => {
    const { client } = await relayTo((socket) => {
      socket.resume().once('end', () => socket.end('after the end'))
    })
    const socket = client()
    socket.end('all I have to say')
    let text = ''
    for await (const piece of socket) text += piece
    expect(text).toBe('after the end')
  })

  test('forwards a reset as a reset, and reports which side lost a request', async () => {
    const { client, seen, relay } = await relayTo((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n')
        socket.once('data', () => socket.resetAndDestroy())
      })
    })
    const socket = client()
    socket.write('GET / HTTP/1.1\r\n\r\n')
    await once(socket, 'data')
    expect(relay.take()).toEqual({ 'old-1': 1 })
    socket.write('GET / HTTP/1.1\r\n\r\n')
    expect(await endOf(socket)).toBe('ECONNRESET')
    expect(seen).toEqual([
      { pod: 'old-1', end: 'unanswered', reused: true, sentAt: expect.any(Number), endedAt: expect.any(Number) },
    ])
  })

  test('resets at once if there is no pod, or if the pod does not listen', async () => {
    const { client, seen, relay, pod } = await relayTo(() => {})
    relay.route([])
    expect(await endOf(client())).toBe('ECONNRESET')
    pod.close()
    await once(pod, 'close')
    relay.route([{ name: 'old-1', host: '127.0.0.1', port: await freePort() }])
    relay.route([{ name: 'old-2', host: '127.0.0.1', port: await freePort() }])
    expect(await endOf(client())).toBe('ECONNRESET')
    expect(seen.map(({ pod, end }) => [pod, end])).toEqual([
      [null, 'no endpoint'],
      ['old-2', 'refused'],
    ])
  })

  test('holds a connection to a pod that is gone, until a kernel would give the address up', async () => {
    const { client, seen, relay } = await relayTo(() => {})
    relay.lose('old-1')
    expect(await endOf(client())).toBe('ECONNRESET')
    const { end, sentAt, endedAt } = seen[0] ?? expect.fail()
    expect(end).toBe('unreachable')
    expect(endedAt - sentAt).toBeGreaterThan(2990)
  })

  test('distinguishes a status of the pod from one of the proxy', async () => {
    const { client, seen } = await relayTo((socket) => {
      socket.once('data', () => {
        socket.write('HTTP/1.1 100 Continue\r\n\r\n')
        socket.once('data', () => socket.end('HTTP/1.1 503 Service Unavailable\r\n\r\n'))
      })
    })
    const socket = client()
    socket.write('POST / HTTP/1.1\r\nExpect: 100-continue\r\n\r\n')
    await once(socket, 'data')
    socket.write('body')
    expect(await endOf(socket)).toBe('end')
    expect(seen[0]).toMatchObject({ pod: 'old-1', end: 'answered', status: 503 })
  })
})

describe('who lost a request behind a hop', () => {
  const loss = (more: Partial<Loss> = {}): Loss => ({
    ...{
      cause: 'status 502',
      message: 'Bad Gateway',
      pod: 'nginx',
      method: 'GET',
      path: '/',
      sentAt: 1000,
      reused: true,
    },
    ...more,
  })
  const sighting = (pod: string, more: Partial<Sighting> = {}): Sighting => ({
    ...{ pod, end: 'unanswered', sentAt: 1001, endedAt: 1010, reused: true },
    ...more,
  })

  test('is the pod that got it, among those whose connections ended while the client waited; each end explains one loss', () => {
    const witness = new Witness()
    witness.note(sighting('old-1', { sentAt: 1301, endedAt: 1311 }))
    witness.note(sighting('old-2', { sentAt: 1303, endedAt: 1309 }))
    expect(witness.identify(loss({ sentAt: 1300 }), 1305)).toBeUndefined()
    expect(witness.identify(loss({ sentAt: 1302 }), 1312)?.pod).toBe('old-2')
    expect(witness.identify(loss({ sentAt: 1300 }), 1312)?.pod).toBe('old-1')
    expect(witness.identify(loss({ sentAt: 1300 }), 1312)).toBeUndefined()
  })

  test('is no pod whose connection ended before the request, or that answered with another status', () => {
    const witness = new Witness()
    witness.note(sighting('old-1', { sentAt: 900 }))
    witness.note(sighting('old-1', { end: 'answered', status: 503 }))
    expect(witness.identify(loss(), 1012)).toBeUndefined()
    witness.note(sighting('old-1', { end: 'cut' }))
    expect(witness.identify(loss({ cause: 'truncated' }), 1012)?.end).toBe('cut')
    expect(witness.identify(loss({ cause: 'status 503' }), 1012)?.status).toBe(503)
  })

  test('is the pod that had closed a keep-alive connection when the request was sent over it', () => {
    const witness = new Witness()
    witness.note(sighting('old-1', { end: 'cut', sentAt: 0, endedAt: -10 }))
    expect(witness.identify(loss(), 1012)).toBeUndefined()
    witness.note(sighting('old-2', { end: 'cut', sentAt: 500, endedAt: 998 }))
    const met = { pod: 'old-2', end: 'unanswered', reused: true, sentAt: 1000, endedAt: 1000 }
    expect(witness.identify(loss(), 1012)).toEqual(met)
  })

  test('is the pod that answered with this status, rather than one that did not answer', () => {
    const witness = new Witness()
    witness.note(sighting('old-1'))
    witness.note(sighting('old-2', { sentAt: 1005, end: 'answered', status: 503 }))
    expect(witness.identify(loss({ cause: 'status 503' }), 1012)?.pod).toBe('old-2')
  })

  test('answers are credited in the ratio in which pods gave them, and every answer is credited', () => {
    const witness = new Witness()
    const credit = (nginx: number) => {
      const common = { type: 'sample', t: 0, inFlight: noRequests, requests: 0, lost: 0, latency: null } as const
      return witness.credit({ ...common, answered: { nginx } }).answered
    }
    expect(credit(3)).toEqual({})
    witness.count({ 'old-1': 2, 'old-2': 1 })
    witness.count({ 'old-1': 2 })
    expect(credit(2)).toEqual({ 'old-1': 4, 'old-2': 1 })
    expect(credit(10)).toEqual({ 'old-1': 8, 'old-2': 2 })
  })
})

describe('a loss behind a hop', () => {
  const pod = 'old-1'
  const begin: Array<[number, Happening]> = [
    [0, { type: 'pod-start', pod, old: true, host: '127.0.0.1', port: 1 }],
    [100, { type: 'pod-ready', pod }],
    [100, { type: 'endpoints', pods: [pod] }],
    [1000, { type: 'pod-deleted', pod }],
    [1030, { type: 'sigterm', pod, graceSeconds: 30 }],
  ]
  const upstream = { end: 'unanswered', sentAt: 1040, endedAt: 1060, reused: false } as const
  const common = {
    type: 'lost',
    client: 'keepAlive',
    pod,
    method: 'GET',
    path: '/',
    sentAt: 1039,
    reused: true,
  } as const
  const lost = { ...common, cause: 'status 502', message: 'nginx: Bad Gateway', upstream } as const
  const exit: [number, Happening] = [1060, { type: 'pod-exit', pod, code: 0, signal: null }]

  function only(...told: Array<[number, Happening]>) {
    const events = [...begin, ...told].map(([t, happening]) => ({ t, ...happening }))
    const { diagnoses } = diagnose(events, resolveOptions({ command: 'node', through: 'nginx' }))
    expect(diagnoses).toHaveLength(1)
    return diagnoses[0] ?? expect.fail()
  }

  test('is reported by what happened to the pod, with the same advice as without a proxy', () => {
    const { kind, cause, why, fix } = only(exit, [1062, lost])
    expect([kind, cause]).toEqual(['exit', 'status 502'])
    expect(why).toBe(
      'nginx answered 502, as old-1 ended (exit 0) 30 ms after SIGTERM, 20 ms after the request was sent.',
    )
    expect(fix).toMatch(/^Exit only when nothing is in flight/)
  })

  test.each([
    [
      'refused',
      'listener closed',
      'nginx answered 502, as old-1 stopped listening 10 ms after SIGTERM, and clients were never told.',
    ],
    [
      'unreachable',
      'listener closed',
      'nginx answered 502, as old-1 stopped listening 10 ms after SIGTERM, and clients were never told.',
    ],
    [
      'given up',
      'no answer',
      'nginx answered 504, as old-1 did not answer in time (no answer came in time); it was sent 30 ms after SIGTERM.',
    ],
    [
      'answered',
      'refused by the app',
      'old-1 answered 502 30 ms after SIGTERM, while new connections still went to it.',
    ],
  ] as const)('that the relay saw %s is diagnosed as %s', (end, kind, why) => {
    const cause = end === 'given up' ? 'status 504' : 'status 502'
    expect(only([1062, { ...lost, cause, upstream: { ...upstream, end } }])).toMatchObject({ kind, why })
  })

  test('is reported as a missing endpoint if there was no pod', () => {
    const { kind, why } = only([1062, { ...lost, pod: null, upstream: { ...upstream, end: 'no endpoint' } }])
    expect(kind).toBe('no endpoint')
    expect(why).toMatch(/^nginx answered 502, as no pod was known to clients at that moment/)
  })

  test('is attributed to no pod if the relay saw nothing', () => {
    const { upstream: _, ...unseen } = lost
    const { kind, why } = only([1062, { ...unseen, pod: null }])
    expect(kind).toBe('not the scenario')
    expect(why).toBe('nginx answered 502, but none of its connections to a pod had ended at that time.')
  })
})

describe('the configuration of a program that Debian does not have', () => {
  const plan = {
    listen: { host: '127.0.0.1', port: 1 },
    upstream: { host: '127.0.0.1', port: 2 },
    keepAlive: 64,
    retries: 0,
  }
  const textOf = (name: 'envoy' | 'traefik' | 'caddy', more: Partial<FrontPlan> = {}) =>
    Object.values(programs[name].configure({ ...plan, ...more }, '/here').files).join('\n')

  test('envoy: one upstream, WebSockets, circuit breakers out of the way, retries of what may be repeated', () => {
    const { static_resources: resources } = JSON.parse(textOf('envoy'))
    expect(resources.listeners[0].address.socket_address).toEqual({ address: '127.0.0.1', port_value: 1 })
    const [cluster] = resources.clusters
    expect(cluster.load_assignment.endpoints[0].lb_endpoints[0].endpoint.address.socket_address.port_value).toBe(2)
    expect(cluster.circuit_breakers.thresholds[0].max_connections).toBe(1_000_000)
    expect(textOf('envoy')).toContain('"upgrade_type": "websocket"')
    expect(textOf('envoy')).not.toContain('retry_policy')
    expect(textOf('envoy', { retries: 2 })).toContain('"num_retries": 2')
    expect(textOf('envoy', { keepAlive: 0 })).toContain('"max_requests_per_connection": 1')
  })

  test('traefik: one upstream, so many kept connections, one attempt more than retries', () => {
    const { http } = JSON.parse(textOf('traefik'))
    expect(http.services.service.loadBalancer.servers).toEqual([{ url: 'http://127.0.0.1:2' }])
    expect(http.serversTransports.pods.maxIdleConnsPerHost).toBe(64)
    expect(http.middlewares).toBeUndefined()
    expect(JSON.parse(textOf('traefik', { retries: 2 })).http.middlewares.again.retry.attempts).toBe(3)
  })

  test('caddy: one upstream, so many kept connections, so many retries', () => {
    expect(textOf('caddy')).toMatch(/http:\/\/:1 \{\n\tbind 127\.0\.0\.1\n\treverse_proxy 127\.0\.0\.1:2 \{/)
    expect(textOf('caddy')).toContain('keepalive_idle_conns_per_host 64')
    expect(textOf('caddy')).not.toContain('lb_retries')
    expect(textOf('caddy', { retries: 2, keepAlive: 0 })).toMatch(/lb_retries 2\n[\s\S]*keepalive off/)
  })
})

test.each([
  [
    { through: 'squid' as Through },
    'Expected `through` to be one of nginx, haproxy, envoy, traefik, caddy, proxy, got `"squid"`',
  ],
  [{ hop: { retries: 1 } }, 'Expected `hop` to be left out when nothing stands between clients and pods (`through`)'],
  [{ through: 'nginx', hop: { retries: 11 } }, 'Expected `hop.retries` to be a whole number from 0 to 10, got `11`'],
  [{ through: 'nginx', requests: { http2: '/' } }, 'Expected `requests.http2` to be left out with `through`'],
] as const)('what makes no sense is refused: %j', (more, message) => {
  expect(() => resolveOptions({ command: 'node', ...more })).toThrow(message)
})
