import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type ClientHttp2Session, connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AdapterOptions, attach, Drain, type DrainOptions, drainServer } from '../src/index.js'
import { supportedSignals } from '../src/process/signals.js'
import { ask, Client, FakeClock, FakeProcess, gate, keeping, type Pod, serve, turns } from './support.js'

/** The share of connections that a response closes grows over 600 ms. */
const slow = { ...keeping, settle: { min: 1000, quiet: 400 } }

/** A pod whose `/slow` responds when the test lets it. */
async function start(options: AdapterOptions = {}) {
  const [clock, turn] = [new FakeClock(), gate()]
  const pod: Pod = await serve(
    (request, response) => {
      if (request.url === '/slow') void turn.opened.then(() => response.end('at last'))
      else response.end('ok')
    },
    { ...slow, clock, ...options },
  )
  return { ...pod, clock, turn }
}

async function startHttp2(
  settle = slow.settle,
  handler = (_request: unknown, response: { end(text: string): unknown }): unknown => response.end('ok'),
) {
  const clock = new FakeClock()
  const server = createHttp2Server((request, response) => void handler(request, response))
  const drain = drainServer(server, { ...slow, settle, clock, signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { clock, server, drain, session: () => openSession((server.address() as AddressInfo).port) }
}

async function openSession(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

async function read(session: ClientHttp2Session): Promise<void> {
  await new Promise((resolve) => session.ping(resolve))
  await turns(3)
}

describe('at the exact moment when the ramp reaches a connection', () => {
  test.each([
    ['before it, a response that is open is kept alive', 290, /ok|at last/, false],
    ['from it on, it says Connection: close', 300, /connection: close/i, true],
  ])('%s', async (_name, ms, pattern, closes) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { drain, clock, port, turn } = await start()
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(ms)
    turn.open()
    await client.until(pattern)
    await turns()
    expect(/connection: close/i.test(client.received)).toBe(closes)
  })

  test.each([
    [290, false],
    [300, true],
  ])('after %i ms, a new response says Connection: close: %s', async (ms, closes) => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { drain, clock, port } = await start()
    void drain.prestop()
    clock.advance(ms)
    expect((await ask(port)).headers.connection === 'close').toBe(closes)
  })

  test('a session gets GOAWAY', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { drain, clock, session } = await startHttp2()
    const client = await session()
    const stream = client.request({ ':path': '/' })
    stream.resume()
    await once(stream, 'close')
    const told = once(client, 'goaway')
    void drain.prestop()
    clock.advance(300)
    await told
  })
})

describe('a request in flight', () => {
  test('on a connection that was used before has its own age, also when the drain has begun', async () => {
    const { drain, clock, port } = await start()
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    clock.advance(3000)
    void drain.prestop()
    expect(drain.status().oldest).toEqual({ method: 'GET', path: '/slow', ageMs: 3000 })
  })

  test('does not exist on a connection that is no longer HTTP', async () => {
    const { drain, server, port } = await start()
    server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
      socket.on('error', () => {})
      socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    })
    await turns(1)
    const client = await Client.open(port)
    await client.get('/chat', 'Upgrade: echo', 'Connection: Upgrade').until(/101/)
    expect(drain.status()).toMatchObject({ inFlight: 0, oldest: null })
  })
})

describe('a session of HTTP/2', () => {
  test('that is new and unused gets GOAWAY as soon as its first request is no longer expected', async () => {
    const { drain, clock, session } = await startHttp2()
    void drain.prestop()
    clock.advance(1500)
    const client = await session()
    let told = false
    client.on('goaway', () => {
      told = true
    })
    clock.advance(1999)
    await read(client)
    expect(told).toBe(false)
    clock.advance(1)
    await expect.poll(() => told).toBe(true)
  })

  test('that is unused gets the farewell at once when the server closes', async () => {
    const { drain, clock, session } = await startHttp2({ min: 0, quiet: 0 })
    const client = await session()
    const closed = once(client, 'close')
    const report = drain.start()
    expect(drain.state).toBe('closing')
    await closed // the fake clock does not move
    expect(await clock.through(report)).toMatchObject({ clean: true })
  })

  test('whose client has gone is not waited for when the server closes', async () => {
    const { drain, clock, server, session } = await startHttp2({ min: 0, quiet: 0 })
    const opened = once(server, 'session')
    const client = await session()
    const [known] = await opened
    const closed = once(known, 'close')
    client.destroy()
    await closed
    const { durationMs } = await drain.start() // the fake clock does not move
    expect(durationMs).toBe(0)
    expect(clock.now()).toBe(1_000_000)
  })

  test('has an upload that counts as stalled after the time for which an idle connection is kept', async () => {
    const { drain, clock, session } = await startHttp2(slow.settle, () => {})
    const client = await session()
    const stream = client.request({ ':path': '/', ':method': 'POST' }, { endStream: false })
    stream.on('error', () => {})
    await expect.poll(() => drain.inFlight).toBe(1)
    await read(client)
    void drain.start()
    clock.advance(1999)
    expect(drain.state).toBe('draining')
    clock.advance(1)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
  })

  test('whose client has disconnected before the middleware counts nothing', async () => {
    const { drain, handle } = attach({ signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    const [arrived, left, handled] = [gate(), gate(), gate()]
    const server = createHttp2Server(async (request, response) => {
      arrived.open()
      request.stream.on('close', () => left.open())
      await left.opened
      await turns()
      expect(handle(request as never, response as never)).toBe(false)
      handled.open()
    })
    server.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const client = await openSession((server.address() as AddressInfo).port)
    client.request({ ':path': '/' }).on('error', () => {})
    await arrived.opened
    client.destroy()
    await handled.opened
    expect(drain.inFlight).toBe(0)
  })
})

test.each(supportedSignals)('a drain may end by %s', async (signal) => {
  const names = 'SIGHUP SIGINT SIGQUIT SIGILL SIGTRAP SIGABRT SIGBUS SIGFPE SIGSEGV SIGUSR2 SIGTERM'.split(' ')
  expect(supportedSignals).toEqual(names)
  const options: DrainOptions = { signals: [signal], process: new FakeProcess(), logger: false }
  await new Drain(options).dispose()
})
