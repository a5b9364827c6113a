import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import type { AdapterOptions } from '../src/index.js'
import { Client, FakeClock, gate, type Pod, sayOk, serve, slow, turns } from './support.js'

const atOnce = { ...slow, settle: { min: 0, quiet: 0 } }

async function start(options: AdapterOptions = {}): Promise<Pod & { clock: FakeClock }> {
  const clock = new FakeClock()
  const pod = await serve(sayOk, { ...atOnce, clock, ...options })
  pod.server.keepAliveTimeout = 600_000 // otherwise Node ends connections
  return { ...pod, clock }
}

/** Lets time pass in the steps between two checks. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    clock.advance(10)
    await turns(2)
  }
}

/** A client that the server has accepted, and that has sent this text. */
async function accepted({ port, server }: Pod, text = ''): Promise<Client> {
  const connection = once(server, 'connection')
  const client = await Client.open(port)
  const [socket] = await connection
  if (text !== '') {
    client.send(text)
    await expect.poll(() => socket.bytesRead, { interval: 2 }).toBe(text.length)
  }
  return client
}

describe('when the server closes, a connection', () => {
  test('that is idle after a response ends at once', async () => {
    const pod = await start()
    const client = await Client.open(pod.port)
    await client.get('/').until(/ok$/)
    const report = pod.drain.start()
    await client.end() // the fake clock does not move
    expect(await pod.clock.through(report)).toMatchObject({ clean: true })
  })

  test('that has carried only a probe ends at once', async () => {
    const pod = await start()
    const client = await Client.open(pod.port)
    await client.get('/readyz').until(/ready/)
    pod.clock.advance(1000)
    const report = pod.drain.start()
    await client.end() // the fake clock does not move
    expect(await pod.clock.through(report)).toMatchObject({ clean: true })
  })

  test('that has long been open without a request ends at once', async () => {
    const pod = await start()
    const client = await accepted(pod)
    pod.clock.advance(1000)
    const report = pod.drain.start()
    await client.end() // the fake clock does not move
    expect(await pod.clock.through(report)).toMatchObject({ clean: true })
  })

  test('that was opened just now ends after 200 ms', async () => {
    const pod = await start()
    const client = await accepted(pod)
    const report = pod.drain.start()
    await expect.poll(() => pod.server.listening).toBe(false)
    await pass(pod.clock, 190)
    expect(client.closed).toBe(false)
    await pass(pod.clock, 10)
    await client.end() // the fake clock does not move
    expect(await pod.clock.through(report)).toMatchObject({ clean: true })
  })

  test('on which half a header has arrived stays open for the other half, for half a second', async () => {
    const pod = await start()
    const client = await accepted(pod, 'GET / HTTP/1.1\r\nHost: p')
    pod.clock.advance(1000)
    const report = pod.drain.start()
    await expect.poll(() => pod.server.listening).toBe(false)
    await pass(pod.clock, 480)
    expect(client.closed).toBe(false)
    await client.send('od\r\n\r\n').until(/connection: close[\s\S]*ok$/i)
    expect(await pod.clock.through(report)).toMatchObject({ clean: true })
  })

  test('on which half of the next header has arrived stays open for the other half, too', async () => {
    const pod = await start({ settle: { min: 1000, quiet: 500 } })
    const connection = once(pod.server, 'connection')
    const client = await Client.open(pod.port)
    const [socket] = await connection
    await client.get('/').until(/ok$/)
    const report = pod.drain.start()
    const before = socket.bytesRead
    client.send('GET / HTTP/1.1\r\nHost: p')
    await expect.poll(() => socket.bytesRead, { interval: 2 }).toBeGreaterThan(before)
    pod.clock.advance(1000)
    await expect.poll(() => pod.server.listening).toBe(false)
    await pass(pod.clock, 480)
    expect(client.closed).toBe(false)
    await client.send('od\r\n\r\n').until(/connection: close[\s\S]*ok$/i)
    expect(await pod.clock.through(report)).toMatchObject({ clean: true, answered: 1 })
  })

  test('with a stalled upload gets no FIN, because its client would take that for a response', async () => {
    const turn = gate()
    const pod = await start()
    pod.server.removeAllListeners('request')
    pod.server.on('request', (request, response) => {
      request.resume()
      if (request.url === '/') response.end('ok')
      else void turn.opened.then(() => response.end('late'))
    })
    await turns(1)
    const client = await Client.open(pod.port)
    await client.get('/').until(/ok$/)
    client.send('POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: 100\r\n\r\nhalf')
    await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(1)
    const report = pod.drain.start()
    pod.clock.advance(1100)
    await expect.poll(() => pod.server.listening).toBe(false)
    await pass(pod.clock, 450)
    expect(client.closed).toBe(false)
    expect(await pod.clock.through(report)).toMatchObject({ clean: true, cut: [] })
    await client.end()
  })
})

describe('while it waits for load balancers, a connection', () => {
  test('keeps its keep-alive time from the beginning of the drain, because its last use is not known', async () => {
    const pod = await start({ keepAliveCap: 3000 })
    const client = await Client.open(pod.port)
    await client.get('/').until(/ok$/)
    pod.clock.advance(10_000)
    void pod.drain.start()
    pod.clock.advance(2900)
    expect(pod.drain.state).toBe('draining')
    pod.clock.advance(100)
    expect(pod.drain.state).not.toBe('draining')
    await pod.clock.through(pod.drain.start())
  })

  test('that was never used is waited for during `settle.quiet`, not during the keep-alive time', async () => {
    const pod = await start({ keepAliveCap: 5000, settle: { min: 1000, quiet: 500 } })
    void pod.drain.start()
    pod.clock.advance(800)
    await accepted(pod)
    pod.clock.advance(400)
    expect(pod.drain.state).toBe('draining')
    pod.clock.advance(100)
    expect(pod.drain.state).not.toBe('draining')
    await pod.clock.through(pod.drain.start())
  })

  test('of a server without a keep-alive timeout is kept for the cap', async () => {
    const pod = await start({ keepAliveCap: 3000 })
    pod.server.keepAliveTimeout = 0
    const client = await Client.open(pod.port)
    await client.get('/').until(/ok$/)
    void pod.drain.start()
    pod.clock.advance(2900)
    expect(pod.drain.state).toBe('draining')
    pod.clock.advance(100)
    expect(pod.drain.state).not.toBe('draining')
    await pod.clock.through(pod.drain.start())
  })
})

test('an upload counts as stalled after the time for which an idle connection is kept', async () => {
  const pod = await start({ keepAliveCap: 2000 })
  pod.server.removeAllListeners('request')
  pod.server.on('request', (request) => request.resume())
  await turns(1)
  const client = await accepted(pod, 'POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 100\r\n\r\nhalf')
  await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(1)
  void pod.drain.start()
  pod.clock.advance(1900)
  expect(pod.drain.state).toBe('draining')
  pod.clock.advance(100)
  expect(pod.drain.state).not.toBe('draining')
  expect(await pod.clock.through(pod.drain.start())).toMatchObject({ clean: true, cut: [] })
  await client.end()
})

test('an upload that the application has not read does not count as stalled', async () => {
  const turn = gate()
  const pod = await start({ keepAliveCap: 2000 })
  pod.server.removeAllListeners('request')
  pod.server.on('request', async (request, response) => {
    await turn.opened
    request.resume().on('end', () => response.end('whole'))
  })
  await turns(1)
  const client = await Client.open(pod.port)
  client.send(`POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 1000\r\n\r\n${'x'.repeat(900)}`)
  await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(1)
  await turns()
  void pod.drain.start()
  pod.clock.advance(10_000)
  expect(pod.drain.state).toBe('draining')
  turn.open()
  await client.send('x'.repeat(100)).until(/whole/)
  expect(await pod.clock.through(pod.drain.start())).toMatchObject({ clean: true, answered: 1 })
})

test('a scrape in flight when the drain begins is not waited for, and is not reported', async () => {
  const pod = await start({ settle: { min: 1000, quiet: 500 } })
  pod.server.removeAllListeners('request')
  pod.server.on('request', () => {})
  await turns(1)
  const client = await Client.open(pod.port)
  client.get('/metrics', 'User-Agent: Prometheus/3.5.0')
  await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(1)
  void pod.drain.start()
  expect(pod.drain.status()).toMatchObject({ inFlight: 0, oldest: null })
  pod.clock.advance(1000)
  expect(pod.drain.state).not.toBe('draining')
  expect(await pod.clock.through(pod.drain.start())).toMatchObject({ clean: true, answered: 0, cut: [] })
})

test('the age of a request in flight counts from its arrival, also after the drain has begun', async () => {
  const pod = await start()
  pod.server.removeAllListeners('request')
  pod.server.on('request', () => {})
  await turns(1)
  const client = await Client.open(pod.port)
  client.get('/slow')
  await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(1)
  pod.clock.advance(3000)
  void pod.drain.prestop()
  expect(pod.drain.status().oldest).toEqual({ method: 'GET', path: '/slow', ageMs: 3000 })
})

test('a response whose header has been sent with keep-alive keeps its connection', async () => {
  const turn = gate()
  const pod = await start({ settle: { min: 1000, quiet: 500 } })
  pod.server.removeAllListeners('request')
  pod.server.on('request', async (request, response) => {
    if (request.url !== '/slow') return void response.end('ok')
    response.writeHead(200, { 'content-length': 10 }).write('begun')
    await turn.opened
    response.end(' done')
  })
  await turns(1)
  const client = await Client.open(pod.port)
  await client.get('/slow').until(/begun/)
  void pod.drain.prestop()
  pod.clock.advance(1500)
  turn.open()
  await client.until(/begun done/)
  await turns()
  expect(client.received).not.toMatch(/connection: close/i)
  await client.get('/').until(/connection: close[\s\S]*ok$/i)
})
