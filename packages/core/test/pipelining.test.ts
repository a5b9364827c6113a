import { once } from 'node:events'
import { createServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type AdapterOptions, Drain, drainServer } from '../src/index.js'
import { Client, FakeClock, type Gate, gate, keeping, listen, type Pod, serve, turns } from './support.js'

interface Scene extends Pod {
  readonly clock: FakeClock
  readonly client: Client
  /** Lets the handler of a path respond. Other paths respond at once. */
  readonly turn: (path: string) => Gate
}

async function start(options: AdapterOptions = {}, headers: Record<string, string> = {}): Promise<Scene> {
  const clock = new FakeClock()
  const gates = new Map<string, Gate>()
  const turn = (path: string): Gate => {
    const made = gates.get(path) ?? gate()
    gates.set(path, made)
    return made
  }
  const pod = await serve(
    (request, response) => {
      for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
      const answer = (): void => void response.end(`at ${request.url}`)
      request.resume()
      const held = gates.get(request.url ?? '')
      if (held) void held.opened.then(answer)
      else answer()
    },
    { ...keeping, clock, ...options },
  )
  return { ...pod, clock, turn, client: await Client.open(pod.port) }
}

const get = (path: string, ...headers: string[]): string =>
  `GET ${path} HTTP/1.1\r\nHost: pod\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`
const probe = 'User-Agent: kube-probe/1.33'
/** 1001, in a close frame. */
const goingAway = '\x88\x02\x03\xe9'

const soon = (drain: Drain) => expect.poll(() => drain.inFlight, { interval: 2 })

describe('while serving, pipelined requests', () => {
  test('are shown by their oldest open request', async () => {
    const { client, drain, turn } = await start()
    const [a, b] = [turn('/a'), turn('/b')]
    client.send(get('/a') + get('/b'))
    await soon(drain).toBe(2)
    expect(drain.status().oldest).toMatchObject({ path: '/a' })
    a.open()
    await client.until(/at \/a/)
    await soon(drain).toBe(1)
    expect(drain.status().oldest).toMatchObject({ path: '/b' })
    b.open()
    await client.until(/at \/b/)
    await soon(drain).toBe(0)
    expect(drain.status().oldest).toBeNull()
  })

  test('count even if a control request came with them', async () => {
    const { client, drain, turn } = await start()
    turn('/slow')
    client.send(get('/drainz') + get('/slow'))
    await client.until(/"inFlight":0/)
    await turns()
    expect(drain.inFlight).toBe(1)
    turn('/slow').open()
    await client.until(/at \/slow/)
    await soon(drain).toBe(0)
  })
})

describe('while draining, a request in flight', () => {
  test('is waited for if a probe was pipelined behind it', async () => {
    const { client, drain, clock, turn } = await start()
    turn('/slow')
    client.send(get('/slow'))
    await soon(drain).toBe(1)
    void drain.start()
    clock.advance(1000)
    client.send(get('/readyz', probe) + get('/metrics', probe))
    await turns()
    clock.advance(4000)
    expect(drain.inFlight).toBe(1)
    expect(drain.status().oldest).toEqual({ method: 'GET', path: '/slow', ageMs: 5000 })
    expect(drain.state).toBe('draining')
    turn('/slow').open()
    await client.until(/at \/slow/)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1, cut: [] })
  })

  test('is waited for if a control request and another request were pipelined behind it', async () => {
    const { client, drain, clock, turn } = await start()
    turn('/slow')
    client.send(get('/slow') + get('/drainz'))
    await soon(drain).toBe(1)
    await turns()
    void drain.start()
    clock.advance(1500)
    client.send(get('/last'))
    await soon(drain).toBe(2)
    clock.advance(3000)
    expect(drain.state).toBe('draining')
    turn('/slow').open()
    await client.until(/at \/slow[\s\S]*"inFlight"[\s\S]*connection: close[\s\S]*at \/last/i)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 2, cut: [] })
  })

  test('is waited for if an upload behind it is stalled', async () => {
    const { client, drain, clock, turn } = await start()
    turn('/slow')
    turn('/upload')
    client.send(`${get('/slow')}POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: 100\r\n\r\nhalf`)
    await soon(drain).toBe(2)
    void drain.start()
    clock.advance(10_000)
    expect(drain.state).toBe('draining')
    turn('/slow').open()
    await client.until(/at \/slow/)
    expect(await clock.through(drain.start())).toMatchObject({ answered: 1, cut: [] })
  })
})

describe('while draining, pipelined requests are all answered', () => {
  const answers = ({ received }: Client): string[] => received.match(/at \/[a-e]/g) ?? []

  test('if the last one comes in two halves', async () => {
    const { client, drain, clock, turn } = await start()
    const [a, b] = [turn('/a'), turn('/b')]
    void drain.prestop()
    clock.advance(1000)
    client.send(get('/a') + get('/b') + get('/c').slice(0, 10))
    await soon(drain).toBe(2)
    a.open()
    await client.until(/at \/a/)
    await soon(drain).toBe(1)
    client.send(get('/c').slice(10) + get('/d'))
    await soon(drain).toBe(3)
    b.open()
    await client.end()
    expect(answers(client)).toEqual(['at /a', 'at /b', 'at /c', 'at /d'])
  })

  test('if the last one comes in two halves, and the previous one is answered in between', async () => {
    const { client, drain, clock, turn } = await start()
    const [a, b] = [turn('/a'), turn('/b')]
    void drain.prestop()
    clock.advance(1000)
    client.send(get('/a') + get('/b') + get('/c').slice(0, 10))
    await soon(drain).toBe(2)
    b.open() // its response waits for the first one
    await turns()
    client.send(get('/c').slice(10))
    await soon(drain).toBe(3)
    a.open()
    await client.until(/at \/a[\s\S]*at \/b[\s\S]*at \/c/)
  })

  test('if the application keeps connections alive by its own header', async () => {
    const { client, drain, clock, turn } = await start({}, { connection: 'keep-alive' })
    const [a, b] = [turn('/a'), turn('/b')]
    void drain.prestop()
    clock.advance(1000)
    client.send(get('/a'))
    await soon(drain).toBe(1)
    client.send(get('/b'))
    await soon(drain).toBe(2)
    a.open()
    await client.until(/at \/a/)
    await turns()
    b.open()
    await client.until(/at \/b/)
    await client.end()
    expect(answers(client)).toEqual(['at /a', 'at /b'])
  })

  test('if the one in the middle comes in two halves, and each is answered at once', async () => {
    const { client, drain, clock } = await start()
    void drain.prestop()
    clock.advance(1000)
    await client.send(get('/a') + get('/b').slice(0, 10)).until(/at \/a/)
    client.send(get('/b').slice(10) + get('/c'))
    await client.end()
    expect(answers(client)).toEqual(['at /a', 'at /b', 'at /c'])
  })

  test('if there are more of them than Node reads at once', async () => {
    const { client, drain, clock } = await start()
    void drain.prestop()
    clock.advance(1000)
    const paths = Array.from({ length: 8000 }, (_, index) => `/${index}`)
    client.send(paths.map((path) => get(path)).join(''))
    await client.end()
    expect(client.received.match(/at \/\d+/g)).toEqual(paths.map((path) => `at ${path}`))
  })

  test('on a connection that was open before the server was watched', async () => {
    const clock = new FakeClock()
    const server = createServer((request, response) => void response.end(`at ${request.url}`))
    const accepted = once(server, 'connection')
    const client = await Client.open(await listen(server))
    await accepted
    const drain = drainServer(server, { ...keeping, clock, signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    void drain.prestop()
    clock.advance(1000)
    await client.send(get('/a') + get('/b')).until(/at \/b/)
    client.send(get('/c'))
    await client.end()
    expect(answers(client)).toEqual(['at /a', 'at /b', 'at /c'])
  })

  test('that come on a new connection when the server stops listening', async () => {
    const clock = new FakeClock()
    const held = gate()
    const { drain, server, port } = await serve(
      (request, response) => {
        if (request.url === '/held') void held.opened.then(() => response.end('at /b'))
        else response.end('at /a')
      },
      { ...keeping, clock, keepAliveCap: 0 },
    )
    const report = drain.start()
    clock.advance(990)
    const client = await Client.open(port)
    await turns(3)
    void drain.start({ settle: false })
    await expect.poll(() => server.listening).toBe(false)
    client.send(get('/first') + get('/held'))
    await client.until(/at \/a/)
    for (let step = 0; step < 70; step++) {
      clock.advance(10)
      await turns(1)
    }
    held.open()
    await client.until(/at \/b/)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 2 })
  })
})

describe('while draining, probes and requests of users on one connection', () => {
  const control = get('/readyz')
  const scrape = get('/metrics', probe)
  const answers = ({ received }: Client): string[] => received.match(/at \/[a-e]|"state"|not ready|at \/metrics/g) ?? []

  test.each([
    ['a user behind a control request', control + get('/a'), ['/a']],
    ['a user behind a probe', scrape + get('/a'), ['/a']],
    ['users behind both', control + scrape + get('/a') + get('/b'), ['/a', '/b']],
    ['a user in front and one behind', get('/a') + scrape + get('/b'), ['/a', '/b']],
    ['a user in front of a probe', get('/a') + scrape, ['/a']],
    ['users between them', scrape + get('/a') + control + get('/b') + scrape, ['/a', '/b']],
    ['an upload behind a probe', `${scrape}POST /a HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nbody`, ['/a']],
  ])('are all answered: %s', async (_name, text, paths) => {
    for (const held of [false, true]) {
      const { client, drain, clock, turn } = await start()
      const turns = held ? ['/a', '/b', '/metrics'].map(turn) : []
      void drain.prestop()
      clock.advance(1000)
      client.send(text)
      if (held) await soon(drain).toBe(paths.length)
      clock.advance(200)
      for (const turn of turns) turn.open()
      await client.until(/HTTP\/1.1 /, text.match(/HTTP\/1.1/g)?.length)
      await client.until(new RegExp(`at ${paths.at(-1)}`))
      expect(answers(client).filter((answer) => /^at \/[a-e]/.test(answer))).toEqual(paths.map((path) => `at ${path}`))
      expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: paths.length })
    }
  })

  test('are all answered: a user’s request while a probe waits for its response', async () => {
    const { client, drain, clock, turn } = await start()
    turn('/metrics')
    void drain.prestop()
    clock.advance(1000)
    client.send(scrape)
    await turns()
    client.send(get('/a'))
    await soon(drain).toBe(1)
    turn('/metrics').open()
    await client.until(/at \/metrics[\s\S]*at \/a/)
    await client.end()
  })
})

describe('while draining, an upgrade behind a request that is still open', () => {
  const upgrade = get('/ws', 'Upgrade: websocket', 'Connection: Upgrade')
  const granted = 'HTTP/1.1 101 Switching Protocols\r\n\r\n'

  test.each([
    ['before the drain', true],
    ['while draining', false],
  ])('that came %s does not cut that request, and begins when the request is answered', async (_when, early) => {
    const { client, drain, clock, turn, server } = await start()
    const upgraded = gate()
    let socket: Duplex | undefined
    server.on('upgrade', (_request, given: Duplex) => {
      socket = given.on('error', () => {})
      upgraded.open()
    })
    await turns(1)
    turn('/slow')
    if (!early) void drain.start()
    if (!early) clock.advance(900)
    client.send(get('/slow') + upgrade)
    await upgraded.opened
    void drain.start()
    clock.advance(20_000)
    await turns()
    expect(drain.inFlight).toBe(1)
    expect(drain.state).toBe('draining')
    turn('/slow').open()
    await client.until(/at \/slow/)
    await soon(drain).toBe(0)
    clock.advance(100)
    await turns()
    expect(client.received).toMatch(/at \/slow$/) // and no frame, because the upgrade has not been accepted yet
    socket?.write(granted)
    clock.advance(100)
    await client.until(new RegExp(`101 Switching Protocols\\r\\n\\r\\n${goingAway}$`))
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [], answered: 1 })
  })

  test('and whose client disconnects before the upgrade leaves nothing in flight', async () => {
    const { client, drain, turn, server } = await start({ settle: { min: 0, quiet: 0 } })
    const upgraded = gate()
    server.on('upgrade', (_request, given: Duplex) => {
      given.on('error', () => {}).resume()
      upgraded.open()
    })
    await turns(1)
    turn('/slow')
    client.send(get('/slow') + upgrade)
    await upgraded.opened
    client.socket.resetAndDestroy()
    await soon(drain).toBe(0)
    expect(await drain.start()).toMatchObject({ clean: true, cut: [], durationMs: 0 }) // the fake clock does not move
  })
})

describe('while draining, the response of a handler that answers at once says Connection: close', () => {
  test.each([
    ['a GET', get('/')],
    ['a POST with a length', 'POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nbody'],
  ])('to %s', async (_name, text) => {
    const { client, drain, clock } = await start()
    void drain.prestop()
    clock.advance(1000)
    await client.send(text).until(/connection: close/i)
    await client.end()
    expect(client.received).toMatch(/at \/$/)
  })

  test('to the request behind an upload that began before the drain, and was not the first on its connection', async () => {
    const { client, drain, clock, server, turn } = await start()
    await client.send(get('/')).until(/at \/$/)
    turn('/upload')
    const whole = gate()
    server.once('request', (request) => request.on('end', whole.open))
    client.send('POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: 8\r\n\r\nhalf')
    await soon(drain).toBe(1)
    void drain.prestop() // the fake clock does not move
    client.send('half')
    await whole.opened
    turn('/upload').open()
    await client.until(/connection: keep-alive[\s\S]*at \/upload$/i)
    clock.advance(1000)
    await client.send(get('/next')).until(/connection: close[\s\S]*at \/next$/i)
    await client.end()
  })

  test('to the request behind a chunked POST, whose end is not known', async () => {
    const { client, drain, clock } = await start()
    void drain.prestop()
    clock.advance(1000)
    client.send('POST / HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n')
    await client.until(/connection: keep-alive[\s\S]*at \/$/i)
    await client.send(get('/')).until(/connection: close/i)
    await client.end()
    expect(client.received.match(/at \//g)).toHaveLength(2)
  })

  test('to a probe', async () => {
    const { client, drain } = await start()
    void drain.prestop()
    await client.send(get('/metrics', probe)).until(/connection: close[\s\S]*at \/metrics/i)
    await client.end()
  })
})

test.each([
  ['answered before it was whole', '/'],
  ['in flight when the drain began', '/upload'],
])('a body that was %s keeps at most two later responses from saying Connection: close', async (_name, path) => {
  const { client, drain, clock, turn } = await start()
  const upload = turn('/upload')
  client.send(`POST ${path} HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\n`)
  if (path === '/') await client.until(/at \/$/)
  else await soon(drain).toBe(1)
  void drain.prestop()
  clock.advance(200)
  client.send('body')
  upload.open()
  await client.until(/at \//)
  clock.advance(800)
  for (let count = 2; count <= 4 && !client.closed; count++) {
    client.send(get('/'))
    await Promise.race([client.end(), client.until(/at \//, count)])
  }
  await client.end()
  expect(client.received).toMatch(/connection: close/i)
})

test('pipelined requests are all answered on a connection whose earlier request had more white space than usual', async () => {
  const { client, drain, clock, turn } = await start()
  void drain.prestop()
  clock.advance(1000)
  const spaces = ' '.repeat(20)
  await client.send(get('/', `Accept:${spaces} */*`)).until(/connection: keep-alive[\s\S]*at \/$/i)
  turn('/a')
  const next = get('/c')
  client.send(`${get('/a')}${get('/b')}${next.slice(0, spaces.length)}`)
  await soon(drain).toBe(2)
  await turns()
  client.send(next.slice(spaces.length))
  await soon(drain).toBe(3)
  turn('/a').open()
  await client.until(/at \/a[\s\S]*at \/b[\s\S]*at \/c$/)
})

test('headers with unusual white space do not keep a later response from saying Connection: close', async () => {
  const { client, drain, clock, turn } = await start()
  turn('/late')
  void drain.prestop()
  clock.advance(1000)
  client.send('GET /late HTTP/1.1\r\nHost:   pod   \r\nAccept:    */*\r\n\r\n')
  await soon(drain).toBe(1)
  turn('/late').open() // the fake clock does not move, so there was no check since
  await client.until(/connection: close[\s\S]*at \/late/i)
  await client.end()
})

test('a request counts for the drain that watches its server at present', async () => {
  const { client, drain, server, turn } = await start()
  await client.send(get('/a')).until(/at \/a/)
  await drain.dispose()
  const next = new Drain({ signals: false, logger: false })
  next.watch(server)
  turn('/slow')
  client.send(get('/slow'))
  await soon(next).toBe(1)
  expect(drain.inFlight).toBe(0)
  turn('/slow').open()
  await client.until(/at \/slow/)
  await soon(next).toBe(0)
  await next.dispose()
})
