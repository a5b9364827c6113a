import { fork } from 'node:child_process'
import dns from 'node:dns'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { Drain } from '@podrain/core'
import {
  describeControlEndpoints,
  describeInFlight,
  describeMistakes,
  describeOwnDrain,
  describeVariables,
  type Ending,
  gate,
  hangUp,
  idleClient,
  processOf,
  quick,
  send,
  sendJson,
  slowRequest,
  testCutAtDeadline,
  urlOf,
} from '@podrain/testkit'
import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type GracefulShutdownOptions, gracefulShutdown } from '../src/index.js'

type Routes = (app: FastifyInstance) => unknown

/** An application whose only code for draining is the registration of the plugin. */
async function build(options: GracefulShutdownOptions = quick, routes: Routes = () => {}, server = {}) {
  const app = fastify(server)
  onTestFinished(() => app.close())
  await app.register(gracefulShutdown, options)
  app.get('/', async () => 'hello')
  const slow = slowRequest()
  app.get('/slow', () => slow.wait().then(() => 'slow'))
  await routes(app)
  return { app, slow, drain: app.drain }
}

async function serve(options?: GracefulShutdownOptions, routes?: Routes, server?: object) {
  const built = await build(options, routes, server)
  await built.app.listen({ host: '127.0.0.1', port: 0 })
  return { ...built, server: built.app.server, url: await urlOf(built.app.server) }
}

describeControlEndpoints(serve, (app) => {
  app.post('/readyz', async () => 'mine')
  app.get('/readyz/more', async () => 'mine too')
})

describe('a route of the application on a path that podrain answers', () => {
  async function warnings(options: GracefulShutdownOptions, routes: Routes): Promise<string[]> {
    const warn = vi.fn<(line: string) => void>()
    await serve({ ...quick, logger: { info() {}, warn, error() {} }, ...options }, routes)
    return warn.mock.calls.map(([line]) => line).filter((line) => line.includes('a route of its own'))
  }
  const own: Routes = (app) => {
    app.get('/readyz', async () => 'mine')
  }

  test('is warned of at the start, with the options that make it reachable or replace it', async () => {
    expect(await warnings({}, own)).toEqual([
      expect.stringMatching(
        /a route of its own for GET \/readyz, which is never called, .* the option `checks`, or .*`endpoints: \{ readyz: false \}`$/,
      ),
    ])
  })

  test.each<[string, GracefulShutdownOptions, Routes]>([
    ['that answers every method', {}, (app) => app.all('/livez', async () => 'mine')],
    ['with a slash at its end', {}, (app) => app.get('/livez/', async () => 'mine')],
    [
      'in a plugin with a prefix',
      { endpoints: { livez: '/internal/live' } },
      (app) => app.register(async (part) => void part.get('/live', async () => 'mine'), { prefix: '/internal' }),
    ],
  ])('is warned of, too, if it is one %s', async (_, options, routes) => {
    expect(await warnings(options, routes)).toEqual([expect.stringContaining('`endpoints: { livez: false }`')])
  })

  test.each<[string, GracefulShutdownOptions, Routes]>([
    ['where that endpoint is off', { endpoints: { readyz: false } }, own],
    ['where the endpoints have a port of their own', { controlPort: 0 }, own],
    ['of another method', {}, (app) => app.post('/readyz', async () => 'mine')],
    ['that only a wildcard matches', {}, (app) => app.get('/*', async () => 'mine')],
  ])('is not warned of %s', async (_, options, routes) => {
    expect(await warnings(options, routes)).toEqual([])
  })
})

const routes: Routes = (app) => {
  app.get('/throws', () => {
    throw new Error('on purpose')
  })
  app.get('/fails', () => new Promise((_resolve, reject) => setImmediate(reject, new Error('on purpose'))))
  app.get('/stream', (_request, reply) => reply.send(Readable.from(['a', 'b', 'c'])))
  app.get('/raw', (_request, reply) => void reply.hijack().raw.end('raw'))
  app.get('/events', (_request, reply) => void reply.hijack().raw.write('first'))
  app.get('/item/:id', async () => 'item')
  app.get('/silent', () => new Promise(() => {}))
  app.get('/endless', (_request, reply) => {
    const body = new PassThrough()
    body.write('first')
    return reply.send(body)
  })
  for (const path of ['/echo', '/upload']) app.post(path, async (request) => request.body)
}

const endings: Ending[] = [
  ['a hijacked reply', ({ url }) => send(`${url}/raw`), { status: 200, body: 'raw' }],
  ['a URL with a bad percent code', ({ url }) => send(`${url}/item/%zz`), { status: 400 }],
  ['a parameter that is too long', ({ url }) => send(`${url}/item/${'x'.repeat(200)}`), { status: 414 }],
  ['a body that is not JSON', ({ url }) => sendJson(`${url}/echo`, '{'), { status: 400 }],
  ['a client that hangs up on a hijacked reply', ({ server }) => hangUp(server, 'GET /events', 'data')],
]

describeInFlight(serve, { routes, endings }, () => {
  test('requests on every address that listen({ host: "localhost" }) opens are answered completely', async () => {
    // `localhost` does not have two addresses on every machine. Fastify skips an address that it cannot bind.
    const { lookup } = dns
    const addresses = ['127.0.0.1', '::1', '127.0.0.2'].map((address) => ({
      address,
      family: address.includes(':') ? 6 : 4,
    }))
    vi.spyOn(dns, 'lookup').mockImplementation(((host: string, options: dns.LookupOptions, done: never) => {
      if (host === 'localhost' && options.all) (done as (error: null, all: object[]) => void)(null, addresses)
      else lookup(host, options, done)
    }) as typeof dns.lookup)
    const arrived: string[] = []
    const answer = gate()
    const { app, drain } = await build(quick, (app) => {
      app.get('/where', async (request) => {
        arrived.push(request.ip)
        await answer.opened
        return 'x'.repeat(100_000)
      })
    })
    await app.listen({ host: 'localhost', port: 0 })
    const bound = app.addresses() as AddressInfo[]
    expect(bound.length).toBeGreaterThan(1)
    const urls = bound.map(
      ({ address, family, port }) => `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`,
    )
    const answers = urls.map((url) => send(`${url}/where`))
    await expect.poll(() => arrived.length, { interval: 5 }).toBe(urls.length)
    expect(drain.inFlight).toBe(urls.length)
    const ended = drain.start()
    for (const url of urls) expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
    answer.open()
    for (const answered of await Promise.all(answers)) expect(answered.body).toHaveLength(100_000)
    expect(await ended).toMatchObject({ clean: true, cut: [], answered: urls.length })
    for (const url of urls) await expect(send(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('inject()', () => {
  test('works on the application’s routes any number of times, and its requests are not counted', async () => {
    const { app, slow, drain } = await build()
    const injected = app.inject('/slow')
    await slow.arrived
    expect(drain.inFlight).toBe(0)
    slow.answer()
    expect((await injected).body).toBe('slow')
    for (let round = 0; round < 20; round++) expect((await app.inject('/')).body).toBe('hello')
    expect(drain.inFlight).toBe(0)
  })

  test('/livez responds with 200, and /readyz with 503, because no server listens', async () => {
    const { app } = await build()
    expect((await app.inject('/livez')).json()).toEqual({ live: true, state: 'serving' })
    const readyz = await app.inject('/readyz')
    expect(readyz.statusCode).toBe(503)
    expect(readyz.json()).toEqual({ ready: false, state: 'serving', reason: 'not listening' })
  })

  test('/readyz responds with 200 when the application listens', async () => {
    const { app } = await serve()
    expect((await app.inject('/readyz')).json()).toEqual({ ready: true, state: 'serving', checks: {} })
  })

  test('/drainz and /prestop respond', async () => {
    const { app } = await build()
    expect((await app.inject('/drainz')).json()).toMatchObject({ state: 'serving', inFlight: 0 })
    expect((await app.inject('/prestop')).json()).toMatchObject({ state: 'draining', committed: false })
  })
})

describe('hooks of the application', () => {
  test('a later onRequest hook that refuses every request does not refuse the kubelet', async () => {
    const { url } = await serve(quick, (app) => {
      app.addHook('onRequest', async (_request, reply) => reply.code(401).send('who are you?'))
    })
    expect(await send(`${url}/`)).toMatchObject({ status: 401 })
    for (const path of ['/readyz', '/livez', '/drainz', '/prestop']) {
      expect(await send(url + path), path).toMatchObject({ status: 200 })
    }
  })

  test('a not-found handler of the application does not get the kubelet’s requests', async () => {
    const { url } = await serve(quick, (app) => {
      app.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing here'))
    })
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 200 })
    expect(await send(`${url}/nowhere`)).toMatchObject({ status: 404, body: 'nothing here' })
  })

  test('a catch-all route does not get requests for the control endpoints', async () => {
    const { url } = await serve(quick, (app) => {
      app.all('/*', async () => 'caught')
    })
    expect(JSON.parse((await send(`${url}/readyz`)).body)).toMatchObject({ ready: true })
    expect(await send(`${url}/any`)).toMatchObject({ status: 200, body: 'caught' })
  })

  test('a plugin and its routes registered after it work as before', async () => {
    const { url } = await serve(quick, (app) =>
      app.register(async (child) => void child.post('/echo', async (request) => request.body), { prefix: '/api' }),
    )
    expect(await sendJson(`${url}/api/echo`, '{"a":1}')).toMatchObject({ status: 200, body: '{"a":1}' })
  })
})

describe('a complete drain', () => {
  test('the request in flight is answered completely, then preClose, onClose and the hooks of the drain run', async () => {
    const order: string[] = []
    const half = 'x'.repeat(500_000)
    const more = gate()
    const body = new PassThrough()
    const { url, server, drain } = await serve(quick, (app) => {
      app.get('/big', (_request, reply) => {
        reply.raw.on('close', () => order.push('response'))
        body.write(half)
        void more.opened.then(() => body.end(half))
        return reply.send(body)
      })
      app.addHook('preClose', async () => void order.push('preClose'))
      app.addHook('onClose', async () => void order.push('onClose'))
      app.drain.onClose(() => void order.push('older hook'))
      app.drain.onClose(() => void order.push('newer hook'))
    })
    const begun = once(server, 'request')
    const answered = send(`${url}/big`)
    await begun
    const ended = drain.start()
    // A request during the drain is answered, too, and does not get Fastify's 503.
    expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
    more.open()
    expect((await answered).body).toBe(half + half)
    const report = await ended
    expect(order).toEqual(['response', 'preClose', 'onClose', 'newer hook', 'older hook'])
    expect(report).toMatchObject({ clean: true, reason: 'start()', cut: [], answered: 2 })
    expect(report.hooks.map(({ name, outcome }) => `${name}: ${outcome}`)).toContain('fastify.close(): ok')
    await expect(send(`${url}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test.each([
    ['as it is', {}],
    ['with forceCloseConnections', { forceCloseConnections: true }],
  ])('a response that preClose ends at the deadline is complete: Fastify %s', async (_what, server) => {
    const rest = 'x'.repeat(3_000_000)
    const written = gate()
    const { url, drain } = await serve(
      { ...quick, closing: 1000 },
      (app) => {
        let stream: NodeJS.WritableStream | undefined
        app.get('/events', (_request, reply) => {
          stream = reply.hijack().raw
          stream.write('first')
          written.open()
        })
        app.addHook('preClose', async () => void stream?.end(rest))
      },
      server,
    )
    const answered = send(`${url}/events`)
    await written.opened
    const report = await drain.start({ settle: false, within: 2000 })
    expect((await answered).body).toHaveLength('first'.length + rest.length)
    expect(report).toMatchObject({ clean: true, cut: [] })
  })

  test('an idle keep-alive client does not prolong the drain to the 72 s that Fastify has promised', async () => {
    const { server, drain } = await serve({ ...quick, keepAliveCap: 300 })
    expect(server.keepAliveTimeout).toBe(72_000)
    const client = await idleClient(server)
    const report = await drain.start()
    expect(report).toMatchObject({ clean: true, cut: [] })
    expect(report.durationMs).toBeGreaterThanOrEqual(300)
    expect(client.readableEnded).toBe(true)
  })

  test('with a cap that is longer than the whole budget, an idle client is disconnected within the budget', async () => {
    const { server, drain } = await serve({ ...quick, terminationGracePeriodSeconds: 1, keepAliveCap: 60_000 })
    await idleClient(server)
    const report = await drain.start()
    expect(report).toMatchObject({ clean: true, cut: [] })
    expect(report.durationMs).toBeLessThan(60_000)
  })

  test('a client that has sent no byte does not prolong the drain, and does not count as cut', async () => {
    const { server, drain } = await serve()
    const accepted = once(server, 'connection')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume()
    await accepted
    expect(await drain.start()).toMatchObject({ clean: true, cut: [] })
    if (!client.closed) await once(client, 'close')
  })

  testCutAtDeadline(serve)

  test('an onClose hook of the application that fails makes the report unclean, and the hooks of the drain still run', async () => {
    const ran = vi.fn()
    const { drain } = await serve(quick, (app) => {
      app.addHook('onClose', async () => {
        throw new Error('on purpose')
      })
      app.drain.onClose(ran)
    })
    const report = await drain.start()
    expect(ran).toHaveBeenCalledOnce()
    expect(report).toMatchObject({ clean: false })
  })
})

describe('app.close() called by the application', () => {
  const patient = { ...quick, terminationGracePeriodSeconds: 900, settle: { min: 600_000 } }

  test('skips the settle wait, runs the hooks of the drain, and closes the drain', async () => {
    const { app, url, drain } = await serve(patient)
    const hook = vi.fn()
    drain.onClose(hook)
    expect(await send(`${url}/`)).toMatchObject({ status: 200 })
    await app.close()
    expect(hook).toHaveBeenCalledOnce()
    expect(drain.state).toBe('closed')
  })

  test('works on an application that has never listened', async () => {
    const { app, drain } = await build(patient)
    await app.inject('/')
    await app.close()
    expect(drain.state).toBe('closed')
  })

  test('ends the wait of /prestop', async () => {
    const { app, drain } = await serve(patient)
    const hook = drain.prestop()
    await app.close()
    await hook
    expect(drain.state).toBe('closed')
  })

  test('the request in flight is answered before the hooks of the drain run', async () => {
    const order: string[] = []
    const { app, url, slow, drain } = await serve(patient, (app) => {
      app.addHook('onResponse', async () => void order.push('response'))
    })
    drain.onClose(() => void order.push('hook'))
    const answered = send(`${url}/slow`)
    await slow.arrived
    const closed = app.close()
    slow.answer()
    expect(await answered).toMatchObject({ status: 200, body: 'slow' })
    await closed
    expect(order).toEqual(['response', 'hook'])
  })

  test('any number of applications that open and close leave no listener on the process', async () => {
    const events = ['SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection', 'beforeExit', 'exit', 'warning']
    const count = () => events.map((event) => process.listenerCount(event))
    const before = count()
    for (let round = 0; round < 5; round++) {
      const apps = await Promise.all([1, 2, 3].map(() => serve({ logger: false })))
      expect(process.listenerCount('SIGTERM')).toBe(before[0] === undefined ? 0 : before[0] + 2)
      await Promise.all(apps.map(({ app }) => app.close()))
    }
    expect(count()).toEqual(before)
  })
})

describeVariables(serve)

test('PODRAIN_LOGGER=false takes precedence over the application’s log, which no code has passed to podrain', async () => {
  vi.stubEnv('PODRAIN_LOGGER', 'false')
  onTestFinished(() => void vi.unstubAllEnvs())
  const lines: string[] = []
  const { drain } = await serve({ ...quick, logger: undefined as never }, undefined, {
    logger: { stream: { write: (line: string) => lines.push(line) } },
  })
  await drain.start()
  expect(lines.filter((line) => line.includes('podrain'))).toEqual([])
})

describeOwnDrain(serve, () => {
  test('outlives an application that closes itself', async () => {
    const shared = new Drain(quick)
    onTestFinished(() => shared.dispose())
    const [one, two] = await Promise.all([serve({ drain: shared }), serve({ drain: shared })])
    await one.app.close()
    expect(shared.state).toBe('serving')
    expect(await send(`${two.url}/readyz`)).toMatchObject({ status: 200 })
    expect(await shared.start()).toMatchObject({ clean: true })
  })
})

test('an application that closes itself also closes its control port, even with a shared drain', async () => {
  const lines: string[] = []
  const logger = { info: (line: string) => void lines.push(line), warn() {}, error() {} }
  const shared = new Drain({ ...quick, logger })
  onTestFinished(() => shared.dispose())
  const { app } = await serve({ drain: shared, controlPort: 0 })
  await expect.poll(() => lines.find((line) => line.includes('control endpoints'))).toBeDefined()
  const port = /port (\d+)$/.exec(lines.find((line) => line.includes('control endpoints')) ?? '')?.[1]
  expect(await send(`http://127.0.0.1:${port}/livez`)).toMatchObject({ status: 200 })
  await app.close()
  await expect(send(`http://127.0.0.1:${port}/livez`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

describe('the log', () => {
  test('with logger: false in Fastify, podrain works and logs nothing', async () => {
    const print = vi.spyOn(console, 'info')
    const { logger: _, ...noisy } = quick
    const { drain, url } = await serve(noisy, undefined, { logger: false })
    expect(await send(`${url}/`)).toMatchObject({ status: 200 })
    expect(await drain.start()).toMatchObject({ clean: true })
    expect(print).not.toHaveBeenCalled()
  })

  test('podrain’s lines go to Fastify’s log', async () => {
    const stream = new PassThrough({ encoding: 'utf8' })
    const { logger: _, ...noisy } = quick
    const { drain } = await serve(noisy, undefined, { logger: { stream } })
    await drain.start()
    const lines = `${stream.read()}`
    expect(lines).toContain('"msg":"podrain: draining because of start()')
    const report = lines.split('\n').find((line) => line.includes('nothing cut'))
    expect(JSON.parse(report ?? '')).toMatchObject({
      level: 30,
      msg: expect.stringMatching(/^podrain: drained in .*; nothing cut$/),
      drain: { reason: 'start()', clean: true, cut: [], hooks: [{ name: 'fastify.close()', outcome: 'ok' }] },
    })
  })

  test('is complete when the process has exited, even if a worker thread writes it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const file = join(folder, 'log')
    const child = fork(join(__dirname, 'fixtures/transport.mjs'), [file], { execArgv: [] })
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child, 'message')
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    expect(lines.filter((line) => line.includes('at the last moment'))).toHaveLength(5000)
    expect(lines.at(-1)).toContain('after SIGTERM; nothing cut')
  })
})

describeMistakes(
  'the plugin is registered',
  async (options, message) => {
    const app = fastify()
    onTestFinished(() => app.close())
    await expect(app.register(gracefulShutdown, options)).rejects.toThrow(message)
  },
  () => {
    test('the plugin registered twice: the error says where to register it', async () => {
      const { app } = await build()
      await expect(app.register(gracefulShutdown, quick)).rejects.toThrow('register it once, at the root')
    })

    test('the plugin registered in a child of an application that has it: the error says the same', async () => {
      const { app } = await build()
      const child = app.register(async (inner) => void (await inner.register(gracefulShutdown, quick)))
      await expect(child).rejects.toThrow('register it once, at the root')
    })

    test('the plugin registered in two siblings: the second is refused, and keeps no signal listener', async () => {
      const listeners = new Set<object>()
      const app = fastify()
      onTestFinished(() => app.close())
      for (const _sibling of [1, 2]) {
        app.register(
          async (child) => void (await child.register(gracefulShutdown, { ...quick, process: processOf(listeners) })),
        )
      }
      await expect(app.ready()).rejects.toThrow('already watched by another Drain')
      await app.close()
      expect(listeners, 'nothing may stay behind that would swallow a signal').toHaveProperty('size', 0)
    })
  },
)
