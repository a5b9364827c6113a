import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import {
  type ClientHttp2Session,
  connect as connectHttp2,
  createServer as createHttp2Server,
  createSecureServer,
} from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { type AddressInfo, connect as connectTcp, type Server } from 'node:net'
import { connect as connectTls } from 'node:tls'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { attach, Drain, type DrainReport } from '../src/index.js'
import { ask, Client, certificate, FakeClock, gate, Log, turns } from './support.js'

const times = {
  terminationGracePeriodSeconds: 12,
  settle: { min: 1000, quiet: 500 },
  closing: 2000,
  reserve: 500,
  keepAliveCap: 2000,
}

let tls: Awaited<ReturnType<typeof certificate>>
beforeAll(async () => {
  tls = await certificate()
})

type Listener = (
  request: Pick<IncomingMessage, 'url'>,
  response: Pick<ServerResponse, 'end' | 'write'> & { writableLength: number },
) => unknown
type Kind = 'http' | 'https' | 'http2 with allowHTTP1' | 'http2'

function create(kind: Kind, listener: Listener): Server {
  const answer = (...exchange: Parameters<Listener>): void => void listener(...exchange)
  switch (kind) {
    case 'http':
      return createServer(answer)
    case 'https':
      return createHttpsServer(tls, answer)
    case 'http2':
      return createHttp2Server(answer as never)
    default:
      return createSecureServer({ ...tls, allowHTTP1: true }, answer as never)
  }
}

interface Scene {
  readonly server: Server
  readonly port: number
  readonly clock: FakeClock
  readonly log: Log
  /** Creates a drain that watches the server from now on. */
  watch(): Promise<Drain>
}

/** A server that already serves, and is not yet watched. */
async function start(kind: Kind, listener: Listener): Promise<Scene> {
  const server = create(kind, listener)
  Object.assign(server, { keepAliveTimeout: 600_000 })
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const [clock, log] = [new FakeClock(), new Log()]
  const watch = async (): Promise<Drain> => {
    const drain = new Drain({ ...times, clock, logger: log, signals: false }).watch(server)
    onTestFinished(() => drain.dispose())
    await turns(2)
    return drain
  }
  return { server, port: (server.address() as AddressInfo).port, clock, log, watch }
}

async function connect({ port, server }: Scene, kind: Kind): Promise<Client> {
  const known = once(server, kind === 'http' ? 'connection' : 'secureConnection')
  const where = { port, host: '127.0.0.1' }
  const client = Client.on(kind === 'http' ? connectTcp(where) : connectTls({ ...where, rejectUnauthorized: false }))
  await known
  return client
}

const soon = <T>(value: () => T): ReturnType<typeof expect.poll<T>> => expect.poll(value, { interval: 2 })
const sayOk: Listener = (_request, response) => response.end('ok')

/** Lets time pass until the drain is over. */
function over(drain: Drain, clock: FakeClock): Promise<DrainReport> {
  const report = drain.start()
  clock.advance(8000)
  return clock.through(report)
}

const kinds: Kind[] = ['http', 'https', 'http2 with allowHTTP1']

describe.each(kinds)('a connection of HTTP/1 to a server of %s that was open before the server was watched', (kind) => {
  test('and has a request in flight is waited for, and answered', async () => {
    const [reached, turn] = [gate(), gate()]
    const scene = await start(kind, (_request, response) => {
      reached.open()
      return turn.opened.then(() => response.end('at last'))
    })
    const client = (await connect(scene, kind)).get('/')
    await reached.opened
    const { clock, log } = scene
    const drain = await scene.watch()
    expect(log.matching(/^warn .*1 connection that was open before watch\(\): .*before it listens/)).toHaveLength(1)
    const report = drain.start()
    clock.advance(6000)
    expect(drain.state).toBe('draining')
    turn.open()
    await client.until(/at last$/)
    client.socket.end()
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [], unknownConnections: 0 })
  })

  test('and has a request that never ends is cut, and reported', async () => {
    const reached = gate()
    const scene = await start(kind, () => reached.open())
    const client = (await connect(scene, kind)).get('/')
    await reached.opened
    const report = await over(await scene.watch(), scene.clock)
    expect(report).toMatchObject({ clean: false, unknownConnections: 1 })
    expect(scene.log.matching(/^error .*cut 1 connection whose requests podrain did not count/)).toHaveLength(1)
    client.socket.destroy() // the exit of the process would do the same
  })

  test('and is idle is waited for until it closes, because podrain does not know that it is idle', async () => {
    const scene = await start(kind, sayOk)
    const client = await (await connect(scene, kind)).get('/').until(/ok$/)
    const { clock } = scene
    const drain = await scene.watch()
    const report = drain.start()
    clock.advance(6000)
    await turns()
    expect(drain.state).toBe('draining')
    client.socket.end() // Node does the same after `keepAliveTimeout`
    expect(await clock.through(report)).toMatchObject({ clean: true, unknownConnections: 0 })
  })

  test('is like any other from its next request on', async () => {
    const scene = await start(kind, sayOk)
    const clients = [await connect(scene, kind), await connect(scene, kind)]
    const [used, silent] = clients as [Client, Client]
    await used.get('/').until(/ok$/)
    const { clock, log } = scene
    const drain = await scene.watch()
    expect(log.matching(/2 connections that were open before watch\(\)/)).toHaveLength(1)
    for (const client of clients) client.get('/late')
    await used.until(/ok[\s\S]*ok$/)
    await silent.until(/ok$/)
    const report = drain.start()
    clock.advance(900)
    await used.get('/later').until(/connection: close[\s\S]*ok$/i)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1, unknownConnections: 0 })
    await Promise.all(clients.map((client) => client.end()))
  })

  test('whose client reads its response slowly gets the complete response', async () => {
    const size = 30_000_000
    const reached = gate()
    const scene = await start(kind, (_request, response) => {
      response.end('x'.repeat(size))
      reached.open()
    })
    const client = await connect(scene, kind)
    client.socket.pause()
    client.get('/')
    await reached.opened
    const { clock } = scene
    const drain = await scene.watch()
    const report = drain.start()
    clock.advance(6000)
    await turns()
    expect(drain.state).toBe('draining')
    client.socket.resume()
    await soon(() => client.received.length).toBeGreaterThan(size)
    client.socket.end()
    expect(await clock.through(report)).toMatchObject({ clean: true, unknownConnections: 0 })
  })
})

test('a server that listens, but has no connections yet, costs no more counts than one that is watched in time', async () => {
  const drain = new Drain({ ...times, clock: new FakeClock(), logger: false, signals: false })
  onTestFinished(() => drain.dispose())
  const [early, late] = [createServer(), createServer()]
  drain.watch(early)
  for (const server of [early, late]) {
    server.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
  }
  drain.watch(late)
  await soon(() => late.listenerCount('connection')).toBe(early.listenerCount('connection'))
})

describe('a session of HTTP/2 that was open before its server was watched', () => {
  async function open({ port }: Scene): Promise<ClientHttp2Session> {
    const session = connectHttp2(`http://127.0.0.1:${port}`)
    session.on('error', () => {})
    onTestFinished(() => session.destroy())
    await once(session, 'remoteSettings')
    return session
  }

  async function answer(session: ClientHttp2Session, path = '/'): Promise<string> {
    const stream = session.request({ ':path': path })
    stream.on('error', () => {})
    stream.setEncoding('utf8')
    let text = ''
    stream.on('data', (chunk: string) => {
      text += chunk
    })
    await once(stream, 'close')
    return text
  }

  test('and has a request in flight is counted, logged and waited for as a request', async () => {
    const [reached, turn] = [gate(), gate()]
    const scene = await start('http2', (_request, response) => {
      reached.open()
      return turn.opened.then(() => response.end('at last'))
    })
    const session = await open(scene)
    const answered = answer(session)
    await reached.opened
    const { clock, log } = scene
    const drain = await scene.watch()
    expect(log.matching(/^warn .*1 connection that was open before watch\(\): .*before it listens/)).toHaveLength(1)
    const report = drain.start()
    for (let second = 0; second < 8; second++) {
      clock.advance(1000)
      await turns(2)
    }
    expect(drain.state).toBe('draining')
    turn.open()
    expect(await answered).toBe('at last')
    session.close()
    expect(await clock.through(report)).toMatchObject({ clean: true, unknownConnections: 0 })
  })

  test('and stays idle is cut, and reported', async () => {
    const scene = await start('http2', sayOk)
    await answer(await open(scene))
    expect(await over(await scene.watch(), scene.clock)).toMatchObject({ clean: false, unknownConnections: 1 })
    expect(scene.log.matching(/closing with 1 connection that was open before watch\(\)/)).toHaveLength(1)
    expect(scene.log.matching(/^error .*cut 1 connection whose requests podrain did not count/)).toHaveLength(1)
  })

  test('is like any other from its next request on', async () => {
    const scene = await start('http2', sayOk)
    const [session, other] = [await open(scene), await open(scene)]
    await Promise.all([answer(session), answer(other)])
    const { clock, log } = scene
    const drain = await scene.watch()
    expect(log.matching(/2 connections that were open before watch\(\)/)).toHaveLength(1)
    await answer(session)
    const closed = once(other, 'close')
    other.close()
    await closed
    const goaway = once(session, 'goaway')
    expect(await over(drain, clock)).toMatchObject({ clean: true, unknownConnections: 0 })
    await goaway
  })

  test('is assigned to its own server, if there are two', async () => {
    const [one, two] = [await start('http2', sayOk), await start('http2', sayOk)]
    const [first, second] = [await open(one), await open(two)]
    await Promise.all([answer(first), answer(second)])
    const drain = await one.watch()
    drain.watch(two.server)
    await turns(2)
    await answer(second)
    const closed = once(first, 'close')
    first.close()
    await closed
    expect(await over(drain, one.clock)).toMatchObject({ clean: true, unknownConnections: 0 })
  })

  test('is not counted after it has closed', async () => {
    const scene = await start('http2', sayOk)
    const session = await open(scene)
    const drain = await scene.watch()
    const closed = once(session, 'close')
    session.close()
    await closed
    await open(scene) // known
    expect(await over(drain, scene.clock)).toMatchObject({ clean: true, unknownConnections: 0 })
    expect(scene.log.matching(/closing with/)).toEqual([])
  })
})

describe('a TLS handshake that began before its server was watched', () => {
  test('is counted until it has ended', async () => {
    const scene = await start('https', sayOk)
    const accepted = once(scene.server, 'connection')
    const socket = connectTcp({ port: scene.port, host: '127.0.0.1' })
    await accepted
    const { clock, log } = scene
    const drain = await scene.watch()
    expect(log.matching(/1 connection that was open before watch\(\)/)).toHaveLength(1)
    const secured = once(scene.server, 'secureConnection')
    const client = connectTls({ socket, rejectUnauthorized: false })
    client.on('error', () => {})
    await secured
    client.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
    await once(client, 'data')
    expect(await over(drain, clock)).toMatchObject({ clean: true, unknownConnections: 0 })
  })
})

test('connections from before the first request of a middleware cause no warning', async () => {
  const [clock, log] = [new FakeClock(), new Log()]
  const { drain, handle } = attach({ ...times, clock, logger: log, signals: false })
  onTestFinished(() => drain.dispose())
  const scene = await start('http', (request, response) => {
    if (!handle(request as IncomingMessage, response as ServerResponse)) response.end('ok')
  })
  const silent = await connect(scene, 'http')
  await ask(scene.port)
  expect(drain.inFlight).toBe(0)
  const report = drain.start()
  clock.advance(900)
  await silent.get('/').until(/ok$/)
  expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1, unknownConnections: 0 })
  expect(log.matching(/before watch/)).toEqual([])
})

test('a server without connections causes no warning, even if it already listens', async () => {
  const { clock, log, watch } = await start('http2', sayOk)
  const drain = await watch()
  expect(await over(drain, clock)).toMatchObject({ clean: true, unknownConnections: 0 })
  expect(log.matching(/before watch/)).toEqual([])
})

test('connections after watch() do not count as earlier ones', async () => {
  const scene = await start('http', sayOk)
  const earlier = await connect(scene, 'http')
  await earlier.get('/').until(/ok$/)
  const drain = await scene.watch()
  const later = await connect(scene, 'http')
  await turns()
  expect(await over(drain, scene.clock)).toMatchObject({ clean: false, unknownConnections: 1 })
  expect(scene.log.matching(/2 connections/)).toEqual([])
  later.abort()
})

test('a server that was watched late has only its own listeners when its drain releases it', async () => {
  const scene = await start('http', sayOk)
  await connect(scene, 'http')
  const counts = (): object =>
    Object.fromEntries(scene.server.eventNames().map((event) => [event, scene.server.listenerCount(event)]))
  const before = counts()
  const drain = await scene.watch()
  await drain.dispose()
  expect(counts()).toEqual(before)
})
