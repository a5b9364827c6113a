import { once } from 'node:events'
import { createServer, IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdapterOptions, type Attachment, attach, Drain } from '../src/index.js'
import { ask, Client, FakeClock, FakeProcess, type Gate, gate, Log, listen, short, turns } from './support.js'

interface Scene extends Attachment {
  readonly port: number
  readonly log: Log
  readonly clock: FakeClock
  readonly server: ReturnType<typeof createServer>
  readonly turn: Gate
}

/** An application whose drain is a middleware, and so knows no server. `/slow` responds when the test lets it. */
async function start(options: AdapterOptions = {}, mounts = 1): Promise<Scene> {
  const log = new Log()
  const clock = new FakeClock()
  const turn = gate()
  const middlewares = [...Array(mounts)].map(() => attach({ ...short, signals: false, logger: log, clock, ...options }))
  const [first] = middlewares as [Attachment]
  for (const { drain } of middlewares) onTestFinished(() => drain.dispose())
  const server = createServer((request, response) => {
    for (const { handle } of middlewares) if (handle(request, response)) return
    if (request.url === '/slow') void turn.opened.then(() => response.end('at last'))
    else response.end('ok')
  })
  return { ...first, server, port: await listen(server), log, clock, turn }
}

describe('a drain that knows no server', () => {
  test('finds the server by the first request, counts that request and all that follow, and closes the server', async () => {
    const { drain, clock, port, server, turn } = await start()
    expect(drain.listening).toBe(true) // a request for /readyz has reached a server
    const first = await Client.open(port)
    first.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    const second = await Client.open(port)
    second.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(2)
    expect(drain.status().oldest).toMatchObject({ path: '/slow' })
    const report = drain.start()
    clock.advance(1000)
    expect(drain.state).toBe('draining')
    turn.open()
    await Promise.all([first, second].map((client) => client.until(/at last/)))
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 2, cut: [] })
    expect(server.listening).toBe(false)
    expect(drain.inFlight).toBe(0)
  })

  test('answers the control endpoints, the first request included, and does not count them', async () => {
    const { drain, port } = await start()
    expect((await ask(port, '/drainz')).json()).toMatchObject({ inFlight: 0 })
    expect((await ask(port, '/readyz')).status).toBe(200)
    expect((await ask(port)).body).toBe('ok')
    await expect.poll(() => drain.inFlight).toBe(0)
  })

  test('releases a server that is closed, and finds the next one', async () => {
    const { drain, port, server } = await start()
    await ask(port)
    server.close()
    server.closeAllConnections()
    if (server.listening) await once(server, 'close')
    await turns()
    const again = await listen(server)
    expect(drain.listening).toBe(true)
    expect((await ask(again)).body).toBe('ok')
    const next = new Drain({ signals: false, logger: false })
    expect(() => next.watch(server)).toThrow('already watched')
    await next.dispose()
  })

  test('that was disposed of watches no server, and counts nothing', async () => {
    const { drain, port, server, turn } = await start()
    await drain.dispose()
    const client = await Client.open(port)
    client.get('/slow')
    await turns()
    expect(drain.inFlight).toBe(0)
    turn.open()
    await client.until(/at last/)
    const next = new Drain({ signals: false, logger: false })
    expect(() => next.watch(server)).not.toThrow()
    await next.dispose()
  })

  test('keeps an idle connection for its server’s keep-alive time', async () => {
    const { drain, clock, port, server } = await start({ keepAliveCap: 1500, terminationGracePeriodSeconds: 10 })
    server.keepAliveTimeout = 1000
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    await client.get('/').until(/ok.*ok$/s)
    void drain.start()
    clock.advance(990)
    expect(drain.state).toBe('draining')
    clock.advance(100)
    expect(drain.state).not.toBe('draining')
    await clock.through(drain.start())
  })

  test.each([
    ['the first request', []],
    ['a later one', ['/']],
  ])('does not count a WebSocket as a request if express-ws passes it through as %s', async (_which, before) => {
    const { drain, handle, server, port, clock } = await start()
    server.on('upgrade', (request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n')
      handle(request, new ServerResponse(request))
      socket.on('error', () => {}).resume()
    })
    const client = await Client.open(port) // before the server is known
    for (const path of before) await ask(port, path)
    await client.get('/chat', 'Upgrade: websocket', 'Connection: Upgrade').until(/101 Switching/)
    await expect.poll(() => drain.inFlight).toBe(0)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
    await client.end()
    expect(client.received.split('\x88\x02\x03\xe9')).toHaveLength(2)
  })

  test('ignores a request whose response was destroyed before the middleware', async () => {
    const { drain, handle, port } = await start()
    await ask(port)
    const other = createServer((request, response) => {
      response.destroy()
      handle(request, response)
    })
    const client = await Client.open(await listen(other))
    client.get('/')
    await client.end()
    expect(drain.inFlight).toBe(0)
  })

  test('keeps a control request from the application even if its client has disconnected', async () => {
    const { drain, handle } = attach({ ...short, signals: false, logger: false }, { server: createServer() })
    onTestFinished(() => drain.dispose())
    const results: boolean[] = []
    const gone = gate()
    const other = createServer((request, response) => {
      response.destroy()
      results.push(handle(request, response))
      gone.open()
    })
    const client = await Client.open(await listen(other))
    client.get('/livez')
    await gone.opened
    expect(results).toEqual([true])
    expect(drain.inFlight).toBe(0)
  })

  test('ignores a response without a request, as an adapter for functions creates it', async () => {
    const { drain } = await start()
    const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/' })
    for (const req of [{ method: 'GET' }, undefined]) {
      const response = Object.assign(new ServerResponse(request), { req }) as ServerResponse
      expect(() => drain.handling(response, Promise.resolve())).not.toThrow()
    }
  })

  test('ignores a request without a server, as a test injects it', async () => {
    const { drain, handle } = await start()
    const request = Object.assign(new IncomingMessage(new Socket()), { method: 'GET', url: '/' })
    expect(handle(request, new ServerResponse(request))).toBe(false)
    expect(drain.inFlight).toBe(0)
  })
})

describe('a middleware that no request reaches, because the routes before it answer', () => {
  async function start() {
    const [log, clock] = [new Log(), new FakeClock()]
    const { drain } = attach({ ...short, signals: false, logger: log, clock })
    onTestFinished(() => drain.dispose())
    const turn = gate()
    const server = createServer((_request, response) => void turn.opened.then(() => response.end('at last')))
    const client = await Client.open(await listen(server))
    client.get('/slow', 'Connection: close')
    return { drain, log, clock, turn, client }
  }

  test('is warned of, and the report is not clean while a connection of its server is open', async () => {
    const { drain, log, clock } = await start()
    expect(await clock.through(drain.start())).toMatchObject({ clean: false, unknownConnections: 1 })
    expect(log.matching(/none has reached podrain/)).toEqual([expect.stringMatching(/^warn .*`watch\(server\)`/)])
    const report = /^error podrain: drained in .*cut 1 connection whose requests podrain did not count$/
    await expect.poll(() => log.matching(report)).toHaveLength(1)
    expect(log.matching(/nothing cut/)).toEqual([])
  })

  test('is warned of, and the report is clean if no connection is left that the exit could cut', async () => {
    const { drain, log, clock, turn, client } = await start()
    turn.open()
    await client.end()
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, unknownConnections: 0 })
    expect(log.matching(/^warn .*none has reached podrain/)).toHaveLength(1)
  })

  test('does not count the connections of a server that another drain watches, nor of its own control port', async () => {
    const log = new Log()
    const clock = new FakeClock()
    const { drain } = attach({ ...short, signals: false, logger: log, clock, controlPort: 0 })
    onTestFinished(() => drain.dispose())
    await expect.poll(() => log.matching(/control endpoints on port/)).toHaveLength(1)
    const [line = ''] = log.matching(/control endpoints on port/)
    await Client.open(Number(/\d+$/.exec(line)?.[0]))
    const other = new Drain({ signals: false, logger: false })
    onTestFinished(() => other.dispose())
    const watched = createServer()
    other.watch(watched)
    await Client.open(await listen(watched))
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, unknownConnections: 0 })
    expect(log.matching(/none has reached podrain/)).toEqual([])
  })
})

describe('a signal that comes before the first request', () => {
  async function ended(make: (given: AdapterOptions) => unknown): Promise<string[]> {
    const [log, clock, process] = [new Log(), new FakeClock(), new FakeProcess()]
    await make({ ...short, logger: log, clock, process })
    expect(await clock.through(process.signal('SIGTERM'))).toBe(true)
    return log.matching(/no request has reached the middleware/)
  }

  test('logs that the middleware knows no server, and how to pass one', async () => {
    expect(await ended((options) => attach(options))).toEqual([expect.stringMatching(/^info .*`watch\(server\)`/)])
  })

  test.each([
    [
      'the middleware was given its server',
      async (options: AdapterOptions) => {
        const server = createServer()
        attach(options).watch(server)
        await listen(server)
      },
    ],
    ['the server was there from the start', (options: AdapterOptions) => attach(options, { server: createServer() })],
    [
      'a request has led to it',
      async (options: AdapterOptions) => {
        const { handle } = attach(options)
        const server = createServer((request, response) => void (handle(request, response) || response.end()))
        await ask(await listen(server))
      },
    ],
    [
      'a request had led to it, and it has been closed',
      async (options: AdapterOptions) => {
        const { handle } = attach(options)
        const server = createServer((request, response) => void (handle(request, response) || response.end()))
        await ask(await listen(server))
        const closed = once(server, 'close')
        server.close()
        server.closeAllConnections()
        await closed
      },
    ],
    ['there is none, as for a queue worker', ({ token: _, ...options }: AdapterOptions) => new Drain(options)],
  ])('does not log that if %s', async (_, make) => {
    expect(await ended(make)).toEqual([])
  })
})

describe('a middleware that is mounted under a path', () => {
  /** An application that removes the mount path, as Express does. */
  async function mounted({ handle }: Attachment, server = createServer()): Promise<number> {
    server.on('request', (request, response) => {
      const isBelow = request.url?.startsWith('/api/')
      if (isBelow) request.url = request.url?.slice('/api'.length)
      if (!isBelow || !handle(request, response)) response.end('mine')
    })
    return listen(server)
  }
  const made = (given?: { server: ReturnType<typeof createServer> }): Attachment => {
    const attachment = attach({ ...short, signals: false, logger: false }, given)
    onTestFinished(() => attachment.drain.dispose())
    return attachment
  }

  test('has its control endpoints under that path only', async () => {
    const port = await mounted(made())
    for (let count = 0; count < 2; count++) {
      expect((await ask(port, '/api/livez')).json()).toMatchObject({ live: true })
      expect((await ask(port, '/livez')).body).toBe('mine')
      expect((await ask(port, '/api/')).body).toBe('mine')
    }
  })

  test('has them before the application only, if its server was passed', async () => {
    const server = createServer()
    const port = await mounted(made({ server }), server)
    for (let count = 0; count < 2; count++) {
      expect((await ask(port, '/livez')).json()).toMatchObject({ live: true })
      expect((await ask(port, '/api/livez')).body).toBe('mine')
    }
  })

  test('has them before the application on every server that requests show, if one was passed', async () => {
    const port = await mounted(made({ server: createServer() }))
    expect((await ask(port, '/api/')).body).toBe('mine')
    expect((await ask(port, '/livez')).json()).toMatchObject({ live: true })
  })
})

test('of two mounted middlewares, the first does the work, and the second logs that once', async () => {
  const process = new FakeProcess()
  const { drain, port, log, turn } = await start({ process, signals: ['SIGTERM'] }, 2)
  const client = await Client.open(port)
  client.get('/slow')
  await expect.poll(() => drain.inFlight).toBe(1)
  expect((await ask(port)).body).toBe('ok')
  expect(log.matching(/^error/)).toEqual([expect.stringContaining('already watched by another Drain')])
  turn.open()
  await client.until(/at last/)
})

test('a server that is passed is watched before its first request, and a server of another drain is refused', async () => {
  const server = createServer()
  const first = attach({ signals: false, logger: false }, { server })
  onTestFinished(() => first.drain.dispose())
  expect(first.drain.listening).toBe(false)
  const process = new FakeProcess()
  expect(() => attach({ process, logger: false }, { server })).toThrow('already watched by another Drain')
  expect(process.listeners.size).toBe(0)
  const shared = new Drain({ process, logger: false })
  onTestFinished(() => shared.dispose())
  expect(() => attach({ drain: shared }, { server })).toThrow('already watched by another Drain')
  expect(shared.state).toBe('serving')
})

test('a shared drain is used, and the framework’s close has its name in the report', async () => {
  const clock = new FakeClock()
  const shared = new Drain({ ...short, signals: false, logger: false, clock })
  const server = createServer()
  const closed: string[] = []
  const { drain } = attach({ drain: shared }, { server, close: () => closed.push('framework'), name: 'koa' })
  expect(drain).toBe(shared)
  await listen(server)
  expect((await clock.through(drain.start())).hooks).toMatchObject([{ name: 'koa', outcome: 'ok' }])
  expect(closed).toEqual(['framework'])
})

test('reads no missing property of requests and responses, because that is slow under Express', async () => {
  const { handle, drain } = attach({ ...short, signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  const missed = new Set<string>()
  /** A prototype that records the properties that the object itself lacks. */
  function watched<Prototype extends object>(prototype: Prototype): Prototype {
    const note = (name: string | symbol): void => {
      if (!(name in prototype)) missed.add(String(name))
    }
    return new Proxy(prototype, {
      get(target, name, receiver) {
        note(name)
        return Reflect.get(target, name, receiver)
      },
      has(target, name) {
        note(name)
        return Reflect.has(target, name)
      },
    })
  }
  const requests = watched(IncomingMessage.prototype)
  const responses = watched(ServerResponse.prototype)
  /** The missing properties that are read during a request after the first one. */
  async function missing(middleware: typeof handle, handled: typeof drain.handling): Promise<string[]> {
    const server = createServer((request, response) => {
      Object.setPrototypeOf(request, requests)
      Object.setPrototypeOf(response, responses)
      if (middleware(request, response)) return
      const handling = turns(1).then(() => void response.end('ok'))
      handled(response, handling)
    })
    const client = await Client.open(await listen(server))
    await client.get('/').until(/ok$/)
    await turns()
    missed.clear()
    await client.get('/').until(/ok.*ok$/s)
    await turns()
    return [...missed].sort()
  }
  const nodes = await missing(
    () => false,
    () => {},
  )
  expect(await missing(handle, (response, handling) => drain.handling(response, handling))).toEqual(nodes)
})

test('a first request with an Upgrade that the application ignores is a request like any other', async () => {
  const { drain, port, clock, turn } = await start()
  const client = await Client.open(port)
  await client
    .get('/', 'Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__')
    .until(/ok$/)
  await expect.poll(() => drain.inFlight).toBe(0)
  client.get('/slow')
  await expect.poll(() => drain.inFlight).toBe(1)
  turn.open()
  await client.until(/ok[\s\S]*at last$/)
  expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
})
