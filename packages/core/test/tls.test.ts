import { once } from 'node:events'
import { connect as connectHttp2, createSecureServer } from 'node:http2'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect } from 'node:tls'
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AdapterOptions, Drain, drainServer } from '../src/index.js'
import { certificate, FakeClock, gate, keeping, turns } from './support.js'

let tls: Awaited<ReturnType<typeof certificate>>
beforeAll(async () => {
  tls = await certificate()
})

interface Scene {
  readonly clock: FakeClock
  readonly drain: Drain
  readonly port: number
  readonly server: Server
}

type Kind = 'https' | 'http2'
type Listener = (request: { url?: string | undefined }, response: { end(text: string): unknown }) => unknown

/** A listening server with TLS that speaks HTTP/1 (both kinds do). It does not close idle connections itself. */
async function start(kind: Kind, listener: Listener, options: AdapterOptions = {}): Promise<Scene> {
  const clock = new FakeClock()
  const answer = (request: { url?: string | undefined }, response: { end(text: string): unknown }): void =>
    void listener(request, response)
  const server = (
    kind === 'https' ? createServer(tls, answer) : createSecureServer({ ...tls, allowHTTP1: true }, answer as never)
  ) as Server
  server.keepAliveTimeout = 600_000
  const drain = drainServer(server, { ...keeping, clock, signals: false, logger: false, ...options })
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return { clock, drain, server, port: (server.address() as AddressInfo).port }
}

/** The same server, not yet watched. */
async function startLate(kind: Kind): Promise<Scene> {
  const scene = await start(kind, sayOk)
  await scene.drain.dispose()
  const drain = new Drain({ ...keeping, clock: scene.clock, signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  return { ...scene, drain }
}

/** A client, with what it has received, and whether the server has ended its connection. */
class Heard {
  text = ''
  closed = false
  readonly socket: Socket
  readonly #closing: Promise<unknown>

  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding('latin1')
    socket.on('data', (text: string) => {
      this.text += text
    })
    socket.on('error', () => {})
    this.#closing = new Promise((resolve) =>
      socket.on('close', () => {
        this.closed = true
        resolve(undefined)
      }),
    )
    onTestFinished(() => void socket.destroy())
  }

  async until(pattern: RegExp): Promise<this> {
    while (!pattern.test(this.text)) {
      if (this.closed) throw new Error(`closed before ${pattern}: ${this.text}`)
      await Promise.race([once(this.socket, 'data').catch(() => {}), this.#closing])
    }
    return this
  }

  async end(): Promise<void> {
    await this.#closing
  }
}

async function open(port: number): Promise<Heard> {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] })
  const client = new Heard(socket)
  await once(socket, 'secureConnect')
  return client
}

/** A client that connects, and does not begin its handshake. */
async function openSilent(port: number, server: Server): Promise<Heard> {
  const accepted = once(server, 'connection')
  const client = new Heard(connectTcp({ port, host: '127.0.0.1' }))
  await accepted
  return client
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: pod\r\n\r\n`
const soon = <T>(value: () => T) => expect.poll(value, { interval: 2 })
const sayOk: Listener = (_request, response) => response.end('ok')

describe.each(['https', 'http2'] as const)('a client over TLS, of a server of node:%s,', (kind) => {
  test('has its request counted, waited for and answered', async () => {
    const turn = gate()
    const { drain, clock, port } = await start(kind, (_request, response) =>
      turn.opened.then(() => response.end('at last')),
    )
    const client = await open(port)
    client.socket.write(get('/'))
    await soon(() => drain.inFlight).toBe(1)
    const report = drain.start()
    clock.advance(10_000)
    expect(drain.state).toBe('draining')
    turn.open()
    await client.until(/connection: close[\s\S]*at last/i)
    await client.end()
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1 })
    expect(drain.inFlight).toBe(0)
  })

  test('is kept for its keep-alive time, and then ended', async () => {
    const { drain, clock, port } = await start(kind, sayOk)
    const client = await open(port)
    client.socket.write(get('/'))
    await client.until(/ok/)
    clock.advance(5000)
    void drain.start()
    clock.advance(1990)
    expect(drain.state).toBe('draining')
    clock.advance(10)
    expect(drain.state).not.toBe('draining')
    await client.end() // the fake clock does not move
    await clock.through(drain.start())
  })

  test('gets all its pipelined requests answered while draining, by a handler that answers at once', async () => {
    const { drain, clock, port } = await start(kind, ({ url }, response) => response.end(`at ${url}`))
    const used = await open(port)
    used.socket.write(get('/first'))
    await used.until(/at \/first/)
    void drain.prestop()
    const fresh = await open(port)
    clock.advance(1000)
    for (const client of [used, fresh]) {
      client.socket.write(get('/a') + get('/b'))
      await client.until(/at \/a[\s\S]*connection: close[\s\S]*at \/b/i)
      await client.end()
    }
  })

  test('gets Connection: close on each response while draining, also on the second of its connection', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.9)
    const { drain, clock, port } = await start(kind, ({ url }, response) => response.end(`at ${url}`))
    void drain.prestop()
    const client = await open(port)
    client.socket.write(get('/a'))
    await client.until(/at \/a/)
    clock.advance(1000)
    client.socket.write(get('/b'))
    await client.until(/connection: close[\s\S]*at \/b/i)
    await client.end()
  })

  test('that does not begin its handshake does not delay the end longer than a new connection would', async () => {
    const { drain, clock, port, server } = await start(kind, sayOk)
    const report = drain.start()
    clock.advance(900)
    const client = await openSilent(port, server)
    clock.advance(490)
    expect(drain.state).toBe('draining')
    clock.advance(110)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
    await client.end()
  })

  test('that does not begin its handshake does not delay the end longer if there are TCP health checks', async () => {
    const { drain, clock, port, server } = await start(kind, sayOk)
    const silent = await openSilent(port, server)
    const report = drain.start()
    for (const time of [400, 800]) {
      clock.advance(400)
      const accepted = once(server, 'connection')
      const check = connectTcp({ port, host: '127.0.0.1' })
      const [socket] = (await accepted) as [Socket]
      const closed = once(socket, 'close')
      check.destroy()
      await closed
      expect([time, drain.state]).toEqual([time, 'draining'])
    }
    clock.advance(210)
    expect(drain.state).not.toBe('draining')
    await clock.through(report)
    await silent.end()
  })

  test('that is in its handshake is waited for, even if others have finished a handshake that began before watch()', async () => {
    const { clock, drain, server, port } = await startLate(kind)
    const before = await openSilent(port, server)
    drain.watch(server)
    const secured = once(server, 'secureConnection')
    const encrypted = connect({ socket: before.socket, rejectUnauthorized: false })
    await secured
    const report = drain.start()
    clock.advance(900)
    const late = await openSilent(port, server)
    clock.advance(300)
    expect(drain.state).toBe('draining')
    clock.advance(300)
    expect(drain.state).not.toBe('draining')
    await clock.through(report)
    await late.end()
    encrypted.destroy()
  })

  test('that disconnected in its handshake is not waited for', async () => {
    const { drain, clock, port, server } = await start(kind, sayOk)
    const report = drain.start()
    clock.advance(900)
    const accepted = once(server, 'connection')
    const client = new Heard(connectTcp({ port, host: '127.0.0.1' }))
    const [socket] = (await accepted) as [Socket]
    client.socket.destroy()
    await once(socket, 'close')
    clock.advance(110)
    expect(drain.state).not.toBe('draining')
    await clock.through(report)
  })

  test('that has finished its handshake and disconnected is not waited for', async () => {
    const { drain, clock, port, server } = await start(kind, sayOk)
    const report = drain.start()
    clock.advance(700)
    const secured = once(server, 'secureConnection')
    const client = await open(port)
    const [socket] = (await secured) as [Socket]
    client.socket.destroy()
    await once(socket, 'close')
    await turns(3)
    clock.advance(310)
    expect(drain.state).not.toBe('draining')
    await clock.through(report)
  })

  test('that is in its handshake when the wait is over finishes it, and is answered', async () => {
    const { drain, clock, port, server } = await start(kind, sayOk, { settle: { min: 0, quiet: 0 } })
    const accepted = once(server, 'connection')
    const socket = connectTcp({ port, host: '127.0.0.1' }).on('error', () => {})
    await accepted
    const report = drain.start({ settle: false })
    await soon(() => server.listening).toBe(false)
    await turns(3)
    const client = new Heard(connect({ socket, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] }))
    client.socket.write(get('/'))
    await client.until(/connection: close[\s\S]*ok/i)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1 })
  })

  test('that connected before the drain was disposed of no longer counts', async () => {
    const { drain, server } = await start(kind, sayOk)
    const events = ['connection', 'secureConnection', 'session', 'stream', 'upgrade', 'checkContinue', 'listening']
    await drain.dispose()
    const plain = (
      kind === 'https' ? createServer(sayOk) : createSecureServer({ allowHTTP1: true }, sayOk as never)
    ) as Server
    expect(events.map((event) => server.listenerCount(event))).toEqual(
      events.map((event) => plain.listenerCount(event)),
    )
  })
})

test('an HTTP/2 session over TLS does not also count as an HTTP/1 connection', async () => {
  const { drain, clock, port } = await start('http2', sayOk, { settle: { min: 0, quiet: 0 } })
  const client = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false })
  onTestFinished(() => client.destroy())
  const stream = client.request({ ':path': '/' })
  stream.resume()
  await once(stream, 'close')
  const closed = once(client, 'close')
  const report = drain.start()
  await closed // the fake clock does not move
  expect(await clock.through(report)).toMatchObject({ clean: true, answered: 0 })
})

test('clients of a unix socket, which have no addresses, are each waited for in their handshake', async () => {
  const clock = new FakeClock()
  const server = createServer(tls, (_request, response) => void response.end('ok'))
  const drain = drainServer(server, { ...keeping, clock, signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  const path = join(tmpdir(), `podrain-tls-${process.pid}.sock`)
  server.listen(path)
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const silent = new Heard(connectTcp({ path }))
  await accepted
  const report = drain.start()
  clock.advance(900)
  const secured = once(server, 'secureConnection')
  const plain = connectTcp({ path })
  const second = once(server, 'connection')
  await second
  const third = once(server, 'connection')
  const unfinished = new Heard(connectTcp({ path }))
  await third
  const client = connect({ socket: plain, rejectUnauthorized: false })
  onTestFinished(() => void client.destroy())
  await secured
  clock.advance(490)
  expect(drain.state).toBe('draining')
  clock.advance(2000)
  await clock.through(report)
  await silent.end()
  await unfinished.end()
})
