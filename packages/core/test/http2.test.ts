import { once } from 'node:events'
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type Http2Server,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AdapterOptions, attach, Drain, drainServer } from '../src/index.js'
import { FakeClock, gate, keeping, Log, turns } from './support.js'

type Listener = (request: Http2ServerRequest, response: Http2ServerResponse) => unknown

interface Scene {
  readonly clock: FakeClock
  readonly drain: Drain
  readonly server: Http2Server
  /** A client with a session of its own. */
  readonly session: () => Promise<ClientHttp2Session>
}

async function start(listener: Listener, options: AdapterOptions = {}): Promise<Scene> {
  const clock = new FakeClock()
  const server = createServer((request, response) => void listener(request, response))
  const drain = drainServer(server, { ...keeping, clock, signals: false, logger: false, ...options })
  onTestFinished(() => drain.dispose())
  const port = await listen(server)
  return { clock, drain, server, session: () => open(port) }
}

async function listen(server: Http2Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function open(port: number): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${port}`)
  session.on('error', () => {})
  onTestFinished(() => session.destroy())
  await once(session, 'remoteSettings')
  return session
}

interface Answer {
  readonly stream: ClientHttp2Stream
  readonly body: Promise<string>
}

function ask(session: ClientHttp2Session, path: string, headers: Record<string, string> = {}, body?: string): Answer {
  const stream = session.request({ ':path': path, ...headers }, { endStream: headers[':method'] !== 'POST' })
  if (body !== undefined) stream.write(body)
  stream.on('error', () => {})
  stream.setEncoding('utf8')
  let text = ''
  stream.on('data', (chunk: string) => {
    text += chunk
  })
  return { stream, body: new Promise((resolve) => stream.on('close', () => resolve(text))) }
}

/** Waits until the server has read everything that the client has sent. */
async function read(session: ClientHttp2Session): Promise<void> {
  await new Promise((resolve) => session.ping(resolve))
  await turns(3)
}

/** Whether the client has got GOAWAY. */
function farewell(session: ClientHttp2Session): { told: boolean } {
  const heard = { told: false }
  session.on('goaway', () => {
    heard.told = true
  })
  return heard
}

const soon = <T>(value: () => T): ReturnType<typeof expect.poll<T>> => expect.poll(value, { interval: 5 })

const sayOk: Listener = (_request, response) => response.end('ok')

describe('a request over HTTP/2', () => {
  test('is in flight until it is answered, and each of several on one session counts', async () => {
    const turn = gate()
    const { drain, session } = await start((_request, response) => turn.opened.then(() => response.end('ok')))
    const client = await session()
    const answers = [ask(client, '/a'), ask(client, '/b')]
    await soon(() => drain.inFlight).toBe(2)
    turn.open()
    expect(await Promise.all(answers.map(({ body }) => body))).toEqual(['ok', 'ok'])
    await soon(() => drain.inFlight).toBe(0)
  })

  test('is no longer in flight when its client cancels it, or disconnects', async () => {
    const { drain, session } = await start(() => {})
    const client = await session()
    const { stream } = ask(client, '/')
    ask(client, '/')
    ask(client, '/')
    await soon(() => drain.inFlight).toBe(3)
    stream.close()
    await soon(() => drain.inFlight).toBe(2)
    client.destroy()
    await soon(() => drain.inFlight).toBe(0)
  })

  test('counts once, even if a library calls the listeners of its stream again', async () => {
    const { drain, server, session } = await start(() => {})
    let again = true
    server.on('stream', (...args) => {
      if (again) {
        again = false
        server.emit('stream', ...args)
      }
    })
    await turns(1)
    ask(await session(), '/')
    await soon(() => drain.inFlight).toBe(1)
    await turns()
    expect(drain.inFlight).toBe(1)
  })

  test.each([
    ['a raw stream', 'ends'],
    ['a response', 'ends'],
    ['a raw stream', 'begins'],
    ['a response', 'begins'],
  ])('is answered completely, with what %s pushes for it and %s later', async (by, later) => {
    const turn = gate()
    const { drain, clock, session } = await start((_request, response) => {
      const finish = async (pushed: { write(text: string): void; end(text: string): void }): Promise<void> => {
        if (later === 'begins') await turn.opened
        pushed.write('first, ')
        await turn.opened
        pushed.end('last')
      }
      if (by === 'a response')
        response.createPushResponse({ ':path': '/style' }, (_error, pushed) => void finish(pushed))
      else {
        response.stream.pushStream({ ':path': '/style' }, (_error, pushed) => {
          void finish(pushed)
        })
      }
      response.end('page')
    })
    const client = await session()
    const pushed = new Promise<string>((resolve) => {
      client.on('stream', (stream) => {
        let text = ''
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        stream.on('close', () => resolve(text))
      })
    })
    expect(await ask(client, '/page').body).toBe('page')
    await read(client)
    expect(drain.status()).toMatchObject({ inFlight: 1, oldest: { method: 'GET', path: '/style' } })
    const report = drain.start()
    clock.advance(10_000)
    expect(drain.state).toBe('draining')
    await read(client)
    await turns()
    turn.open()
    expect(await pushed).toBe('first, last')
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
    expect(drain.inFlight).toBe(0)
  })

  test('is not counted for a push that the client does not want', async () => {
    const refused = gate()
    const { drain, session } = await start((_request, response) => {
      try {
        response.stream.pushStream({ ':path': '/style' }, () => {})
      } catch {
        refused.open()
      }
      response.end('page')
    })
    const client = await session()
    await new Promise((resolve) => client.settings({ enablePush: false }, resolve))
    await ask(client, '/page').body
    await refused.opened
    await soon(() => drain.inFlight).toBe(0)
  })

  test('is answered, and is no longer in flight, even if a push for it fails', async () => {
    const failure = new Error('no more streams')
    const told: unknown[] = []
    const { drain, session } = await start((_request, { stream }) => {
      const pushStream = vi.spyOn(Object.getPrototypeOf(stream), 'pushStream')
      pushStream.mockImplementationOnce((_headers: unknown, callback: unknown) =>
        (callback as (error: Error) => void)(failure),
      )
      stream.pushStream({ ':path': '/style' }, (error) => told.push(error))
      pushStream.mockRestore()
      stream.end('page')
    })
    expect(await ask(await session(), '/page').body).toBe('page')
    expect(told).toEqual([failure])
    await soon(() => drain.inFlight).toBe(0)
  })

  test('in flight when the drain begins is waited for, and is answered', async () => {
    const turn = gate()
    const { drain, clock, session } = await start((_request, response) => turn.opened.then(() => response.end('ok')))
    const answer = ask(await session(), '/')
    await soon(() => drain.inFlight).toBe(1)
    const report = drain.start()
    clock.advance(20_000)
    expect(drain.state).toBe('draining')
    turn.open()
    expect(await answer.body).toBe('ok')
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1, cut: [] })
  })

  test('that is answered makes the drain check at once, and does not wait for the next check', async () => {
    const turn = gate()
    const { drain, clock, session } = await start((_request, response) => turn.opened.then(() => response.end('ok')))
    ask(await session(), '/')
    await soon(() => drain.inFlight).toBe(1)
    void drain.start()
    clock.advance(5000)
    turn.open()
    await soon(() => drain.state).not.toBe('draining') // the fake clock does not move
    await clock.through(drain.start())
  })

  test('that never ends is cut at the deadline and named, with its age and without its query string', async () => {
    const { drain, clock, session } = await start(() => {})
    const client = await session()
    ask(client, '/poll?secret', { ':method': 'DELETE' })
    await soon(() => drain.inFlight).toBe(1)
    void drain.start()
    clock.advance(4000)
    expect(drain.status().oldest).toEqual({ method: 'DELETE', path: '/poll', ageMs: 4000 })
    const closed = once(client, 'close')
    clock.advance(19_900)
    const report = await clock.through(drain.start())
    expect(report).toMatchObject({ clean: false, cut: [{ method: 'DELETE', path: '/poll' }] })
    await closed
    expect(drain.inFlight).toBe(0)
  })

  test('that is the oldest is shown first, on whatever session it came', async () => {
    const { drain, clock, session } = await start(() => {})
    const [first, second] = [await session(), await session()]
    ask(second, '/oldest')
    await soon(() => drain.inFlight).toBe(1)
    clock.advance(1000)
    ask(first, '/newer')
    await soon(() => drain.inFlight).toBe(2)
    expect(drain.status().oldest).toMatchObject({ path: '/oldest', ageMs: 1000 })
  })

  test('for a control endpoint is not counted', async () => {
    const turn = gate()
    const { drain, clock, session } = await start((_request, response) => turn.opened.then(() => response.end('ok')))
    const client = await session()
    ask(client, '/')
    await soon(() => drain.inFlight).toBe(1)
    expect(JSON.parse(await ask(client, '/drainz').body)).toMatchObject({ inFlight: 1 })
    void drain.start()
    turn.open()
    await soon(() => drain.inFlight).toBe(0)
    for (let count = 0; count < 4; count++) {
      clock.advance(240)
      const prober = await session()
      expect(JSON.parse(await ask(prober, '/livez').body)).toMatchObject({ state: 'draining' })
    }
    clock.advance(140)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ answered: 1 })
  })

  test('of a probe is not waited for, whether it came before or during the drain', async () => {
    const { drain, clock, session } = await start(() => {})
    const before = await session()
    ask(before, '/metrics', { 'user-agent': 'Prometheus/3.5.0' })
    await soon(() => drain.inFlight).toBe(1)
    const report = drain.start()
    expect(drain.inFlight).toBe(0)
    clock.advance(900)
    const meanwhile = await session()
    ask(meanwhile, '/metrics', { 'user-agent': 'Prometheus/3.5.0' })
    await read(meanwhile)
    expect(drain.inFlight).toBe(0)
    clock.advance(2200)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 0 })
  })

  test('while draining begins the wait for quiet again', async () => {
    const { drain, clock, session } = await start(sayOk)
    void drain.start()
    clock.advance(900)
    expect(await ask(await session(), '/').body).toBe('ok')
    clock.advance(490)
    expect(drain.state).toBe('draining')
    clock.advance(110)
    expect(drain.state).not.toBe('draining')
    await clock.through(drain.start())
  })

  test('adds no listener to its session', async () => {
    const { server, session } = await start(sayOk)
    const opened = once(server, 'session')
    const client = await session()
    const [ours] = await opened
    const before = ours.listenerCount('close')
    for (let count = 0; count < 3; count++) await ask(client, '/').body
    expect(ours.listenerCount('close')).toBe(before)
  })

  test('that a middleware counts is counted once, and its server is then watched', async () => {
    const { drain, handle } = attach({ ...keeping, signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    const turn = gate()
    const server = createServer(async (request, response) => {
      if (handle(request as never, response as never)) return
      await turn.opened
      response.end('ok')
    })
    const client = await open(await listen(server))
    const first = ask(client, '/')
    await soon(() => drain.inFlight).toBe(1)
    const second = ask(client, '/')
    await soon(() => drain.inFlight).toBe(2)
    turn.open()
    expect(await Promise.all([first.body, second.body])).toEqual(['ok', 'ok'])
    await soon(() => drain.inFlight).toBe(0)
    expect(JSON.parse(await ask(client, '/drainz').body)).toMatchObject({ inFlight: 0 })
  })
})

test('exclude() works only on the drain that watches the server of the request', async () => {
  const other = new Drain({ signals: false, logger: false })
  onTestFinished(() => other.dispose())
  const inFlight: number[][] = []
  const listener: Listener = (request, response) => {
    other.exclude(request as never, response as never)
    inFlight.push([drain.inFlight, other.inFlight])
    response.end('ok')
  }
  const { drain, session } = await start(listener)
  expect(await ask(await session(), '/').body).toBe('ok')
  const unwatched = createServer(listener as never)
  expect(await ask(await open(await listen(unwatched)), '/').body).toBe('ok')
  expect(inFlight).toEqual([
    [1, 0],
    [0, 0],
  ])
})

test('HEAD is answered by the control endpoints without an error on its stream', async () => {
  const { server, session } = await start(sayOk)
  const errors: Error[] = []
  server.on('stream', (stream) => void stream.on('error', (error) => errors.push(error)))
  const { stream } = ask(await session(), '/readyz', { ':method': 'HEAD' })
  const [headers] = await once(stream, 'response')
  expect(headers).toMatchObject({ ':status': 200, 'content-type': 'application/json' })
  await once(stream, 'close')
  await turns()
  expect(errors).toEqual([])
})

test('the client that still sends is named by method and path', async () => {
  const log = new Log()
  const { drain, clock, session } = await start(sayOk, { logger: log, progress: 100 })
  const client = await session()
  void drain.start()
  clock.advance(50)
  expect(await ask(client, '/orders?secret', { ':method': 'DELETE', 'user-agent': 'shop/1' }).body).toBe('ok')
  clock.advance(150)
  expect(log.matching(/draining for .*DELETE \/orders, agent shop\/1/)).toHaveLength(1)
  await clock.through(drain.start())
})

test('keeping connections from the framework adds no methods to the server', async () => {
  const names = ['closeAllConnections', 'closeIdleConnections']
  const { drain, clock, server } = await start(sayOk)
  const before = names.filter((name) => name in server)
  const found: string[] = []
  drain.watch(server, { close: () => void found.push(...names.filter((name) => name in server)) })
  await clock.through(drain.start())
  expect(found).toEqual(before)
})

describe('a session', () => {
  test('gets no farewell while serving, and before the ramp has reached it', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.5)
    const { drain, clock, session } = await start(sayOk)
    const client = await session()
    const heard = farewell(client)
    await ask(client, '/').body
    void drain.prestop()
    clock.advance(240)
    await read(client)
    expect(heard.told).toBe(false)
    clock.advance(110)
    await once(client, 'close')
    expect(heard.told).toBe(true)
  })

  test('gets GOAWAY at the end of the ramp at the latest; its open streams finish, and then it closes', async () => {
    const turn = gate()
    const { drain, clock, session } = await start((_request, response) => turn.opened.then(() => response.end('ok')))
    const client = await session()
    const heard = farewell(client)
    const answer = ask(client, '/')
    await soon(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(1100)
    await soon(() => heard.told).toBe(true)
    clock.advance(2000)
    turn.open()
    expect(await answer.body).toBe('ok')
    await once(client, 'close')
  })

  test('that is new and unused is kept for its first request, for a while', async () => {
    const { drain, clock, session } = await start(sayOk)
    void drain.prestop()
    clock.advance(1500)
    const client = await session()
    const heard = farewell(client)
    clock.advance(1900)
    await read(client)
    expect(heard.told).toBe(false)
    clock.advance(200)
    await soon(() => heard.told).toBe(true)
  })

  test('that is new and unused delays the end by `settle.quiet`', async () => {
    const { drain, clock, session } = await start(sayOk)
    void drain.start()
    clock.advance(900)
    const client = await session()
    clock.advance(490)
    expect(drain.state).toBe('draining')
    clock.advance(120)
    expect(drain.state).not.toBe('draining')
    const heard = farewell(client)
    await clock.through(drain.start())
    await soon(() => heard.told).toBe(true)
  })

  test('that was used does not delay the end, and gets the farewell before it', async () => {
    const { drain, clock, session } = await start(sayOk, { settle: { min: 0, quiet: 500 } })
    const client = await session()
    const heard = farewell(client)
    clock.advance(400)
    await ask(client, '/').body
    void drain.start()
    clock.advance(510)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
    await soon(() => heard.told).toBe(true)
  })

  test('of a drain that was disposed of is counted by the next drain', async () => {
    const { drain, server, session } = await start(sayOk)
    const client = await session()
    await ask(client, '/').body
    await drain.dispose()
    const next = drainServer(server, { signals: false, logger: false })
    onTestFinished(() => next.dispose())
    const { body } = ask(client, '/drainz')
    expect(JSON.parse(await body)).toMatchObject({ inFlight: 0 })
    expect(await ask(client, '/').body).toBe('ok')
    await soon(() => [drain.inFlight, next.inFlight]).toEqual([0, 0])
  })
})

describe('a tunnel over HTTP/2', () => {
  /** A WebSocket (RFC 8441), which the server accepts when the test lets it. */
  async function tunnel(status = 200, rest?: Promise<void>) {
    const clock = new FakeClock()
    const turn = gate()
    const server = createServer({ settings: { enableConnectProtocol: true } })
    server.on('connect', async (_request, response) => {
      await turn.opened
      response.writeHead(status).write('hello')
      await rest?.then(() => response.end(' and good-bye'))
    })
    server.on('request', sayOk)
    const drain = drainServer(server, { ...keeping, clock, signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    const client = await open(await listen(server))
    const headers = { ':method': 'CONNECT', ':protocol': 'websocket', ':scheme': 'http', ':authority': 'pod' }
    const stream = client.request({ ...headers, ':path': '/chat' }).on('error', () => {})
    await soon(() => drain.inFlight).toBe(1)
    return { clock, drain, turn, stream }
  }

  test('does not delay the end, and is cut at it', async () => {
    const { clock, drain, turn, stream } = await tunnel()
    turn.open()
    await once(stream, 'data')
    const closed = once(stream, 'close')
    void drain.start()
    clock.advance(1100)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
    await closed
    expect(drain.inFlight).toBe(0)
  })

  test.each([300, 403])('that is refused with %i is answered completely, as a request is', async (status) => {
    const rest = gate()
    const { clock, drain, turn, stream } = await tunnel(status, rest.opened)
    let body = ''
    stream.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    turn.open()
    await soon(() => body).toBe('hello')
    const report = drain.start()
    clock.advance(5000)
    expect(drain.state).toBe('draining')
    rest.open()
    stream.end()
    await soon(() => body).toBe('hello and good-bye')
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1, cut: [] })
  })

  test('is waited for until it is answered, as a request is', async () => {
    const { clock, drain, turn, stream } = await tunnel()
    void drain.start()
    clock.advance(1900)
    expect(drain.state).toBe('draining')
    turn.open()
    await once(stream, 'data')
    clock.advance(100)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
  })
})

describe('an upload over HTTP/2', () => {
  const post = { ':method': 'POST' }
  const whenRead: Listener = (request, response) => request.resume().on('end', () => response.end('ok'))

  test('that stops in the middle does not delay the end, and is not cut', async () => {
    const { drain, clock, session } = await start(whenRead)
    const client = await session()
    const upload = ask(client, '/upload', post, 'half')
    await soon(() => drain.inFlight).toBe(1)
    await read(client)
    const report = drain.start()
    clock.advance(1900)
    expect(drain.state).toBe('draining')
    clock.advance(300)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
    await upload.body
  })

  test('that stops counts as stalled, and one that trickles on the same session does not', async () => {
    const { drain, clock, session } = await start(whenRead)
    const client = await session()
    ask(client, '/stopped', post, 'half')
    const trickling = ask(client, '/trickling', post, 'some')
    await soon(() => drain.inFlight).toBe(2)
    await read(client)
    void drain.start()
    for (let count = 0; count < 4; count++) {
      clock.advance(1500)
      trickling.stream.write('more')
      await read(client)
    }
    expect(drain.state).toBe('draining')
    trickling.stream.end()
    expect(await trickling.body).toBe('ok')
    clock.advance(600)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
  })

  test('that trickles to the end is cut and named', async () => {
    const { drain, clock, session } = await start(whenRead)
    const client = await session()
    const { stream } = ask(client, '/upload', post, 'some')
    await soon(() => drain.inFlight).toBe(1)
    void drain.start()
    for (let second = 1; second < 24; second++) {
      clock.advance(1000)
      stream.write('more')
      await read(client)
    }
    const sending = setInterval(() => stream.writable && stream.write('more'), 1)
    const report = await clock.through(drain.start())
    clearInterval(sending)
    expect(report).toMatchObject({ clean: false, cut: [{ method: 'POST', path: '/upload' }] })
  })

  test('that the application has not read does not count as stalled', async () => {
    const turn = gate()
    const { drain, clock, session } = await start(async (request, response) => {
      await turn.opened
      whenRead(request, response)
    })
    const client = await session()
    const upload = ask(client, '/upload', post, 'x'.repeat(100_000))
    await soon(() => drain.inFlight).toBe(1)
    await read(client)
    const report = drain.start()
    clock.advance(10_000)
    expect(drain.state).toBe('draining')
    turn.open()
    upload.stream.end()
    expect(await upload.body).toBe('ok')
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1 })
  })

  test('whose client waits for 100 Continue is waited for until the application says it', async () => {
    const turn = gate()
    const { drain, clock, server, session } = await start(whenRead)
    server.on('checkContinue', async (request, response) => {
      await turn.opened
      response.writeContinue()
      server.emit('request', request, response)
    })
    await turns(1)
    const client = await session()
    const upload = ask(client, '/upload', { ...post, expect: '100-continue' })
    upload.stream.on('continue', () => upload.stream.end('whole'))
    await soon(() => drain.inFlight).toBe(1)
    void drain.start()
    clock.advance(10_000)
    expect(drain.state).toBe('draining')
    turn.open()
    expect(await upload.body).toBe('ok')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1 })
  })

  test('that is answered before it is complete is in flight until it ends', async () => {
    const { drain, clock, session } = await start((_request, response) => response.writeHead(200).write('begun'))
    const client = await session()
    ask(client, '/upload', post, 'half')
    await soon(() => drain.inFlight).toBe(1)
    const report = drain.start()
    clock.advance(23_900)
    expect(drain.state).toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: false, cut: [{ path: '/upload' }] })
  })
})
