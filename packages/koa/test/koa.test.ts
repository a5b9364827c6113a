import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import {
  describeControlEndpoints,
  describeInFlight,
  describeMistakes,
  describeOwnDrain,
  describeVariables,
  describeWholeWay,
  type Ending,
  expectNoneInFlight,
  quick,
  send,
  slowRequest,
  testMountedTwice,
  urlOf,
} from '@podrain/testkit'
import Koa3, { type Context, type Middleware } from 'koa'
import Koa2 from 'koa2'
import supertest from 'supertest'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdapterOptions, drain } from '../src/index.js'

describe.each([
  ['Koa 2', Koa2],
  ['Koa 3', Koa3],
])('%s', (_, Koa) => {
  /** An application whose only code for draining is `app.use(drain())`. */
  async function serve(options: AdapterOptions = quick, routes: Routes = {}) {
    const app = new Koa()
    app.silent = true
    const middleware = drain(options)
    onTestFinished(() => middleware.drain.dispose())
    app.use(middleware)
    const slow = slowRequest()
    const slowly: Routes = { '/slow': (context) => slow.wait().then(() => say('slow')(context)) }
    app.use(router({ '/': say('hello'), ...slowly, ...routes }))
    const server = app.listen(0, '127.0.0.1')
    return { app, server, slow, drain: middleware.drain, url: await urlOf(server) }
  }

  describeControlEndpoints(serve, { '/readyz': say('mine'), '/readyz/more': say('mine too') })

  const routes: Routes = {
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
  }

  const endings: Ending[] = [
    ['a URL with a bad percent code', ({ url }) => send(`${url}/item/%zz`), { status: 404 }],
    ['an answer written past Koa', ({ url }) => send(`${url}/raw`), { status: 200, body: 'raw' }],
  ]

  describeInFlight(serve, { routes, endings }, () => {
    test('supertest, which opens a server for every request, works any number of times', async () => {
      const { app, drain } = await serve()
      for (let round = 0; round < 20; round++) {
        await supertest(app.callback()).get('/').expect(200, 'hello')
        await supertest(app.callback()).get('/readyz').expect(200)
        await supertest(app.callback()).get('/nowhere').expect(404)
      }
      await expectNoneInFlight(drain)
      expect(drain.state).toBe('serving')
    })

    test('a request to a mounted application is named by its whole path, without the query', async () => {
      const turns = { first: slowRequest(), later: slowRequest() }
      const app = new Koa()
      const middleware = drain(quick)
      onTestFinished(() => middleware.drain.dispose())
      app.use(middleware)
      // koa-mount does the same.
      app.use(async (context, next) => {
        context.path = context.path.slice('/api'.length)
        await next()
      })
      app.use(async (context) => {
        await turns[context.path.slice(1) as keyof typeof turns].wait()
        context.body = 'slow'
      })
      const url = await urlOf(app.listen(0, '127.0.0.1'))
      for (const [name, turn] of Object.entries(turns)) {
        const answered = send(`${url}/api/${name}?secret=1`)
        await turn.arrived
        expect(middleware.drain.status().oldest).toMatchObject({ path: `/api/${name}` })
        turn.answer()
        await answered
        await expectNoneInFlight(middleware.drain)
      }
    })

    test('a body parser after the middleware works as before', async () => {
      const { url } = await serve(quick, {
        '/echo': async (context) => say(await buffer(context.req))(context),
      })
      expect(await send(`${url}/echo`, { method: 'POST' }, '{"a":1}')).toMatchObject({ status: 200, body: '{"a":1}' })
    })

    test('a middleware before podrain’s still runs, and a request to a control endpoint goes no further than podrain’s', async () => {
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

  describeWholeWay(serve, ({ half, more, closed }) => ({
    '/big': (context) => {
      const body = new PassThrough()
      context.res.on('close', closed)
      body.write(half)
      void more.then(() => body.end(half))
      context.body = body
    },
  }))

  describeVariables(serve)

  describeOwnDrain(serve, () => {
    testMountedTwice(drain, () => new Koa())
  })

  test('app.use(drain) without the call throws at the first request, and says what to write instead', async () => {
    const app = new Koa()
    app.silent = true
    app.use(drain as never)
    const thrown = once(app, 'error')
    expect(await send(`${await urlOf(app.listen(0, '127.0.0.1'))}/`)).toMatchObject({ status: 500 })
    expect(String(await thrown)).toContain('write `app.use(drain())`')
  })
})

describeMistakes('the middleware is made', (options, message) => expect(() => drain(options)).toThrow(message))

type Routes = Record<string, (context: Context) => unknown>

/** A route that answers with the body. */
function say(body: unknown): (context: Context) => void {
  return (context) => {
    context.body = body
  }
}

/** Awaits the route for the path. Every other path gets Koa's own 404. */
function router(routes: Routes): Middleware {
  return async (context) => {
    await routes[context.path]?.(context)
  }
}

/** A response body that begins and never ends. */
function endless(): Readable {
  const body = new PassThrough()
  body.write('first')
  return body
}
