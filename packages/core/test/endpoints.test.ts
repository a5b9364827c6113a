import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { attach, controlEndpoints, Drain, drainServer } from '../src/index.js'
import { ask, Client, FakeClock, gate, Log, listen, type Pod, sayOk, serve, turns } from './support.js'

/** An application that responds to any path but `/` with 404 and its own text. */
const start = (options: object = {}): Promise<Pod> =>
  serve((request, response) => {
    if (request.url === '/') response.end('ok')
    else response.writeHead(404).end(`no ${request.method} here`)
  }, options)

describe('the control endpoints', () => {
  test('respond with JSON that no cache keeps', async () => {
    const { port, drain } = await start()
    const answers = {
      '/readyz': { ready: true, state: 'serving', checks: {} },
      '/livez': { live: true, state: 'serving' },
    }
    for (const [path, json] of Object.entries(answers)) {
      const reply = await ask(port, path)
      expect(reply.status).toBe(200)
      expect(reply.headers).toMatchObject({ 'content-type': 'application/json', 'cache-control': 'no-store' })
      expect(reply.json()).toEqual(json)
    }
    expect((await ask(port, '/drainz')).json()).toEqual({
      state: 'serving',
      committed: false,
      inFlight: 0,
      tasks: [],
      oldest: null,
      budgetMs: 2900,
      times: drain.times,
    })
  })

  test.each(['/readyz', '/livez', '/drainz'])('%s is found with a query string and a trailing slash', async (path) => {
    const { port } = await start()
    for (const url of [`${path}?verbose`, `${path}/`, `${path}/?verbose=1&x=/y`]) {
      expect((await ask(port, url)).json()).toHaveProperty('state', 'serving')
    }
  })

  test.each(['/readyz', '/livez', '/drainz'])('%s answers HEAD without a body', async (path) => {
    const { port } = await start()
    const client = await Client.open(port)
    client.send(`HEAD ${path} HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n`)
    await client.end()
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n.*content-length: \d+\r\n.*\r\n\r\n$/is)
  })

  test.each(['/readyz', '/livez', '/drainz', '/prestop'])('%s leaves POST to the application', async (path) => {
    const { port, drain } = await start()
    expect(await ask(port, path, { method: 'POST' })).toMatchObject({ status: 404, body: 'no POST here' })
    expect(drain.state).toBe('serving')
  })

  test.each([
    '/readyz/x',
    '/readyz//',
    '/readyz#x',
    '/readyz%3Fx',
    '/readyz&x',
    '/xreadyz',
    '/READYZ',
    '//readyz',
    '/livezz',
    '/live',
    '/l',
    '/?readyz',
    '/',
    '/?x=/readyz',
    'http://pod/readyz',
    '*',
  ])('%s is not a control endpoint', async (path) => {
    const { port } = await start()
    expect((await ask(port, path)).body).toMatch(/^(no GET here|ok)$/)
  })

  test('are found at the paths of the option `endpoints`', async () => {
    const { port, drain } = await start({
      endpoints: {
        readyz: '/health/ready',
        livez: '/health/live',
        prestop: '/internal/stop',
        drainz: '/internal/drain',
      },
    })
    expect((await ask(port, '/health/ready')).json()).toMatchObject({ ready: true })
    expect((await ask(port, '/health/live')).json()).toMatchObject({ live: true })
    expect((await ask(port, '/internal/drain')).json()).toMatchObject({ state: 'serving' })
    for (const path of ['/readyz', '/livez', '/prestop', '/drainz']) expect((await ask(port, path)).status).toBe(404)
    expect(drain.state).toBe('serving')
    expect((await ask(port, '/internal/stop')).status).toBe(200)
    expect(drain.state).toBe('draining')
  })

  test('are found at a path of one letter', async () => {
    const { port } = await start({ endpoints: { livez: '/l' } })
    expect((await ask(port, '/l')).json()).toMatchObject({ live: true })
  })

  test.each(['readyz', 'livez', 'prestop', 'drainz'])('%s can be turned off', async (name) => {
    const { port, drain } = await start({ endpoints: { [name]: false } })
    expect(await ask(port, `/${name}`)).toMatchObject({ status: 404, body: 'no GET here' })
    expect(drain.state).toBe('serving')
    const others = ['readyz', 'livez', 'drainz'].filter((other) => other !== name)
    for (const other of others) expect((await ask(port, `/${other}`)).status).toBe(200)
  })

  test('are not counted', async () => {
    const checked = gate()
    const { port, drain } = await start({ checks: { slow: () => checked.opened }, checkTimeout: 10_000 })
    const client = await Client.open(port)
    client.get('/readyz')
    const other = await Client.open(port)
    await other.get('/drainz').until(/"inFlight":0/)
    expect(drain.inFlight).toBe(0)
    checked.open()
    await client.until(/"ready":true/)
    expect(drain.inFlight).toBe(0)
  })

  test('are not counted between two pipelined requests either', async () => {
    const { port, drain } = await start()
    const client = await Client.open(port)
    for (let round = 1; round <= 5; round++) {
      client.get('/').get('/readyz').get('/').get('/drainz')
      await client.until(/\r\n\r\nok/, 2 * round)
      await client.until(/"budgetMs"/, round)
    }
    await expect.poll(() => drain.inFlight).toBe(0)
  })
})

describe('/readyz', () => {
  test('is 200 when every check passes', async () => {
    const { port } = await start({ checks: { db: () => true, cache: async () => 'pong' } })
    const reply = await ask(port, '/readyz')
    expect(reply.status).toBe(200)
    expect(reply.json()).toEqual({ ready: true, state: 'serving', checks: { db: 'ok', cache: 'ok' } })
  })

  test('is 503 when a check fails, names the check, and shows the reason only in the log', async () => {
    const { port, log } = await start({
      checks: {
        db: () => {
          throw new Error('password "hunter2" refused')
        },
        cache: () => Promise.reject('hunter2'),
        disk: () => {},
      },
    })
    const reply = await ask(port, '/readyz')
    expect(reply.status).toBe(503)
    expect(reply.json()).toEqual({
      ready: false,
      state: 'serving',
      reason: 'checks',
      checks: { db: 'failed', cache: 'failed', disk: 'ok' },
    })
    expect(reply.body).not.toContain('hunter2')
    expect(log.matching(/^warn podrain: readiness check "db" failed: Error: password "hunter2" refused/)).toHaveLength(
      1,
    )
  })

  test('is 503 when a check takes too long, whose signal then aborts', async () => {
    const aborted = gate()
    const { port } = await start({
      checkTimeout: 30,
      checks: {
        db: (signal: AbortSignal) =>
          new Promise(() => {
            signal.addEventListener('abort', () => aborted.open())
          }),
      },
    })
    const reply = await ask(port, '/readyz')
    expect(reply.status).toBe(503)
    expect(reply.json()).toMatchObject({ checks: { db: 'timed out' } })
    await aborted.opened
  })

  test('is 503 when a drain begins while the checks run', async () => {
    const asked = gate()
    const checked = gate()
    const { port, drain } = await start({
      checkTimeout: 10_000,
      checks: {
        db: () => {
          asked.open()
          return checked.opened
        },
      },
    })
    const probe = ask(port, '/readyz')
    await asked.opened
    void drain.prestop()
    checked.open()
    expect((await probe).status).toBe(503)
    expect((await probe).json()).toMatchObject({ ready: false, state: 'draining', reason: 'draining' })
  })

  test('runs a check once for probes that come at the same time', async () => {
    let runs = 0
    const checked = gate()
    const { port } = await start({
      checkTimeout: 10_000,
      checks: {
        db: () => {
          runs++
          return checked.opened
        },
      },
    })
    const clients = await Promise.all([...Array(5)].map(() => Client.open(port)))
    for (const client of clients) client.get('/readyz')
    await ask(port, '/livez')
    await turns()
    checked.open()
    for (const client of clients) await client.until(/"db":"ok"/)
    expect(runs).toBe(1)
    await ask(port, '/readyz')
    expect(runs).toBe(2)
  })

  test('logs a failing check once, and its recovery once', async () => {
    let broken = true
    const { port, log } = await start({
      checks: {
        db: () => {
          if (broken) throw new Error('down')
        },
      },
    })
    for (let probe = 0; probe < 3; probe++) expect((await ask(port, '/readyz')).status).toBe(503)
    broken = false
    for (let probe = 0; probe < 3; probe++) expect((await ask(port, '/readyz')).status).toBe(200)
    expect(log.matching(/readiness check/).map((line) => line.split('\n')[0])).toEqual([
      'warn podrain: readiness check "db" failed: Error: down',
      'info podrain: readiness check "db" is ok again',
    ])
  })

  test('is 503 while draining, without running the checks', async () => {
    let runs = 0
    const { port, drain } = await start({ terminationGracePeriodSeconds: 30, checks: { db: () => runs++ } })
    void drain.prestop()
    const reply = await ask(port, '/readyz')
    expect(reply.status).toBe(503)
    expect(reply.json()).toEqual({ ready: false, state: 'draining', reason: 'draining' })
    expect(runs).toBe(0)
  })

  test("stays 200 while draining with readyzWhileDraining: 'pass'", async () => {
    const { port, drain } = await start({ terminationGracePeriodSeconds: 30, readyzWhileDraining: 'pass' })
    void drain.prestop()
    const reply = await ask(port, '/readyz')
    expect(reply.status).toBe(200)
    expect(reply.json()).toEqual({ ready: true, state: 'draining', checks: {} })
  })

  test('is 503 when the server no longer listens', async () => {
    const turn = gate()
    const { drain, port, server } = await serve((_request, response) => void turn.opened.then(() => response.end('ok')))
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    server.close() // by hand; the request in flight keeps its connection open
    client.get('/readyz')
    await turns()
    turn.open()
    await client.until(/\r\n\r\nokHTTP\/1\.1 503 .*"reason":"not listening"/s)
  })

  test('is 503 when a control port answers for a server that does not listen yet', async () => {
    const drain = new Drain({ signals: false, logger: false })
    drain.watch(createServer())
    const answer = controlEndpoints(drain)
    const port = await listen(
      createServer((request, response) => void (answer(request, response) || response.end('?'))),
    )
    const reply = await ask(port, '/readyz')
    expect(reply.status).toBe(503)
    expect(reply.json()).toEqual({ ready: false, state: 'serving', reason: 'not listening' })
    expect((await ask(port, '/livez')).status).toBe(200)
    expect((await ask(port, '/other')).body).toBe('?')
    await drain.dispose()
  })
})

describe('/busyz, if it is turned on,', () => {
  test('shows whether the pod is idle: 200 without work, 503 with a request or a task', async () => {
    const turn = gate()
    const { drain, port } = await serve((_request, response) => void turn.opened.then(() => response.end('whole')), {
      endpoints: { busyz: '/busyz' },
    })
    expect(await ask(port, '/busyz')).toMatchObject({ status: 200, body: '{"busy":false}\n' })
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    expect(await ask(port, '/busyz')).toMatchObject({ status: 503, body: '{"busy":true}\n' })
    turn.open()
    await client.until(/whole/)
    await expect.poll(async () => (await ask(port, '/busyz')).status).toBe(200)
    const task = gate()
    drain.waitUntil(task.opened)
    expect((await ask(port, '/busyz')).status).toBe(503)
    task.open()
    await expect.poll(async () => (await ask(port, '/busyz')).status).toBe(200)
  })

  test("is the application's own path otherwise", async () => {
    const { port } = await start()
    expect(await ask(port, '/busyz')).toMatchObject({ status: 404, body: 'no GET here' })
  })
})

describe('while closing', () => {
  test('/livez, /readyz and /prestop are answered on a connection that is still open', async () => {
    const clock = new FakeClock()
    const turn = gate()
    const { drain, port } = await serve((_request, response) => void turn.opened.then(() => response.end('whole')), {
      clock,
    })
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    const probes = await Promise.all([0, 1, 2].map(() => Client.open(port)))
    for (const probe of probes) await probe.get('/livez').until(/"live":true/)
    void drain.start()
    clock.advance(2500) // at the cut
    expect(drain.state).toBe('closing')
    const [livez, readyz, prestop] = probes
    await livez?.get('/livez').until(/"live":true,"state":"closing"/)
    await readyz?.get('/readyz').until(/"ready":false,"state":"closing"/)
    await prestop?.get('/prestop').until(/"state":"closing","committed":true/)
    turn.open()
    await client.until(/whole/)
    expect((await clock.through(drain.start())).cut).toEqual([])
  })
})

describe('a server without a request listener', () => {
  const warnings = (log: Log): string[] => log.matching(/^warn .*no listener for "request"/)

  test.each([
    ['HTTP/2 by streams', () => createHttp2Server().on('stream', (stream) => void stream.respond())],
    ['HTTP/1 without an application', () => createServer()],
  ])('(%s) is warned of when it listens: its control endpoints are not answered', async (_name, create) => {
    const log = new Log()
    const server = create()
    const drain = drainServer(server, { signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    expect(warnings(log)).toEqual([])
    const port = await listen(server)
    await turns(2)
    expect(warnings(log)).toHaveLength(1)
    expect(warnings(log)[0]).toContain(`on port ${port} `)
    expect(warnings(log)[0]).toMatch(/\/readyz, \/livez, \/prestop, \/drainz\): set `controlPort`/)
  })

  test('is warned of, too, if it listens before its drain is created', async () => {
    const log = new Log()
    const server = createServer()
    await listen(server)
    const drain = drainServer(server, { signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    await turns(2)
    expect(warnings(log)).toHaveLength(1)
  })

  test('is warned of without a port if it listens on a unix socket', async () => {
    const log = new Log()
    const server = createServer()
    const drain = drainServer(server, { signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    server.listen(join(folder, 'http.sock'))
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    await turns(2)
    expect(warnings(log)).toEqual([expect.stringMatching(/^warn podrain: The server has no listener for "request"/)])
  })

  test.each([
    ['the endpoints have a port of their own', { controlPort: 0 }],
    ['no endpoint is wanted', { endpoints: { readyz: false, livez: false, prestop: false, drainz: false } as const }],
  ])('is not warned of if %s', async (_name, options) => {
    const log = new Log()
    const server = createServer()
    const drain = drainServer(server, { signals: false, logger: log, ...options })
    onTestFinished(() => drain.dispose())
    await listen(server)
    await turns(2)
    expect(warnings(log)).toEqual([])
  })

  test('is not warned of if its drain is over when it listens', async () => {
    const log = new Log()
    const server = createServer()
    await drainServer(server, { signals: false, logger: log }).dispose()
    await listen(server)
    await turns(2)
    expect(warnings(log)).toEqual([])
  })

  test('is not warned of if the listener is added in listen(), or if another server has one', async () => {
    const log = new Log()
    const [server, streams] = [createServer(), createHttp2Server()]
    const { drain, watch } = attach({ signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    watch(server)
    watch(streams)
    await turns(2) // no warning about a server that does not listen yet
    server.once('listening', () => server.on('request', sayOk))
    await listen(server)
    await listen(streams)
    await turns(2)
    expect(warnings(log)).toEqual([])
  })
})
