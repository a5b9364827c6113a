import { once } from 'node:events'
import http2, { type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { sendProbe } from '../src/cluster/kubelet/probe.js'
import { type LostEvent, look, type RehearsalOptions, rehearse } from '../src/index.js'
import { plain } from '../src/load/ask.js'
import type { Endpoint } from '../src/load/endpoint.js'
import { kinds } from '../src/load/kinds.js'
import type { Loss } from '../src/load/outcome.js'
import { asksOf } from '../src/plan/requests.js'
import { createClock } from '../src/shared/clock.js'
import { certificate } from './certificate.js'

const healthCheck = '/grpc.health.v1.Health/Check'

const closers: Array<() => void> = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

/** A server that does this with each call, once its message is there. */
async function pod(
  answer: (
    stream: ServerHttp2Stream,
    session: ServerHttp2Session,
    message: Buffer,
    headers: IncomingHttpHeaders,
  ) => void,
  name = 'old-1',
): Promise<Endpoint> {
  const server = http2.createServer()
  server.on('session', (session) => {
    closers.push(() => session.destroy())
    session.on('error', () => {})
    session.on('stream', (stream, headers) => {
      const pieces: Buffer[] = []
      stream.on('error', () => {}).on('data', (piece: Buffer) => pieces.push(piece))
      stream.on('end', () => answer(stream, session, Buffer.concat(pieces), headers))
    })
  })
  server.listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  return { name, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** Ends a call with a message and a status. */
function end(stream: ServerHttp2Stream, status: string, message = Buffer.alloc(0), details = ''): void {
  stream.respond({ 'content-type': 'application/grpc' }, { waitForTrailers: true })
  stream.on('wantTrailers', () => {
    stream.sendTrailers({ 'grpc-status': status, ...(details !== '' && { 'grpc-message': details }) })
  })
  stream.end(Buffer.concat([Buffer.from([0, 0, 0, 0, message.length]), message]))
}
const ok = (stream: ServerHttp2Stream) => end(stream, '0')

/** What becomes of one call of a client, of which every new connection takes the next pod. */
async function call(pods: readonly Endpoint[], asks = [plain(healthCheck, 'POST')], total = 10_000) {
  const losses: Loss[] = []
  let answered = 0
  let picked = 0
  const client = kinds.grpc.create({
    asks,
    timeouts: { connect: 5000, total },
    random: Math.random,
    clock: createClock(),
    pick: () => pods[Math.min(picked++, pods.length - 1)],
    onSent: () => {},
    onAnswered: () => answered++,
    onLost: (loss) => losses.push(loss),
  })
  await client.request(new AbortController().signal)
  client.close()
  return { answered, losses, told: losses.map(({ pod, cause, message }) => `${pod} ${cause}: ${message}`) }
}

describe('a gRPC client', () => {
  test('calls the given method, with its message and its metadata', async () => {
    const seen: unknown[] = []
    const server = await pod((stream, _, message, headers) => {
      seen.push(message.toString('latin1'), headers)
      ok(stream)
    })
    const asks = asksOf({
      grpc: '/shop.Offers/Get',
      grpcCall: { message: 'CgNhYmM=', metadata: { authorization: 'secret' } },
    }).grpc
    expect(await call([server], [...asks])).toMatchObject({ answered: 1, losses: [] })
    expect(seen).toMatchObject([
      '\0\0\0\0\x05\n\x03abc',
      {
        ':method': 'POST',
        ':path': '/shop.Offers/Get',
        'content-type': 'application/grpc',
        te: 'trailers',
        authorization: 'secret',
      },
    ])
  })

  test.each(['3', '5', '6', '9', '10', '11'])(
    'has its answer with status %s, which only a handler gives',
    async (status) => {
      expect(await call([await pod((stream) => end(stream, status))])).toMatchObject({ answered: 1, losses: [] })
    },
  )

  test('loses a call that ends with another status, and reports its name and message', async () => {
    const busy = await pod((stream) => end(stream, '14', Buffer.alloc(0), 'the%20pod%20goes'))
    expect((await call([busy])).told).toEqual(['old-1 grpc-status 14: UNAVAILABLE the pod goes'])
  })

  test('loses a call that is answered by trailers alone', async () => {
    const unknown = await pod((stream) => stream.respond({ 'grpc-status': '12' }, { endStream: true }))
    expect((await call([unknown])).told).toEqual(['old-1 grpc-status 12: UNIMPLEMENTED'])
  })

  test('loses a call without a status, with another HTTP status, and without an answer in time', async () => {
    const without = await pod((stream) => {
      stream.respond({})
      stream.end('half')
    })
    expect((await call([without])).told).toEqual(['old-1 truncated: the call ended without a grpc-status'])
    const busy = await pod((stream) => stream.respond({ ':status': 503 }, { endStream: true }))
    expect((await call([busy])).told).toEqual(['old-1 status 503: '])
    const gone = await pod((_, session) => session.destroy())
    expect((await call([gone])).losses).toMatchObject([{ cause: 'reset', method: 'POST', path: healthCheck }])
    const silent = await pod(() => {})
    expect((await call([silent], undefined, 100)).told).toEqual(['old-1 timeout: not answered within 100 ms'])
  })

  test('retries a call once that a server has refused', async () => {
    let refusals = 1
    const busy = await pod((stream) => {
      if (refusals-- > 0) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
      else ok(stream)
    })
    expect(await call([busy])).toMatchObject({ answered: 1, losses: [] })
    refusals = 2
    expect((await call([busy])).told).toEqual(['old-1 error: the server refused every attempt'])
  })
})

const times = { initialDelaySeconds: 0, periodSeconds: 1, successThreshold: 1, failureThreshold: 1, timeoutSeconds: 5 }

describe('a gRPC probe', () => {
  const probe = async ({ host, port }: Endpoint, more: object = {}) =>
    await sendProbe(
      { host, port, exec: () => expect.fail('there is no command') },
      { path: null, grpc: {}, ...times, ...more },
    )

  test('asks for the health of the server, or of a service of it, as a kubelet does', async () => {
    const seen: string[] = []
    const server = await pod((stream, _, message) => {
      seen.push(message.toString('latin1'))
      end(stream, '0', Buffer.from([0x08, 1]))
    })
    expect(await probe(server)).toEqual({
      ok: true,
      found: `the gRPC health check at port ${server.port} answered SERVING`,
    })
    const service = 'shop.Offers'
    expect(await probe({ ...server, port: 1 }, { grpc: { port: server.port, service } })).toMatchObject({ ok: true })
    const long = 's'.repeat(200)
    expect(await probe(server, { grpc: { service: long } })).toMatchObject({ ok: true })
    expect(seen).toEqual(['\0\0\0\0\0', `\0\0\0\0\x0d\n\x0b${service}`, `\0\0\0\0\xcb\n\xc8\x01${long}`])
  })

  test('is retried when the server refuses it, as after a GOAWAY', async () => {
    let refused = false
    const server = await pod((stream) => {
      if (refused) end(stream, '0', Buffer.from([0x08, 1]))
      else stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
      refused = true
    })
    expect(await probe(server)).toMatchObject({ ok: true })
  })

  test.each<[string, (stream: ServerHttp2Stream) => void, RegExp]>([
    ['NOT_SERVING', (stream) => end(stream, '0', Buffer.from([0x08, 2])), / answered NOT_SERVING$/],
    ['nothing of its health', (stream) => end(stream, '0'), / answered UNKNOWN$/],
    ['another status', (stream) => end(stream, '12'), / failed: UNIMPLEMENTED$/],
    ['HTTP', (stream) => stream.respond({ ':status': 404 }, { endStream: true }), / failed: it answered 404 without/],
    ['nothing', () => {}, / failed: no whole answer within 200 ms$/],
  ])('fails when the server answers %s', async (_, answer, found) => {
    expect(await probe(await pod(answer), { timeoutSeconds: 0.2 })).toEqual({
      ok: false,
      found: expect.stringMatching(found),
    })
  })
})

describe.concurrent('a rolling update of a gRPC server', () => {
  const offers = { grpc: '/shop.Offers/Get', grpcCall: { message: 'CgNhYmM=', metadata: { authorization: 'secret' } } }

  function options(more: Partial<RehearsalOptions>): RehearsalOptions {
    return {
      command: process.execPath,
      args: [join(__dirname, 'fixtures/grpc.mjs')],
      replicas: 2,
      readinessProbe: { grpc: {}, periodSeconds: 0.1, timeoutSeconds: 5 },
      endpointLag: { min: 100, median: 200, max: 300 },
      requests: offers,
      clients: { grpc: 4 },
      startDelay: 0,
      warmUp: 300,
      coolDown: 200,
      ...more,
    }
  }
  const controlPort = 9090
  const withPodrain = {
    env: { CONTROL_PORT: String(controlPort) },
    preStop: { httpGet: { path: '/prestop', port: controlPort } },
  }

  test('loses no call with podrain', async ({ skip }) => {
    skip(process.platform !== 'linux', 'one control port for all pods needs more than one loopback address')
    const { events, summary } = await rehearse(options(withPodrain))
    expect(events.filter(({ type }) => type === 'lost')).toEqual([])
    expect(summary.requestsByClient.grpc).toBeGreaterThan(20)
    // Its health check says NOT_SERVING as soon as it drains.
    expect(events.filter(({ type }) => type === 'pod-unready')).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('answered NOT_SERVING') }),
    )
  })

  test('loses no call over TLS either', async ({ skip }) => {
    skip(process.platform !== 'linux', 'one control port for all pods needs more than one loopback address')
    const TLS = JSON.stringify(await certificate())
    const readinessProbe = { path: '/readyz', port: controlPort, periodSeconds: 0.1, timeoutSeconds: 5 }
    const more = { ...withPodrain, env: { ...withPodrain.env, TLS }, tls: true, readinessProbe }
    const { events, summary } = await rehearse(options(more))
    expect(events.filter(({ type }) => type === 'lost')).toEqual([])
    expect(summary.requestsByClient.grpc).toBeGreaterThan(20)
  })

  test('loses calls when it exits on SIGTERM, and the advice is to let calls end', async () => {
    const endpointLag = { min: 700, median: 800, max: 900 }
    const { events, summary } = await rehearse(options({ env: { BARE: '1' }, endpointLag }))
    const losses = events.filter((event): event is LostEvent => event.type === 'lost')
    expect(losses.length).toBeGreaterThan(0)
    expect(new Set(losses.map(({ path }) => path))).toEqual(new Set(['/shop.Offers/Get']))
    const fixes = summary.diagnoses.map(({ kind, fix }) => `${kind}: ${fix}`)
    expect(fixes.join('\n')).toMatch(/^exit: Before the exit, send GOAWAY|^listener closed: Keep the listener open/m)
  })

  test('is refused when every call fails before anything is done to it, with what it says', async () => {
    const refused = options({ env: { BARE: '1' }, requests: { ...offers, grpcCall: { message: 'CgNhYmM=' } } })
    await expect(rehearse(refused)).rejects.toThrow(
      'POST /shop.Offers/Get: grpc-status 16 (UNAUTHENTICATED nobody knows you)',
    )
  })

  test('can be looked at when nobody probes it by HTTP', async () => {
    expect(await look(options({ env: { BARE: '1' } }), ['/drainz'])).toEqual({ ready: null, answers: {} })
  })
})
