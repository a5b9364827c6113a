import { createServer, IncomingMessage, type RequestListener, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { attach, Drain, drainServer } from '../src/index.js'
import { ask, Client, FakeClock, FakeProcess, gate, Log, listen, sayOk, serve, slow, turns } from './support.js'

const say =
  (text: string): RequestListener =>
  (_request, response) =>
    void response.end(text)

describe('the listeners of a watched server', () => {
  test.each([
    [
      'with control endpoints',
      (server: ReturnType<typeof createServer>) => drainServer(server, { process: new FakeProcess(), logger: false }),
    ],
    [
      'that is only watched',
      (server: ReturnType<typeof createServer>) =>
        new Drain({ process: new FakeProcess(), logger: false }).watch(server),
    ],
  ])('%s can be replaced at run time, as development servers do', async (_, watch) => {
    const old = say('old')
    const server = createServer(old)
    const drain = watch(server)
    onTestFinished(() => drain.dispose())
    const port = await listen(server)
    expect((await ask(port)).body).toBe('old')
    expect(server.listeners('request')).toEqual([old])
    server.off('request', old)
    server.on('request', say('new'))
    expect((await ask(port)).body).toBe('new')
    server.removeAllListeners('request').on('request', say('newer'))
    expect((await ask(port)).body).toBe('newer')
    await expect.poll(() => drain.inFlight).toBe(0)
  })

  test('are needed for the control endpoints: without a listener for requests, nothing is answered', async () => {
    const server = createServer()
    const drain = drainServer(server, { process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const port = await listen(server)
    const early = await Client.open(port)
    const arrived = new Promise<void>((resolve) => {
      const { emit } = server
      server.emit = (event: string, ...args: unknown[]) => {
        if (event === 'request') resolve()
        return (emit as (...all: unknown[]) => boolean).call(server, event, ...args)
      }
    })
    early.get('/readyz')
    await arrived
    expect(drain.inFlight).toBe(0)
    server.on('request', sayOk)
    expect((await ask(port, '/readyz')).status).toBe(200)
    expect(early.received).toBe('')
  })
})

describe('two attachments to one server and one drain', () => {
  const shared = (): Drain => {
    const drain = new Drain({ ...slow, clock: new FakeClock(), process: new FakeProcess(), logger: new Log() })
    onTestFinished(() => drain.dispose())
    return drain
  }

  test('both answer on their own paths, and the application answers the rest', async () => {
    const drain = shared()
    const server = createServer(sayOk)
    drainServer(server, { drain })
    drainServer(server, { drain, endpoints: { readyz: '/health', livez: '/alive' } })
    const port = await listen(server)
    for (const path of ['/readyz', '/livez', '/health', '/alive']) {
      expect((await ask(port, path)).headers['content-type'], path).toBe('application/json')
    }
    expect((await ask(port)).body).toBe('ok')
    await expect.poll(() => drain.inFlight).toBe(0)
  })

  test.each([
    ['the first', 'one'],
    ['the second', 'two'],
  ])('admit a caller with the token of %s', async (_which, token) => {
    const drain = shared()
    const server = createServer(sayOk)
    for (const known of ['one', 'two']) drainServer(server, { drain, token: known })
    const port = await listen(server)
    expect((await ask(port, '/drainz')).body).toBe('ok')
    const headers = { authorization: `Bearer ${token}` }
    expect((await ask(port, '/drainz', { headers })).json()).toMatchObject({ state: 'serving' })
  })

  test.each([
    ['the first', [{ token: 'secret' }, {}]],
    ['a middleware behind it', [{ token: 'secret' }]],
  ])('do not admit a caller without a token if only %s requires one', async (_, given) => {
    const drain = shared()
    const behind = attach({ drain })
    const server = createServer((request, response) => {
      if (!behind.handle(request, response)) response.end('ok')
    })
    for (const options of given) drainServer(server, { drain, ...options })
    const port = await listen(server)
    expect((await ask(port, '/prestop')).body).toBe('ok')
    expect((await ask(port, '/readyz')).status).toBe(200)
    expect(drain.state).toBe('serving')
  })

  test('that are made repeatedly, as for each request, count as one', async () => {
    const drain = shared()
    const { handle } = attach({ drain })
    let asked = 0
    const server = createServer((request, response) => {
      asked++
      if (!handle(request, response)) response.end('ok')
    })
    const port = await listen(server)
    for (let round = 0; round < 3; round++) expect((await ask(port)).body).toBe('ok')
    expect(asked).toBe(3)
    await expect.poll(() => drain.inFlight).toBe(0)
  })
})

describe('the name of a request in the log and the report', () => {
  test('is the path that its client has requested, even if the application removes a prefix, and if clients pipeline', async () => {
    const turn = gate()
    const { drain, port } = await serve((request, response) => {
      request.url = request.url?.slice('/api'.length)
      void turn.opened.then(() => response.end(`at ${request.url}`))
    })
    const client = await Client.open(port)
    client.get('/api/one?secret').get('/api/two?secret')
    await expect.poll(() => drain.inFlight).toBe(2)
    expect(drain.status().oldest).toMatchObject({ path: '/api/one' })
    turn.open()
    await client.until(/at \/one\?secret[\s\S]*at \/two\?secret/)
    client.get('/api/three?secret')
    await client.until(/at \/three/)
    await expect.poll(() => drain.inFlight).toBe(0)
  })

  test('is the same when its handler goes on without a client', async () => {
    const [reached, turn] = [gate(), gate()]
    const { drain, port } = await serve(async (request) => {
      request.url = '/order'
      reached.open()
      await turn.opened
    })
    const client = await Client.open(port)
    client.get('/api/order?secret')
    await reached.opened
    client.abort()
    await expect.poll(() => drain.status().tasks).toEqual(['GET /api/order, whose client has gone'])
    turn.open()
    await expect.poll(() => drain.status().tasks).toEqual([])
  })

  test('is the same for the first request of a middleware that is mounted under a path', async () => {
    const { drain, handle } = attach({ ...slow, process: new FakeProcess(), logger: false })
    onTestFinished(() => drain.dispose())
    const [reached, turn] = [gate(), gate()]
    const server = createServer((request, response) => {
      Object.assign(request, { originalUrl: request.url, url: '/slow' }) // Express and connect do the same
      handle(request, response)
      reached.open()
      void turn.opened.then(() => response.end())
    })
    const answered = ask(await listen(server), '/api/slow?secret')
    await reached.opened
    expect(drain.status().oldest).toMatchObject({ path: '/api/slow' })
    turn.open()
    await answered
  })
})

test('a request that a library emits a second time is counted once, and reaches the application each time', async () => {
  let times = 0
  const { drain, server, port } = await serve((request, response) => {
    if (++times === 1) server.emit('request', request, response)
    else response.end(`in flight: ${drain.inFlight}`)
  })
  expect((await ask(port)).body).toBe('in flight: 1')
  await expect.poll(() => drain.inFlight).toBe(0)
})

test('a probe that a library emits a second time while the server drains is not counted', async () => {
  const clock = new FakeClock()
  const { drain, server, port } = await serve(() => {}, { ...slow, clock })
  const seen = new Set<object>()
  server.removeAllListeners('request')
  server.on('request', (request, response) => {
    if (seen.has(request)) return void response.end('ok')
    seen.add(request)
    server.emit('request', request, response)
  })
  const report = drain.start()
  const client = await Client.open(port)
  client.get('/healthz', 'User-Agent: kube-probe/1.35')
  await client.until(/connection: close[\s\S]*ok$/i)
  await client.end()
  expect(await clock.through(report)).toMatchObject({ clean: true, answered: 0 })
})

test('a request without a server, as in a test, is answered by the control endpoints of an adapter', () => {
  const server = createServer()
  const { drain, handle } = attach({ signals: false, logger: false }, { server })
  onTestFinished(() => drain.dispose())
  const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/livez' })
  const response = new ServerResponse(request)
  expect(drain.track(request, response)).toBe(false)
  expect(handle(request, response)).toBe(true)
  expect(response.statusCode).toBe(200)
})

test('a listener that is added right before the drain releases its server stays unchanged', async () => {
  const server = createServer()
  const drain = drainServer(server, { process: new FakeProcess(), logger: false })
  const late = say('late')
  server.on('request', late)
  await drain.dispose()
  await turns()
  expect(server.rawListeners('request')).toEqual([late])
})

test('an `emit` that a library has set on the server is restored when the drain releases the server', async () => {
  const server = createServer(sayOk)
  const heard: string[] = []
  const theirs: typeof server.emit = function (this: typeof server, event: string, ...args: unknown[]) {
    heard.push(event)
    return Reflect.apply(Object.getPrototypeOf(server).emit, this, [event, ...args])
  }
  server.emit = theirs
  const drain = drainServer(server, { process: new FakeProcess(), logger: false })
  expect(server.emit).not.toBe(theirs)
  expect((await ask(await listen(server))).body).toBe('ok')
  expect(heard).toContain('request')
  await drain.dispose()
  expect(server.emit).toBe(theirs)
})

test('a listener that is added to a watched server is observed, and off() still finds it', async () => {
  const server = createServer()
  const drain = drainServer(server, { process: new FakeProcess(), logger: false })
  onTestFinished(() => drain.dispose())
  const late = say('late')
  server.on('request', late)
  await turns()
  expect(server.listeners('request')).toEqual([late])
  expect(server.rawListeners('request')).not.toContain(late)
})
