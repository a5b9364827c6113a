import dns from 'node:dns'
import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { Drain, type ExitSource } from '@podrain/core'
import fastify, { type FastifyInstance } from 'fastify'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type GracefulShutdownOptions, gracefulShutdown } from '../src/index.js'
import { expectNoneInFlight, gate, quick, send, urlOf } from './client.js'

type Routes = (app: FastifyInstance) => unknown

/** An application whose only line about draining is the registration. */
async function build(options: GracefulShutdownOptions = quick, routes: Routes = () => {}, server = {}) {
  const app = fastify(server)
  onTestFinished(() => app.close())
  await app.register(gracefulShutdown, options)
  app.get('/', async () => 'hello')
  const slow = slowRoute(app)
  await routes(app)
  return { app, slow, drain: app.drain }
}

async function serve(options?: GracefulShutdownOptions, routes?: Routes, server?: object) {
  const built = await build(options, routes, server)
  await built.app.listen({ host: '127.0.0.1', port: 0 })
  return { ...built, server: built.app.server, url: await urlOf(built.app.server) }
}

/** `/slow` says when a request is there, and answers when it is told to. */
function slowRoute(app: FastifyInstance) {
  const arrived = gate()
  const answer = gate()
  app.get('/slow', async () => {
    arrived.open()
    await answer.opened
    return 'slow'
  })
  return { arrived: arrived.opened, answer: answer.open }
}

describe('the control endpoints', () => {
  test('/readyz says 200 while serving', async () => {
    const { url } = await serve()
    const { status, headers, body } = await send(`${url}/readyz`)
    expect(status).toBe(200)
    expect(headers['content-type']).toBe('application/json')
    expect(headers['cache-control']).toBe('no-store')
    expect(JSON.parse(body)).toEqual({ ready: true, state: 'serving', checks: {} })
  })

  test('/readyz says 503 while draining, and users still get their answers', async () => {
    const { url, drain } = await serve()
    await send(`${url}/`)
    void drain.prestop()
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
    expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
    expect(await send(`${url}/nowhere`)).toMatchObject({ status: 404 })
  })

  test('/prestop takes the pod out of service at once, answers once it has settled, and closes nothing', async () => {
    const { url, drain, server } = await serve()
    const draining = once(drain, 'state')
    const hook = send(`${url}/prestop`)
    expect(await draining).toEqual(['draining', 'serving'])
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
    expect(await hook).toMatchObject({ status: 200, headers: { connection: 'close' } })
    expect(JSON.parse((await hook).body)).toMatchObject({ state: 'draining', committed: false, inFlight: 0 })
    expect(server.listening).toBe(true)
  })

  test('/prestop waits for the request in flight', async () => {
    const { url, slow } = await serve()
    const order: string[] = []
    const answered = send(`${url}/slow`).then(() => order.push('request'))
    await slow.arrived
    const hook = send(`${url}/prestop`).then(() => order.push('hook'))
    await expect.poll(async () => (await send(`${url}/readyz`)).status).toBe(503)
    slow.answer()
    await Promise.all([answered, hook])
    expect(order).toEqual(['request', 'hook'])
  })

  test('once settled, every response says Connection: close, and none does before the drain', async () => {
    const { url } = await serve()
    expect((await send(`${url}/`)).headers.connection).toBe('keep-alive')
    await send(`${url}/prestop`)
    for (const path of ['/', '/nowhere', '/readyz']) {
      expect((await send(`${url}${path}`)).headers.connection, path).toBe('close')
    }
  })

  test('/livez stays 200 while draining', async () => {
    const { url, drain } = await serve()
    expect(await send(`${url}/livez`)).toMatchObject({ status: 200 })
    void drain.prestop()
    expect(await send(`${url}/livez`)).toMatchObject({ status: 200 })
  })

  test('/drainz shows what there is to wait for', async () => {
    const { url, slow, drain } = await serve()
    const answered = send(`${url}/slow?secret=1`)
    await slow.arrived
    const mail = gate()
    drain.waitUntil(mail.opened, { name: 'mail' })
    expect(JSON.parse((await send(`${url}/drainz`)).body)).toEqual({
      state: 'serving',
      committed: false,
      inFlight: 1,
      tasks: ['mail'],
      oldest: { method: 'GET', route: '/slow', ageMs: expect.any(Number) },
      budgetMs: 2900,
    })
    slow.answer()
    mail.open()
    await answered
    await expectNoneInFlight(drain)
    expect(JSON.parse((await send(`${url}/drainz`)).body)).toMatchObject({ inFlight: 0, tasks: [], oldest: null })
  })

  test.each([['/readyz?verbose'], ['/readyz/'], ['/readyz/?verbose=1']])('GET %s is /readyz', async (path) => {
    const { url } = await serve()
    expect(JSON.parse((await send(url + path)).body)).toMatchObject({ ready: true })
  })

  test('HEAD /readyz gets the status without a body', async () => {
    const { url } = await serve()
    expect(await send(`${url}/readyz`, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
  })

  test('HEAD /prestop does not drain', async () => {
    const { url, drain } = await serve()
    expect(await send(`${url}/prestop`, { method: 'HEAD' })).toMatchObject({ status: 405 })
    expect(drain.state).toBe('serving')
  })

  test('POST /readyz and /readyz/more belong to the application', async () => {
    const { url } = await serve(quick, (app) => {
      app.post('/readyz', async () => 'mine')
      app.get('/readyz/more', async () => 'mine too')
    })
    expect(await send(`${url}/readyz`, { method: 'POST' })).toMatchObject({ status: 200, body: 'mine' })
    expect(await send(`${url}/readyz/more`)).toMatchObject({ status: 200, body: 'mine too' })
  })

  test('an endpoint can have another path, and one that is turned off is the application’s', async () => {
    const { url } = await serve({ ...quick, endpoints: { readyz: '/health/ready', drainz: false } })
    expect(await send(`${url}/health/ready`)).toMatchObject({ status: 200 })
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 404 })
    expect(await send(`${url}/drainz`)).toMatchObject({ status: 404 })
  })

  test('/prestop from beyond a proxy is a 404 and drains nothing', async () => {
    const { url, drain } = await serve()
    const headers = { 'x-forwarded-for': '203.0.113.7' }
    expect(await send(`${url}/prestop`, { headers })).toMatchObject({ status: 404 })
    expect(drain.state).toBe('serving')
    await expectNoneInFlight(drain)
  })

  test('a probe is not in flight, not even the one that waits for a check', async () => {
    const asked = gate()
    const check = gate()
    const database = () => {
      asked.open()
      return check.opened
    }
    const { url, drain } = await serve({ ...quick, checks: { database } })
    const probe = send(`${url}/readyz`)
    await asked.opened
    expect(drain.inFlight).toBe(0)
    check.open()
    expect(JSON.parse((await probe).body)).toMatchObject({ ready: true, checks: { database: 'ok' } })
  })
})

describe('in flight', () => {
  test('a request is, until its answer is there', async () => {
    const { url, drain, slow } = await serve()
    const answered = send(`${url}/slow`)
    await slow.arrived
    expect(drain.inFlight).toBe(1)
    slow.answer()
    expect(await answered).toMatchObject({ status: 200, body: 'slow' })
    await expectNoneInFlight(drain)
  })

  const endings: [name: string, act: (at: At) => Promise<unknown>, answer?: object][] = [
    ['an answer', ({ url }) => send(`${url}/`), { status: 200, body: 'hello' }],
    ['a 404', ({ url }) => send(`${url}/nowhere`), { status: 404 }],
    ['a handler that throws', ({ url }) => send(`${url}/throws`), { status: 500 }],
    ['a handler that fails later', ({ url }) => send(`${url}/fails`), { status: 500 }],
    ['a HEAD', ({ url }) => send(`${url}/`, { method: 'HEAD' }), { status: 200, body: '' }],
    ['a piped stream', ({ url }) => send(`${url}/stream`), { status: 200, body: 'abc' }],
    ['a hijacked reply', ({ url }) => send(`${url}/raw`), { status: 200, body: 'raw' }],
    ['a URL with a bad percent code', ({ url }) => send(`${url}/item/%zz`), { status: 400 }],
    ['a parameter that is too long', ({ url }) => send(`${url}/item/${'x'.repeat(200)}`), { status: 414 }],
    ['a body that is not JSON', ({ url }) => sendJson(`${url}/echo`, '{'), { status: 400 }],
    ['a client that hangs up before the answer', ({ server }) => hangUp(server, 'GET /silent', 'request')],
    ['a client that hangs up mid-stream', ({ server }) => hangUp(server, 'GET /endless', 'data')],
    ['a client that hangs up on a hijacked reply', ({ server }) => hangUp(server, 'GET /events', 'data')],
    ['an upload that breaks off', ({ server }) => hangUp(server, 'POST /echo', 'request')],
  ]

  test.each(endings)('%s is counted once and leaves none', async (_name, act, answer) => {
    const at = await serve(quick, (app) => {
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
      app.post('/echo', async (request) => request.body)
    })
    const seen: number[] = []
    at.server.on('request', () => seen.push(at.drain.inFlight))
    for (const _round of [1, 2]) {
      const answered = await act(at)
      if (answer) expect(answered).toMatchObject(answer)
      await expectNoneInFlight(at.drain)
    }
    expect(seen).toEqual([1, 1])
  })

  test('requests are on every address that listen({ host: "localhost" }) opens, and each is answered whole', async () => {
    // Not every machine calls itself by two addresses; where one cannot be bound, Fastify leaves it out.
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
    expect(await ended).toMatchObject({ clean: true, forced: [], answered: urls.length })
    for (const url of urls) await expect(send(url)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('inject()', () => {
  test('works on the application’s routes as often as one likes, and is not counted', async () => {
    const { app, slow, drain } = await build()
    const injected = app.inject('/slow')
    await slow.arrived
    expect(drain.inFlight).toBe(0)
    slow.answer()
    expect((await injected).body).toBe('slow')
    for (let round = 0; round < 20; round++) expect((await app.inject('/')).body).toBe('hello')
    expect(drain.inFlight).toBe(0)
  })

  test('/livez says 200, and /readyz 503 as no server is listening', async () => {
    const { app } = await build()
    expect((await app.inject('/livez')).json()).toEqual({ live: true, state: 'serving' })
    const readyz = await app.inject('/readyz')
    expect(readyz.statusCode).toBe(503)
    expect(readyz.json()).toEqual({ ready: false, state: 'serving', reason: 'not listening' })
  })

  test('/readyz says 200 once the application listens', async () => {
    const { app } = await serve()
    expect((await app.inject('/readyz')).json()).toEqual({ ready: true, state: 'serving', checks: {} })
  })

  test('/drainz and /prestop answer', async () => {
    const { app } = await build()
    expect((await app.inject('/drainz')).json()).toMatchObject({ state: 'serving', inFlight: 0 })
    expect((await app.inject('/prestop')).json()).toMatchObject({ state: 'draining', committed: false })
  })
})

describe('hooks of the application', () => {
  test('an onRequest hook that refuses everyone, added later, does not keep the kubelet out', async () => {
    const { url } = await serve(quick, (app) => {
      app.addHook('onRequest', async (_request, reply) => reply.code(401).send('who are you?'))
    })
    expect(await send(`${url}/`)).toMatchObject({ status: 401 })
    for (const path of ['/readyz', '/livez', '/drainz', '/prestop']) {
      expect(await send(url + path), path).toMatchObject({ status: 200 })
    }
  })

  test('a not-found handler of the application’s does not keep the kubelet out', async () => {
    const { url } = await serve(quick, (app) => {
      app.setNotFoundHandler((_request, reply) => reply.code(404).send('nothing here'))
    })
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 200 })
    expect(await send(`${url}/nowhere`)).toMatchObject({ status: 404, body: 'nothing here' })
  })

  test('a catch-all route does not take the endpoints away', async () => {
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

describe('the whole way', () => {
  test('the request in flight is answered whole, then come preClose, onClose and the hooks of the drain', async () => {
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
    // A user who comes while it drains is served too, not sent away with Fastify's 503.
    expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
    more.open()
    expect((await answered).body).toBe(half + half)
    const report = await ended
    expect(order).toEqual(['response', 'preClose', 'onClose', 'newer hook', 'older hook'])
    expect(report).toMatchObject({ clean: true, reason: 'start()', forced: [], answered: 2 })
    expect(report.hooks.map(({ name, outcome }) => `${name}: ${outcome}`)).toContain('fastify.close(): ok')
    await expect(send(`${url}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('an idle keep-alive client does not hold the drain for the 72 s that Fastify promised it', async () => {
    const { server, drain } = await serve({ ...quick, keepAliveCap: 300 })
    expect(server.keepAliveTimeout).toBe(72_000)
    const client = await idleClient(server)
    const report = await drain.start()
    expect(report).toMatchObject({ clean: true, forced: [] })
    expect(report.durationMs).toBeGreaterThanOrEqual(300)
    expect(client.readableEnded).toBe(true)
  })

  test('with the default cap, which is longer than the whole budget here, it is let go within the budget', async () => {
    const { server, drain } = await serve({ ...quick, terminationGracePeriodSeconds: 1 })
    await idleClient(server)
    const report = await drain.start()
    expect(report).toMatchObject({ clean: true, forced: [] })
    expect(report.durationMs).toBeLessThan(900)
  })

  test('a client that never sent a byte does not hold the drain, and is not forced', async () => {
    const { server, drain } = await serve()
    const accepted = once(server, 'connection')
    const client = connect((server.address() as AddressInfo).port, '127.0.0.1').resume()
    await accepted
    expect(await drain.start()).toMatchObject({ clean: true, forced: [] })
    if (!client.closed) await once(client, 'close')
  })

  test('a request that never ends is cut at the deadline and named in the report', async () => {
    const { url, slow, drain } = await serve({
      ...quick,
      terminationGracePeriodSeconds: 0.6,
      closing: 200,
      reserve: 50,
    })
    const answered = send(`${url}/slow?secret=1`)
    await slow.arrived
    const [report] = await Promise.all([drain.start(), expect(answered).rejects.toMatchObject({ code: 'ECONNRESET' })])
    expect(report).toMatchObject({ clean: false, forced: [{ method: 'GET', route: '/slow' }] })
  })

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

describe('app.close() by hand', () => {
  const patient = { ...quick, terminationGracePeriodSeconds: 900, settle: { min: 600_000 } }

  test('does not settle, runs the hooks of the drain and leaves it closed', async () => {
    const { app, url, drain } = await serve(patient)
    const hook = vi.fn()
    drain.onClose(hook)
    expect(await send(`${url}/`)).toMatchObject({ status: 200 })
    await app.close()
    expect(hook).toHaveBeenCalledOnce()
    expect(drain.state).toBe('closed')
  })

  test('works on an application that never listened', async () => {
    const { app, drain } = await build(patient)
    await app.inject('/')
    await app.close()
    expect(drain.state).toBe('closed')
  })

  test('while /prestop waits, it ends the wait', async () => {
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

  test('any number of applications made and closed leave the process as it was', async () => {
    const events = ['SIGTERM', 'SIGINT', 'uncaughtException', 'unhandledRejection', 'beforeExit', 'exit', 'warning']
    const count = () => events.map((event) => process.listenerCount(event))
    const before = count()
    for (let round = 0; round < 5; round++) {
      const apps = await Promise.all([1, 2, 3].map(() => serve({ logger: false })))
      expect(process.listenerCount('SIGTERM')).toBe(before[0] === undefined ? 0 : before[0] + 1)
      await Promise.all(apps.map(({ app }) => app.close()))
    }
    expect(count()).toEqual(before)
  })
})

describe('a Drain of one’s own', () => {
  test('shared by two applications, it drains and closes both with one start()', async () => {
    const shared = new Drain(quick)
    onTestFinished(() => shared.dispose())
    const [one, two] = await Promise.all([serve({ drain: shared }), serve({ drain: shared })])
    expect(one.drain).toBe(shared)
    const answers = [send(`${one.url}/slow`), send(`${two.url}/slow`)]
    await Promise.all([one.slow.arrived, two.slow.arrived])
    expect(shared.inFlight).toBe(2)
    const ended = shared.start()
    for (const { url } of [one, two]) expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
    one.slow.answer()
    two.slow.answer()
    for (const answer of answers) expect(await answer).toMatchObject({ status: 200, body: 'slow' })
    expect(await ended).toMatchObject({ clean: true, answered: 2 })
    expect([one.server.listening, two.server.listening]).toEqual([false, false])
  })

  test('outlives an application that is closed by hand', async () => {
    const shared = new Drain(quick)
    onTestFinished(() => shared.dispose())
    const [one, two] = await Promise.all([serve({ drain: shared }), serve({ drain: shared })])
    await one.app.close()
    expect(shared.state).toBe('serving')
    expect(await send(`${two.url}/readyz`)).toMatchObject({ status: 200 })
    expect(await shared.start()).toMatchObject({ clean: true })
  })

  test('may come with options of the endpoints', async () => {
    const shared = new Drain(quick)
    onTestFinished(() => shared.dispose())
    const { url } = await serve({ drain: shared, endpoints: { readyz: '/up' } })
    expect(await send(`${url}/up`)).toMatchObject({ status: 200 })
  })
})

describe('the log', () => {
  test('logger: false in Fastify is silent and works', async () => {
    const print = vi.spyOn(console, 'info')
    const { logger: _, ...noisy } = quick
    const { drain, url } = await serve(noisy, undefined, { logger: false })
    expect(await send(`${url}/`)).toMatchObject({ status: 200 })
    expect(await drain.start()).toMatchObject({ clean: true })
    expect(print).not.toHaveBeenCalled()
  })

  test('lines go where Fastify’s own go', async () => {
    const stream = new PassThrough({ encoding: 'utf8' })
    const { logger: _, ...noisy } = quick
    const { drain } = await serve(noisy, undefined, { logger: { stream } })
    await drain.start()
    const lines = `${stream.read()}`
    expect(lines).toContain('"msg":"podrain: draining because of start()')
    expect(lines).toContain('nothing forced')
  })
})

describe('mistakes are found when the plugin is registered', () => {
  test('registered twice, it says where to register it', async () => {
    const { app } = await build()
    await expect(app.register(gracefulShutdown, quick)).rejects.toThrow('register it once, at the root')
  })

  test('registered in a child of an application that has it, it says the same', async () => {
    const { app } = await build()
    const child = app.register(async (inner) => void (await inner.register(gracefulShutdown, quick)))
    await expect(child).rejects.toThrow('register it once, at the root')
  })

  test('registered in two siblings, it is refused and holds no signal', async () => {
    const listeners = new Set<object>()
    const app = fastify()
    onTestFinished(() => app.close())
    for (const _sibling of [1, 2]) {
      app.register(
        async (child) => void (await child.register(gracefulShutdown, { ...quick, process: exits(listeners) })),
      )
    }
    await expect(app.ready()).rejects.toThrow('already watched by another Drain')
    await app.close()
    expect(listeners, 'nothing may stay behind that would swallow a signal').toHaveProperty('size', 0)
  })

  test.each<[name: string, options: object, message: string]>([
    ['an unknown option', { gracePeriod: 30 }, 'Unknown option `gracePeriod`: expected one of `termination'],
    ['an option in another case', { readyzWhiledraining: 'pass' }, 'did you mean `readyzWhileDraining`?'],
    ['an unknown endpoint', { endpoints: { ready: '/r' } }, 'Unknown endpoint `ready`'],
    ['a path without a slash', { endpoints: { readyz: 'readyz' } }, 'to be a path that begins with /'],
    ['two endpoints on one path', { endpoints: { readyz: '/up', livez: '/up' } }, 'a path of its own'],
    ['times that do not fit', { settle: { min: 40_000 } }, 'but `terminationGracePeriodSeconds` 30 gives 30000 ms'],
    ['a drain of another kind', { drain: {} }, 'Expected `drain` to be a Drain from @podrain/core'],
    ['options of a drain together with a drain', { settle: {}, drain: new Drain(quick) }, 'Option `settle` came'],
  ])('%s', async (_name, options, message) => {
    const listeners = new Set<object>()
    const app = fastify()
    onTestFinished(() => app.close())
    await expect(app.register(gracefulShutdown, { ...options, process: exits(listeners) })).rejects.toThrow(message)
    expect(listeners, 'nothing may stay behind that would swallow a signal').toHaveProperty('size', 0)
  })
})

/** A process that knows who listens to it. */
function exits(listeners: Set<object>): ExitSource {
  return {
    register(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

interface At {
  url: string
  server: Server
}

function sendJson(url: string, body: string) {
  return send(url, { method: 'POST', headers: { 'content-type': 'application/json' } }, body)
}

/** Sends the beginning of a request and hangs up when the server has it, or when the answer has begun. */
async function hangUp(server: Server, line: string, when: 'request' | 'data'): Promise<void> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const arrived = once(server, 'request')
  const length = line.startsWith('POST') ? 'Content-Length: 99\r\n' : ''
  client.write(`${line} HTTP/1.1\r\nHost: pod\r\n${length}\r\n${length && 'half'}`)
  await arrived
  if (when === 'data') await once(client, 'data')
  client.destroy()
}

/** A connection that has had its answer and stays open. */
async function idleClient(server: Server): Promise<Socket> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  client.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
  await once(client, 'data')
  return client.resume()
}
