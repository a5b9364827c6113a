import { once } from 'node:events'
import type { Server } from 'node:http'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { Drain, type ExitSource } from '@podrain/core'
import Koa3, { type Context, type Middleware } from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdapterOptions, drain } from '../src/index.js'
import { expectNoneInFlight, gate, quick, send, urlOf } from './client.js'

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa3],
])('%s', (_, Koa) => {
  /** An application whose only line about draining is `app.use(drain())`. */
  async function serve(options: AdapterOptions = quick, routes: Routes = {}) {
    const app = new Koa()
    app.silent = true
    const middleware = drain(options)
    onTestFinished(() => middleware.drain.dispose())
    app.use(middleware)
    const slow = slowRoute()
    app.use(router({ '/': say('hello'), '/slow': slow.route, ...routes }))
    const server = app.listen(0, '127.0.0.1')
    return { app, server, slow, drain: middleware.drain, url: await urlOf(server) }
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
      const { url } = await serve(quick, {
        '/readyz': say('mine'),
        '/readyz/more': say('mine too'),
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
      ['a URL with a bad percent code', ({ url }) => send(`${url}/item/%zz`), { status: 404 }],
      ['an answer written past Koa', ({ url }) => send(`${url}/raw`), { status: 200, body: 'raw' }],
      ['a client that hangs up before the answer', ({ server }) => hangUp(server, 'GET /silent', 'request')],
      ['a client that hangs up mid-stream', ({ server }) => hangUp(server, 'GET /endless', 'data')],
      ['an upload that breaks off', ({ server }) => hangUp(server, 'POST /upload', 'request')],
    ]

    test.each(endings)('%s is counted once and leaves none', async (_name, act, answer) => {
      const at = await serve(quick, {
        '/throws': () => {
          throw new Error('on purpose')
        },
        '/fails': () => new Promise((_resolve, reject) => setImmediate(reject, new Error('on purpose'))),
        '/stream': (context) => say(Readable.from(['a', 'b', 'c']))(context),
        '/raw': (context) => {
          context.respond = false
          context.res.writeHead(200).end('raw')
        },
        '/silent': () => new Promise(() => {}),
        '/endless': (context) => say(endless())(context),
        '/upload': (context) => buffer(context.req),
      })
      const seen: number[] = []
      at.server.on('request', () => seen.push(at.drain.inFlight))
      // The first request leads the drain to its server, the second one is counted there.
      for (const _round of [1, 2]) {
        const answered = await act(at)
        if (answer) expect(answered).toMatchObject(answer)
        await expectNoneInFlight(at.drain)
      }
      expect(seen).toEqual([1, 1])
    })

    test('supertest, which opens a server for every request, works as often as one likes', async () => {
      const { app, drain } = await serve()
      for (let round = 0; round < 20; round++) {
        await supertest(app.callback()).get('/').expect(200, 'hello')
        await supertest(app.callback()).get('/readyz').expect(200)
        await supertest(app.callback()).get('/nowhere').expect(404)
      }
      await expectNoneInFlight(drain)
      expect(drain.state).toBe('serving')
    })

    test('a body parser after it works as before', async () => {
      const { url } = await serve(quick, {
        '/echo': async (context) => say(await buffer(context.req))(context),
      })
      expect(await send(`${url}/echo`, { method: 'POST' }, '{"a":1}')).toMatchObject({ status: 200, body: '{"a":1}' })
    })

    test('what is used before it still runs, and a request to an endpoint goes no further', async () => {
      const order: string[] = []
      const app = new Koa()
      const middleware = drain(quick)
      onTestFinished(() => middleware.drain.dispose())
      app.use(async (context, next) => {
        await next()
        order.push(context.path)
      })
      app.use(middleware)
      app.use((context) => {
        order.push('application')
        context.body = 'hello'
      })
      const url = await urlOf(app.listen(0, '127.0.0.1'))
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 200 })
      expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
      expect(order).toEqual(['/readyz', 'application', '/'])
    })
  })

  describe('the whole way', () => {
    test('the request in flight at start() is answered whole, then the server closes, then onClose hooks run', async () => {
      const order: string[] = []
      const half = 'x'.repeat(500_000)
      const more = gate()
      const body = new PassThrough()
      const { url, server, drain } = await serve(quick, {
        '/big': (context) => {
          context.res.on('close', () => order.push('response'))
          body.write(half)
          void more.opened.then(() => body.end(half))
          context.body = body
        },
      })
      server.on('close', () => order.push('server'))
      drain.onClose(() => void order.push('hook'))
      const begun = once(server, 'request')
      const answered = send(`${url}/big`)
      await begun
      const ended = drain.start()
      // A user who comes while it drains is served too.
      expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
      more.open()
      expect((await answered).body).toBe(half + half)
      const report = await ended
      expect(order).toEqual(['response', 'server', 'hook'])
      expect(report).toMatchObject({ clean: true, reason: 'start()', forced: [], answered: 2 })
      await expect(send(`${url}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    })

    test('an idle keep-alive client is let go, and nothing counts as forced', async () => {
      const { server, drain } = await serve({ ...quick, keepAliveCap: 300 })
      const client = await idleClient(server)
      const report = await drain.start()
      expect(report).toMatchObject({ clean: true, forced: [] })
      expect(server.listening).toBe(false)
      expect(client.bytesRead).toBeGreaterThan(0)
      expect(client.readableEnded).toBe(true)
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
      const [report] = await Promise.all([
        drain.start(),
        expect(answered).rejects.toMatchObject({ code: 'ECONNRESET' }),
      ])
      expect(report).toMatchObject({ clean: false, forced: [{ method: 'GET', route: '/slow' }] })
    })

    test('with watch(server), a server that never had a request is closed as well', async () => {
      const { server, drain } = await serve()
      drain.watch(server)
      await drain.start()
      expect(server.listening).toBe(false)
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

    test('may come with options of the endpoints', async () => {
      const shared = new Drain(quick)
      const { url } = await serve({ drain: shared, endpoints: { readyz: '/up' } })
      expect(await send(`${url}/up`)).toMatchObject({ status: 200 })
    })

    test('mounted a second time, it leaves the work to the first and says so once', async () => {
      const lines: string[] = []
      const logger = { info() {}, warn() {}, error: (line: string) => void lines.push(line) }
      const app = new Koa()
      const first = drain(quick)
      const second = drain({ ...quick, logger })
      for (const middleware of [first, second]) {
        onTestFinished(() => middleware.drain.dispose())
        app.use(middleware)
      }
      const url = await urlOf(app.listen(0, '127.0.0.1'))
      for (const _round of [1, 2]) {
        expect(await send(`${url}/readyz`)).toMatchObject({ status: 200 })
        expect(await send(`${url}/nowhere`)).toMatchObject({ status: 404 })
      }
      expect(lines).toEqual([expect.stringContaining('pass the first Drain with the option `drain`')])
      await Promise.all([first, second].map(({ drain }) => expectNoneInFlight(drain)))
      void first.drain.prestop()
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
    })
  })

  test('app.use(drain), without the call, says on the first request what to write instead', async () => {
    const app = new Koa()
    app.silent = true
    app.use(drain as never)
    const thrown = once(app, 'error')
    expect(await send(`${await urlOf(app.listen(0, '127.0.0.1'))}/`)).toMatchObject({ status: 500 })
    expect(String(await thrown)).toContain('write `app.use(drain())`')
  })
})

describe('mistakes are found when the middleware is made', () => {
  test.each<[name: string, options: object, message: string]>([
    ['an unknown option', { gracePeriod: 30 }, 'Unknown option `gracePeriod`: expected one of `termination'],
    ['an option in another case', { readyzWhiledraining: 'pass' }, 'did you mean `readyzWhileDraining`?'],
    ['an unknown endpoint', { endpoints: { ready: '/r' } }, 'Unknown endpoint `ready`'],
    ['a path without a slash', { endpoints: { readyz: 'readyz' } }, 'to be a path that begins with /'],
    ['two endpoints on one path', { endpoints: { readyz: '/up', livez: '/up' } }, 'a path of its own'],
    ['times that do not fit', { settle: { min: 40_000 } }, 'but `terminationGracePeriodSeconds` 30 gives 30000 ms'],
    ['a drain of another kind', { drain: {} }, 'Expected `drain` to be a Drain from @podrain/core'],
    ['options of a drain together with a drain', { settle: {}, drain: undisposed() }, 'Option `settle` came together'],
  ])('%s', (_name, options, message) => {
    const listeners = new Set<object>()
    const exits: ExitSource = {
      register(listener) {
        listeners.add(listener)
        return () => void listeners.delete(listener)
      },
    }
    expect(() => drain({ ...options, process: exits })).toThrow(message)
    expect(listeners, 'nothing may stay behind that would swallow a signal').toHaveProperty('size', 0)
  })
})

/** A drain that holds nothing, so that there is nothing to dispose of. */
function undisposed(): Drain {
  return new Drain(quick)
}

interface At {
  url: string
  server: Server
}

type Routes = Record<string, (context: Context) => unknown>

/** A route that answers with the body. */
function say(body: unknown): (context: Context) => void {
  return (context) => {
    context.body = body
  }
}

/** Awaits the route of the path, and leaves every other path to Koa's own 404. */
function router(routes: Routes): Middleware {
  return async (context) => {
    await routes[context.path]?.(context)
  }
}

/** A route that says when a request is there, and answers when it is told to. */
function slowRoute() {
  const arrived = gate()
  const answer = gate()
  const route = async (context: Context): Promise<void> => {
    arrived.open()
    await answer.opened
    context.body = 'slow'
  }
  return { route, arrived: arrived.opened, answer: answer.open }
}

/** A body that begins and never ends. */
function endless(): Readable {
  const body = new PassThrough()
  body.write('first')
  return body
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
