import { EventEmitter, once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Drain, drainServer } from '../src/index.js'
import { ask, FakeClock, FakeProcess, gate, listen, slow, turns } from './support.js'

/** The two ends of a stream in memory. Neither is a socket. */
function pair(): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read() {},
      write(chunk, _encoding, done) {
        other().push(chunk)
        done()
      },
      final(done) {
        other().push(null)
        done()
      },
    })
  const client: Duplex = end(() => server)
  const server: Duplex = end(() => client)
  return [client, server]
}

describe('a client on a stream that is not a socket', () => {
  async function start(before = false) {
    const clock = new FakeClock()
    const reached = gate()
    const server = createServer((request, response) => {
      reached.open()
      let length = 0
      request.on('data', (chunk) => {
        length += chunk.length
      })
      request.on('end', () => response.end(`${length} bytes`))
    })
    const drain = new Drain({ ...slow, keepAliveCap: 2000, clock, process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const [client, other] = pair()
    onTestFinished(() => void client.destroy())
    let received = ''
    client.on('data', (chunk) => {
      received += chunk
    })
    if (!before) drain.watch(server)
    server.emit('connection', other)
    client.write('POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 10\r\n\r\n')
    await reached.opened
    if (before) drain.watch(server)
    return { client, clock, drain, received: () => received }
  }

  test('whose upload trickles is waited for', async () => {
    const { client, clock, drain, received } = await start()
    const report = drain.start()
    for (let sent = 0; sent < 10; sent++) {
      clock.advance(1500)
      await turns(3)
      expect(drain.state).toBe('draining')
      client.write('x')
      await turns(3)
    }
    await expect.poll(received).toMatch(/10 bytes$/)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1, cut: [] })
  })

  test('whose upload is stalled does not delay the end', async () => {
    const { client, clock, drain } = await start()
    const report = drain.start()
    client.write('x')
    await turns(3)
    clock.advance(1500)
    expect(drain.state).toBe('draining')
    clock.advance(1500)
    await turns(3)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('that connected before the server was watched is waited for, too', async () => {
    const { client, clock, drain, received } = await start(true)
    client.write('x')
    await turns(3)
    const report = drain.start()
    for (let sent = 1; sent < 10; sent++) {
      clock.advance(1500)
      await turns(3)
      client.write('x')
      await turns(3)
    }
    await expect.poll(received).toMatch(/10 bytes$/)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('keeps all its bytes for a slow handler of the upgrade', async () => {
    const server = createServer()
    const drain = drainServer(server, { process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const [client, other] = pair()
    const upgraded = once(server, 'upgrade')
    server.on('upgrade', () => {})
    server.emit('connection', other)
    client.write('GET / HTTP/1.1\r\nHost: pod\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n')
    await upgraded
    client.write('one ')
    client.write('two')
    await turns()
    const heard: string[] = []
    other.on('data', (chunk) => heard.push(String(chunk)))
    await expect.poll(() => heard.join('')).toBe('one two')
  })
})

describe('a request without a connection', () => {
  const fakes: [string, () => object | undefined][] = [
    ['an emitter', () => new EventEmitter()],
    ['an object with two functions', () => ({ end() {}, destroy() {} })],
    ['nothing', () => undefined],
  ]

  test.each(fakes)('as from a test, with %s as its socket, is handled and does not delay the end', async (_, fake) => {
    const urls: (string | undefined)[] = []
    const server = createServer((request, response) => {
      urls.push(request.url)
      response.end('ok')
    })
    const clock = new FakeClock()
    const drain = drainServer(server, { ...slow, clock, process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const closed: string[] = []
    drain.onClose(() => void closed.push('pool'))
    for (const event of ['request', 'checkContinue']) {
      if (event !== 'request') server.on(event, (request) => urls.push(request.url))
      const request = Object.assign(new IncomingMessage(fake() as Socket), { method: 'GET', url: `/${event}` })
      request.httpVersionMajor = 1
      server.emit(event, request, new ServerResponse(request))
    }
    expect(urls).toEqual(['/request', '/checkContinue'])
    expect(drain.inFlight).toBe(0)
    expect((await ask(await listen(server), '/from a client'.replaceAll(' ', '-'))).body).toBe('ok')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
    expect(closed).toEqual(['pool'])
  })

  test('with a stream as its socket for an upgrade is waited for until its client has disconnected', async () => {
    const server = createServer().on('upgrade', () => {})
    const clock = new FakeClock()
    const times = { ...slow, settle: { min: 0, quiet: 0 }, keepAliveCap: 2000 }
    const drain = drainServer(server, { ...times, clock, process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const [, socket] = pair()
    const request = Object.assign(new IncomingMessage(socket as Socket), { method: 'GET', httpVersionMajor: 1 })
    server.emit('upgrade', request, socket, Buffer.alloc(0))
    const report = drain.start()
    clock.advance(100)
    expect(drain.state).toBe('draining')
    socket.destroy()
    await once(socket, 'close')
    clock.advance(100)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test.each(fakes.slice(0, 2))('for an upgrade with %s as its socket is ignored', async (_, fake) => {
    const server = createServer()
    let upgrades = 0
    server.on('upgrade', () => upgrades++)
    const clock = new FakeClock()
    const drain = drainServer(server, { ...slow, clock, process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const socket = fake() as Socket
    const request = Object.assign(new IncomingMessage(socket), { method: 'GET', url: '/', httpVersionMajor: 1 })
    server.emit('upgrade', request, socket, Buffer.alloc(0))
    expect(upgrades).toBe(1)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
  })
})
