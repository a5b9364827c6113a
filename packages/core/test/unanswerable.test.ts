import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Drain, drainServer } from '../src/index.js'
import { Client, FakeClock, gate, listen, slow, turns, uncaught } from './support.js'

const times = { ...slow, settle: { min: 0, quiet: 0 } }

/** A client that keeps its own side of the connection open until the test closes it. */
async function open(port: number): Promise<Client> {
  const client = await Client.open(port)
  client.socket.allowHalfOpen = true
  return client
}

interface Scene {
  readonly server: Server
  readonly drain: Drain
  readonly clock: FakeClock
  readonly port: number
  /** The requests that the application has got. */
  readonly begun: string[]
}

/** The ways in which a drain may get a server. */
const watched: Record<string, (server: Server, clock: FakeClock) => Drain> = {
  'with its endpoints': (server, clock) => drainServer(server, { ...times, clock, signals: false, logger: false }),
  'and nothing else': (server, clock) => new Drain({ ...times, clock, signals: false, logger: false }).watch(server),
}

type Handle = (request: IncomingMessage, response: ServerResponse) => void

async function start(handle: Handle, watch = watched['and nothing else'] as (typeof watched)[string]): Promise<Scene> {
  const clock = new FakeClock()
  const begun: string[] = []
  const server = createServer((request, response) => {
    begun.push(`${request.method} ${request.url}`)
    handle(request, response)
  })
  server.keepAliveTimeout = 600_000 // or Node ends connections itself
  for (const event of ['checkContinue', 'checkExpectation']) {
    server.on(event, (request: IncomingMessage, response: ServerResponse) => {
      begun.push(`${event} ${request.url}`)
      response.end('unexpected')
    })
  }
  for (const event of ['upgrade', 'connect']) {
    server.on(event, (request: IncomingMessage, socket: Duplex) => {
      begun.push(`${event} ${request.url}`)
      socket.on('error', () => {})
      socket.end('HTTP/1.1 400 No\r\n\r\n')
    })
  }
  const drain = watch(server, clock)
  onTestFinished(() => drain.dispose())
  return { server, drain, clock, begun, port: await listen(server) }
}

const crossing: Record<string, string> = {
  'a GET': 'GET /crossing HTTP/1.1\r\nHost: pod\r\n\r\n',
  'a POST': 'POST /crossing HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nbody',
  'a POST whose body is still coming': 'POST /crossing HTTP/1.1\r\nHost: pod\r\nContent-Length: 400\r\n\r\nbody',
  'several requests':
    'GET /crossing HTTP/1.1\r\nHost: pod\r\n\r\nPOST /crossing HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nbody',
  'a control request': 'GET /drainz HTTP/1.1\r\nHost: pod\r\n\r\n',
  'a POST that waits for 100':
    'POST /crossing HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n',
  'a POST that expects something else':
    'POST /crossing HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\nExpect: much\r\n\r\n',
  'a WebSocket': 'GET /crossing HTTP/1.1\r\nHost: pod\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
  'a CONNECT': 'CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n',
}
const ways = Object.entries(watched)
const cases = ways.flatMap(([name, watch]) =>
  Object.entries(crossing).map(([what, text]) => ({ what, name, watch, text })),
)

describe('a request that can no longer be answered is neither begun nor waited for:', () => {
  test.each(cases)('$what that crosses the farewell on a server that is watched $name', async ({ watch, text }) => {
    const { drain, clock, port, begun } = await start((_request, response) => response.end('ok'), watch)
    const client = await open(port)
    await client.get('/first').until(/ok$/)
    const report = drain.start()
    await once(client.socket, 'end') // the fake clock does not move
    client.send(text)
    const { clean, cut } = await clock.through(report)
    expect({ clean, cut, begun }).toEqual({ clean: true, cut: [], begun: ['GET /first'] })
    expect(drain.inFlight).toBe(0)
    expect(client.received).toMatch(/ok$/)
  })

  test.each(cases)(
    '$what behind a response that has said close, on a server watched $name',
    async ({ watch, text }) => {
      const turn = gate()
      const { drain, clock, port, begun } = await start((_request, response) => {
        response.write('begun')
        void turn.opened.then(() => response.end(' whole'))
      }, watch)
      const client = await open(port)
      await holdOpen(drain)
      await client.get('/first').until(/connection: close[\s\S]*begun/i)
      client.send(text)
      await turns()
      expect(drain.inFlight).toBe(1)
      turn.open()
      await client.until(/whole/)
      await once(client.socket, 'end')
      expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [], answered: 1 })
      expect(begun).toEqual(['GET /first'])
      expect(client.received).toMatch(/whole\r\n0\r\n\r\n$/)
    },
  )
})

describe('behind a response with Connection: close', () => {
  test('an upload is read, so that its client gets the complete response and no reset', async () => {
    const turn = gate()
    const { drain, clock, port } = await start((_request, response) => {
      response.write('begun')
      void turn.opened.then(() => response.end('x'.repeat(5_000_000)))
    })
    const client = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void client.destroy())
    const errors: Error[] = []
    client.on('error', (error) => errors.push(error))
    await once(client, 'connect')
    await holdOpen(drain)
    client.write('GET /first HTTP/1.1\r\nHost: pod\r\n\r\n')
    await once(client, 'readable')
    const body = Buffer.alloc(20_000_000)
    client.write(`POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: ${2 * body.length}\r\n\r\n`)
    await new Promise((resolve) => client.write(body, resolve))
    turn.open()
    let received = 0
    for await (const piece of client) received += piece.length
    expect(received).toBeGreaterThan(5_000_000)
    expect(errors).toEqual([])
    client.end()
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1 })
  })

  test('a client that resets its connection after an upgrade breaks nothing', async () => {
    const errors = uncaught('uncaughtException')
    const { drain, clock, port, server } = await start((_request, response) => void response.write('begun'))
    const closed = new Promise((resolve) => server.on('connection', (socket) => socket.on('close', resolve)))
    const client = await open(port)
    await holdOpen(drain)
    await client.get('/first').until(/begun/)
    client.send(crossing['a WebSocket'] as string)
    await turns()
    client.socket.resetAndDestroy()
    await closed
    await turns()
    expect(errors).toEqual([])
    await clock.through(drain.start())
  })

  test('to a probe, a request is not begun either', async () => {
    const turn = gate()
    const { drain, clock, port, begun } = await start((_request, response) => {
      response.write('begun')
      void turn.opened.then(() => response.end(' whole'))
    })
    const client = await open(port)
    await holdOpen(drain)
    await client.get('/metrics', 'User-Agent: kube-probe/1.35').until(/connection: close[\s\S]*begun/i)
    client.get('/second')
    await turns()
    turn.open()
    await client.until(/whole/)
    await once(client.socket, 'end')
    expect(begun).toEqual(['GET /metrics'])
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 0 })
  })

  test('a request is not begun in the next drain either, after the first drain was undone', async () => {
    const turn = gate()
    const { drain, clock, port, begun } = await start((_request, response) => {
      response.writeHead(200, { 'X-Other': 'one' }).write('begun')
      void turn.opened.then(() => response.end(' whole'))
    })
    const client = await open(port)
    void drain.prestop()
    await client.get('/first').until(/connection: close[\s\S]*begun/i)
    clock.advance(30_000)
    expect(drain.state).toBe('serving')
    await holdOpen(drain)
    client.get('/second')
    await turns()
    expect(drain.inFlight).toBe(1)
    turn.open()
    await client.until(/whole/)
    await once(client.socket, 'end')
    expect(begun).toEqual(['GET /first'])
    await clock.through(drain.start())
  })

  test('the connection is closed even if its client goes on sending', async () => {
    const { drain, clock, port } = await start((_request, response) => {
      response.write('begun')
      setImmediate(() => response.end())
    })
    const client = await open(port)
    await holdOpen(drain)
    await client.get('/first').until(/begun/)
    const sending = setInterval(() => client.send('x'), 20)
    onTestFinished(() => clearInterval(sending))
    client.send('POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 1000000\r\n\r\n')
    await client.end() // the fake clock does not move
    expect(client.received).toMatch(/begun/)
    await clock.through(drain.start())
  })

  test.each([
    ['setHeader', (response: ServerResponse) => response.setHeader('Connection', 'close')],
    ['writeHead', (response: ServerResponse) => response.writeHead(200, { Connection: 'close' })],
    ['writeHead with a list', (response: ServerResponse) => response.writeHead(200, ['Connection', 'close'])],
  ])(
    'that the application itself has said by %s, before its turn, a request is not begun either',
    async (_how, say) => {
      vi.spyOn(Math, 'random').mockReturnValue(2) // the ramp does not reach it
      const turn = gate()
      const { drain, clock, port, begun } = await start((_request, response) => {
        say(response).write('begun')
        void turn.opened.then(() => response.end(' whole'))
      })
      const client = await open(port)
      await holdOpen(drain)
      await client.get('/first').until(/begun/)
      client.get('/second')
      await turns()
      turn.open()
      await client.until(/whole/)
      await once(client.socket, 'end')
      expect(begun).toEqual(['GET /first'])
      expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1 })
    },
  )
})

/** Begins a drain that waits for a task. */
async function holdOpen(drain: Drain): Promise<void> {
  const turn = gate()
  drain.waitUntil(turn.opened)
  void drain.start()
  await turns()
  expect(drain.state).toBe('draining')
  setTimeout(turn.open, 0)
}

describe('behind a response that was begun before the drain', () => {
  test.each<[string, boolean, (response: ServerResponse) => ServerResponse]>([
    ['setHeader, when the drain goes on', false, (response) => response.setHeader('Connection', 'close')],
    ['writeHead, when the drain goes on', false, (response) => response.writeHead(200, { Connection: 'close' })],
    ['setHeader, before the drain', true, (response) => response.setHeader('Connection', 'close')],
  ])('and says Connection: close by %s, a request is not begun either', async (_how, before, say) => {
    vi.spyOn(Math, 'random').mockReturnValue(2) // the ramp does not reach it
    const [turn, end] = [gate(), gate()]
    const { drain, clock, port, begun } = await start((_request, response) => {
      const write = (): void => {
        say(response).write('begun')
        void end.opened.then(() => response.end(' whole'))
      }
      if (before) write()
      else void turn.opened.then(write)
    })
    const client = await open(port)
    client.get('/first')
    await expect.poll(() => drain.inFlight).toBe(1)
    if (before) await client.until(/begun/)
    const report = drain.start()
    await turns()
    turn.open()
    await client.until(/begun/)
    client.get('/second')
    await turns()
    end.open()
    await client.until(/whole/)
    await once(client.socket, 'end')
    expect(begun).toEqual(['GET /first'])
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1 })
  })
})
