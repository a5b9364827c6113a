import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttp2Server, createSecureServer } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import { createServer as createNetServer } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls } from 'node:tls'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { attach, Drain, drainServer } from '../src/index.js'
import { ask, Client, certificate, FakeClock, gate, Log, listen, sayOk, serve, short } from './support.js'

setFlagsFromString('--expose-gc')

function watching(...servers: Server[]): { drain: Drain; log: Log; clock: FakeClock } {
  const [log, clock] = [new Log(), new FakeClock()]
  const drain = new Drain({ ...short, clock, signals: false, logger: log })
  for (const server of servers) drain.watch(server)
  onTestFinished(() => drain.dispose())
  return { drain, log, clock }
}

describe('a drain', () => {
  test('of several servers is ready as soon as one of them listens', async () => {
    const [one, two] = [createServer(sayOk), createServer(sayOk)]
    const { drain } = watching(one, two)
    expect(drain.listening).toBe(false)
    await listen(two)
    expect(drain.listening).toBe(true)
    two.close()
    expect(drain.listening).toBe(false)
  })

  test('of a server that gets its connections from another server is ready when the first one has come', async () => {
    const server = createServer(sayOk)
    const { drain } = watching(server)
    const front = createNetServer((socket) => void server.emit('connection', socket))
    const port = await listen(front)
    expect(drain.listening).toBe(false)
    await ask(port)
    expect(drain.listening).toBe(true)
  })

  test('does not count requests of another drain’s servers, also not in exclude()', async () => {
    const [first, second] = [watching(), watching()]
    const inFlight: number[][] = []
    const server = createServer((request, response) => {
      second.drain.exclude(request, response)
      inFlight.push([first.drain.inFlight, second.drain.inFlight])
      response.end('ok')
    })
    first.drain.watch(server)
    await ask(await listen(server))
    expect(inFlight).toEqual([[1, 0]])
  })

  test('of a server that has never listened ends like any other', async () => {
    const { drain, clock } = watching(createServer())
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [], undeliveredBytes: 0 })
  })

  test('closes a server that is not a net.Server, as under Bun, by its own close()', async () => {
    const server = Object.assign(new EventEmitter(), {
      listening: true,
      address: () => null,
      getConnections: (tell: (error: null, count: number) => void) => tell(null, 0),
      close() {
        server.listening = false
      },
    })
    const { drain, clock } = watching(server as unknown as Server)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true })
    expect(server.listening).toBe(false)
  })

  test('of a server that already listens logs the shares of the grace period', async () => {
    vi.stubEnv('NODE_ENV', 'production')
    onTestFinished(() => void vi.unstubAllEnvs())
    const server = createServer(sayOk)
    await listen(server)
    const { log } = watching(server)
    expect(log.matching(/grace period/)).toHaveLength(1)
  })

  test('releases a server that it found by a request when the server closes, and keeps one that was passed', async () => {
    const { drain, handle } = attach({ ...short, signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      if (!handle(request, response)) response.end('ok')
    }
    const [found, given] = [createServer(answer), createServer(answer)]
    drain.watch(given)
    const other = new Drain({ signals: false, logger: false })
    onTestFinished(() => other.dispose())
    for (const server of [found, given]) {
      await ask(await listen(server))
      expect(() => other.watch(server)).toThrow('already watched')
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    }
    expect(() => other.watch(found)).not.toThrow()
    expect(() => other.watch(given)).toThrow('already watched')
  })
})

describe('a request with an Expect header that the application handles', () => {
  test.each([
    ['checkContinue', '100-continue'],
    ['checkExpectation', 'a miracle'],
  ])('(%s) is in flight like any other', async (event, expectation) => {
    const turn = gate()
    const server = createServer(sayOk)
    server.on(event, (_request, response) => void turn.opened.then(() => response.end('as expected')))
    const { drain } = watching(server)
    const client = await Client.open(await listen(server))
    client.send(`POST / HTTP/1.1\r\nHost: pod\r\nExpect: ${expectation}\r\nContent-Length: 0\r\n\r\n`)
    await expect.poll(() => drain.inFlight).toBe(1)
    turn.open()
    await client.until(/as expected/)
    await expect.poll(() => drain.inFlight).toBe(0)
  })
})

test('a handler without a client is forgotten exactly when its time is over', async () => {
  const clock = new FakeClock()
  const reached = gate()
  const server = createServer(() => {
    reached.open()
    return new Promise(() => {})
  })
  const drain = drainServer(server, { clock, signals: false, logger: false, hookTimeout: 5000 })
  onTestFinished(() => drain.dispose())
  const client = await Client.open(await listen(server))
  client.get('/')
  await reached.opened
  client.abort()
  await expect.poll(() => drain.status().tasks.length).toBe(1)
  clock.advance(4999)
  expect(drain.status().tasks).toHaveLength(1)
  clock.advance(1)
  expect(drain.status().tasks).toEqual([])
})

test('a task without a timeout is waited for until the deadline', async () => {
  const { drain } = await serve(sayOk)
  drain.waitUntil(new Promise(() => {}), { name: 'mail' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  expect(drain.status().tasks).toEqual(['mail'])
})

describe('the control port', () => {
  async function scraped(metrics: () => string): Promise<{ control: number }> {
    const { log } = await serve(sayOk, { controlPort: 0, metrics: { contentType: 'text/plain', metrics } })
    await expect.poll(() => log.matching(/control endpoints on port/)).toHaveLength(1)
    return { control: Number(/(\d+)$/.exec(log.matching(/control endpoints on port/)[0] ?? '')?.[1]) }
  }

  test('serves metrics only at /metrics, with no-store', async () => {
    const { control } = await scraped(() => 'up 1\n')
    expect(await ask(control, '/metrics')).toMatchObject({ body: 'up 1\n', headers: { 'cache-control': 'no-store' } })
    expect(await ask(control, '/other')).toMatchObject({ status: 404, body: '', headers: { 'content-length': '0' } })
  })

  test('responds with 500 without a body if the metrics fail', async () => {
    const { control } = await scraped(() => {
      throw new Error('no registry')
    })
    expect(await ask(control, '/metrics')).toMatchObject({ status: 500, headers: { 'content-length': '0' } })
  })
})

describe('onClose hooks', () => {
  async function ran(
    ...hooks: [name: string, after?: string | string[]][]
  ): Promise<{ order: string[]; lines: string[] }> {
    const clock = new FakeClock()
    const { drain, log } = await serve(sayOk, { clock })
    const order: string[] = []
    for (const [name, after] of hooks) drain.onClose(() => order.push(name), after ? { name, after } : { name })
    await clock.through(drain.start())
    return { order, lines: log.matching(/^(?:warn|error)/) }
  }

  test('may name themselves in `after`, which changes nothing', async () => {
    expect(await ran(['pool', 'pool'], ['cache'])).toEqual({ order: ['cache', 'pool'], lines: [] })
  })

  test('that name several unknown hooks are logged with all names', async () => {
    const { lines } = await ran(['pool', ['worker', 'queue']])
    expect(lines).toEqual([expect.stringContaining('to run `after` "worker", "queue", but no hook has that name')])
  })

  test('may have a timeout of 0, and a list with a value that is not a name is refused', async () => {
    const clock = new FakeClock()
    const { drain } = await serve(sayOk, { clock })
    drain.onClose(() => {}, { name: 'pool', timeout: 0 })
    expect(() => drain.onClose(() => {}, { name: 'cache', after: ['pool', 5 as never] })).toThrow(
      'Expected `after` of hook "cache" to be the name of a hook, or a list of names',
    )
    await clock.through(drain.start())
  })
})

test('a TLS handshake is waited for even if earlier clients have finished theirs and disconnected', async () => {
  const server = createHttpsServer(tls, sayOk)
  const { drain, clock } = watching(server as unknown as Server)
  const port = await listen(server as unknown as Server)
  for (let count = 0; count < 2; count++) {
    const secured = once(server, 'secureConnection')
    const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
    socket.on('error', () => {})
    const [accepted] = (await secured) as [Duplex]
    const closed = once(accepted, 'close')
    socket.destroy()
    await closed
  }
  void drain.start()
  clock.advance(190)
  const accepted = once(server, 'connection')
  const silent = await Client.open(port)
  await accepted
  clock.advance(30) // two checks follow: at 200 ms the wait would be over
  expect(drain.state).toBe('draining')
  clock.advance(80)
  expect(drain.state).not.toBe('draining')
  await clock.through(drain.start())
  await silent.end()
})

describe('a server that was drained in a process that goes on', () => {
  const collect = runInNewContext('gc') as () => void
  const kinds: [string, () => Server][] = [
    ['node:http', () => createServer(sayOk)],
    ['node:https', () => createHttpsServer(tls, sayOk)],
    ['node:http2', () => createHttp2Server(sayOk as never) as unknown as Server],
    [
      'node:http2 (allowHTTP1)',
      () => createSecureServer({ ...tls, allowHTTP1: true }, sayOk as never) as unknown as Server,
    ],
  ]

  /** Uses and drains a server, and keeps no reference to it. */
  async function drained(create: () => Server): Promise<WeakRef<Server>> {
    const server = create()
    const drain = drainServer(server, { ...short, settle: { min: 0, quiet: 0 }, signals: false, logger: false })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const closed = once(server, 'close')
    await drain.start({ settle: false })
    await closed
    return new WeakRef(server)
  }

  test.each(kinds)('does not stay in memory (%s)', async (_, create) => {
    const reference = await drained(create)
    await expect
      .poll(
        () => {
          collect()
          return reference.deref() === undefined
        },
        { timeout: 10_000 },
      )
      .toBe(true)
  })

  test.each(kinds)('has emitted close once, and has its own methods again (%s)', async (_, create) => {
    const server = create()
    const before = Object.getOwnPropertyNames(server)
    const own = Object.getOwnPropertyDescriptors(server)
    let closed = 0
    server.on('close', () => closed++)
    const drain = drainServer(server, { ...short, settle: { min: 0, quiet: 0 }, signals: false, logger: false })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    await drain.start({ settle: false })
    await expect.poll(() => closed).toBe(1)
    for (const name of ['emit', 'close', 'closeIdleConnections']) {
      expect(Object.getOwnPropertyDescriptor(server, name)).toEqual((own as Record<string, unknown>)[name])
    }
    expect(before).not.toContain('emit')
  })

  test('has sent the complete response that was being sent when it stopped listening', async () => {
    const server = createServer((_request, response) => void response.end(Buffer.alloc(8_000_000, 'x')))
    const drain = drainServer(server, { ...short, signals: false, logger: false })
    const client = await Client.open(await listen(server))
    client.socket.pause()
    const arrived = once(server, 'request')
    client.get('/')
    await arrived
    const report = drain.start({ settle: false })
    await expect.poll(() => server.listening).toBe(false)
    client.socket.resume()
    expect(await report).toMatchObject({ clean: true, cut: [] })
    await client.end()
    expect(client.received.length).toBeGreaterThan(8_000_000)
  })
})

let tls: Awaited<ReturnType<typeof certificate>>
beforeAll(async () => {
  tls = await certificate()
})
