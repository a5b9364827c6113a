import { Readable } from 'node:stream'
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
  type Slow,
  send,
  sendJson,
  slowRequest,
  testMountedTwice,
  urlOf,
} from '@podrain/testkit'
import express5, { type Express } from 'express'
import express4 from 'express4'
import supertest from 'supertest'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdapterOptions, drain } from '../src/index.js'

describe.each([
  ['Express 4', express4],
  ['Express 5', express5],
])('%s', (_, express) => {
  /** An application whose only code for draining is `app.use(drain())`. */
  async function serve(options: AdapterOptions = quick, routes: (app: Express) => void = () => {}) {
    const app = express()
    const middleware = drain(options)
    onTestFinished(() => middleware.drain.dispose())
    app.use(middleware)
    app.get('/', (_request, response) => void response.send('hello'))
    const slow = slowRoute(app)
    routes(app)
    const server = app.listen(0, '127.0.0.1')
    return { app, server, slow, drain: middleware.drain, url: await urlOf(server) }
  }

  describeControlEndpoints(
    serve,
    (app) => {
      app.post('/readyz', (_request, response) => void response.send('mine'))
      app.get('/readyz/more', (_request, response) => void response.send('mine too'))
    },
    () => {
      test('mounted under /internal, the endpoints are there only, and every request is counted', async () => {
        const app = express()
        const middleware = drain(quick)
        onTestFinished(() => middleware.drain.dispose())
        app.use('/internal', middleware)
        const slow = slowRoute(app)
        const url = await urlOf(app.listen(0, '127.0.0.1'))
        expect(await send(`${url}/internal/readyz`)).toMatchObject({ status: 200 })
        expect(await send(`${url}/readyz`)).toMatchObject({ status: 404 })
        const answered = send(`${url}/slow`)
        await slow.arrived
        expect(middleware.drain.inFlight).toBe(1)
        slow.answer()
        await answered
        await expectNoneInFlight(middleware.drain)
        expect(await send(`${url}/internal/prestop`)).toMatchObject({ status: 200 })
        expect(await send(`${url}/internal/readyz/`)).toMatchObject({ status: 503 })
      })
    },
  )

  const routes = (app: Express) => {
    app.get('/throws', () => {
      throw new Error('on purpose')
    })
    app.get('/fails', (_request, _response, next) => void setImmediate(() => next(new Error('on purpose'))))
    app.get('/stream', (_request, response) => void Readable.from(['a', 'b', 'c']).pipe(response))
    app.get('/item/:id', (_request, response) => void response.end())
    app.post('/json', express.json())
    app.get('/silent', () => {})
    app.get('/endless', (_request, response) => void response.write('first'))
    app.post('/upload', (request) => void request.on('error', () => {}).resume())
  }

  const endings: Ending[] = [
    ['a URL with a bad percent code', ({ url }) => send(`${url}/item/%zz`), { status: 400 }],
    ['a body that is not JSON', ({ url }) => sendJson(`${url}/json`, '{'), { status: 400 }],
  ]

  describeInFlight(serve, { routes, endings }, () => {
    test('supertest, which opens a server for every request, works any number of times', async () => {
      const { app, drain } = await serve()
      for (let round = 0; round < 20; round++) {
        await supertest(app).get('/').expect(200, 'hello')
        await supertest(app).get('/readyz').expect(200)
        await supertest(app).get('/nowhere').expect(404)
      }
      await expectNoneInFlight(drain)
      expect(drain.state).toBe('serving')
    })

    test('a body parser and a router after the middleware work as before', async () => {
      const { url } = await serve(quick, (app) => {
        const router = express.Router()
        router.post('/echo', express.json(), (request, response) => void response.json(request.body))
        app.use('/api', router)
      })
      expect(await sendJson(`${url}/api/echo`, '{"a":1}')).toMatchObject({ status: 200, body: '{"a":1}' })
    })
  })

  describeWholeWay(serve, ({ half, more, closed }) => (app) => {
    app.get('/big', (_request, response) => {
      response.on('close', closed)
      response.write(half)
      void more.then(() => response.end(half))
    })
  })

  describeVariables(serve)

  describeOwnDrain(serve, () => {
    testMountedTwice(drain, () => express())
  })

  test('a request to a mounted router is named by its whole path, without the query', async () => {
    const turns = { first: slowRequest(), later: slowRequest() }
    const { drain, url } = await serve(quick, (app) => {
      const [api, users] = [express.Router(), express.Router()]
      for (const [name, turn] of Object.entries(turns)) {
        users.get(`/${name}`, (_request, response) => void turn.wait().then(() => response.end()))
      }
      app.use('/api', api.use('/users', users))
    })
    for (const [name, turn] of Object.entries(turns)) {
      const answered = send(`${url}/api/users/${name}?secret=1`)
      await turn.arrived
      expect(drain.status().oldest).toMatchObject({ path: `/api/users/${name}` })
      turn.answer()
      await answered
      await expectNoneInFlight(drain)
    }
  })

  test('app.use(drain) without the call throws at the first request, and says what to write instead', async () => {
    const app = express()
    app.use(drain as never)
    const { status, body } = await send(`${await urlOf(app.listen(0, '127.0.0.1'))}/`)
    expect(status).toBe(500)
    expect(body).toContain('write `app.use(drain())`')
  })
})

describeMistakes(
  'the middleware is made',
  (options, message) => expect(() => drain(options)).toThrow(message),
  () => {
    test('an application in place of options', () => {
      expect(() => drain(express5() as object)).toThrow('Expected `options` to be an object')
    })
  },
)

function slowRoute(app: Express): Slow {
  const slow = slowRequest()
  app.get('/slow', (_request, response) => void slow.wait().then(() => response.send('slow')))
  return slow
}
