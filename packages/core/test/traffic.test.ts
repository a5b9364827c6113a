import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { attach } from '../src/index.js'
import { Client, type Gate, gate, listen, type Pod, serve } from './support.js'

/** The objects that a case uses. */
interface Scene {
  readonly pod: Pod
  readonly client: Client
  /** Opens when a handler has been called `requests` times (once by default). */
  readonly reached: Gate
  /** For handlers that respond late. */
  readonly late: Gate
}

interface Case {
  readonly name: string
  readonly handle: (request: IncomingMessage, response: ServerResponse, scene: Pick<Scene, 'late'>) => unknown
  readonly act: (scene: Scene) => Promise<unknown>
  readonly requests?: number
}

const get = 'GET /case HTTP/1.1\r\nHost: pod\r\n\r\n'
const post = (headers: string, body: string): string => `POST /case HTTP/1.1\r\nHost: pod\r\n${headers}\r\n\r\n${body}`
const never = (): void => {}
/** Stays pending when the client disconnects. */
const drainBody = (request: IncomingMessage): Promise<void> =>
  new Promise((resolve) => void request.resume().on('end', resolve))
const leaveWhenReached = async ({ client, reached }: Scene): Promise<void> => {
  client.send(get)
  await reached.opened
  client.abort()
}

const cases: Case[] = [
  {
    name: 'a normal answer',
    handle: (_request, response) => response.end('done'),
    act: ({ client }) => client.send(get).until(/done/),
  },
  {
    name: 'an answer in chunks, over time',
    handle: async (_request, response) => {
      for (const part of ['one,', 'two,', 'done']) {
        response.write(part)
        await new Promise((resolve) => setImmediate(resolve))
      }
      response.end()
    },
    act: ({ client }) => client.send(get).until(/0\r\n\r\n/),
  },
  {
    name: 'HEAD',
    handle: (_request, response) => response.end('not sent'),
    act: ({ client }) => client.send(get.replace('GET', 'HEAD')).until(/\r\n\r\n/),
  },
  {
    name: '204',
    handle: (_request, response) => response.writeHead(204).end(),
    act: ({ client }) => client.send(get).until(/204 No Content.*\r\n\r\n/s),
  },
  {
    name: '404',
    handle: (_request, response) => response.writeHead(404).end('no such page'),
    act: ({ client }) => client.send(get).until(/no such page/),
  },
  {
    name: 'a handler that throws, whose framework answers 500',
    handle: (_request, response) => {
      try {
        throw new Error('boom')
      } catch {
        response.writeHead(500).end('sorry')
      }
    },
    act: ({ client }) => client.send(get).until(/sorry/),
  },
  {
    name: 'a handler that destroys the response with an error',
    handle: (_request, response) => response.destroy(new Error('boom')),
    act: ({ client }) => client.send(get).end(),
  },
  {
    name: 'a handler that destroys the socket',
    handle: (request) => request.socket.destroy(),
    act: ({ client }) => client.send(get).end(),
  },
  {
    name: 'a client that leaves before the answer, which never comes',
    handle: never,
    act: leaveWhenReached,
  },
  {
    name: 'a client that leaves before the answer, which comes late',
    handle: async (_request, response, { late }) => {
      await late.opened
      response.end('too late')
    },
    act: async (scene) => {
      await leaveWhenReached(scene)
      await expect.poll(() => scene.pod.drain.inFlight).toBe(0)
      scene.late.open()
    },
  },
  {
    name: 'a client that leaves in the middle of a stream',
    handle: (_request, response) => {
      const timer = setInterval(() => response.write('more,'), 1)
      response.on('close', () => clearInterval(timer))
    },
    act: async ({ client }) => {
      await client.send(get).until(/more,/, 3)
      client.abort()
    },
  },
  {
    name: 'an upload that the client gives up',
    handle: drainBody,
    act: async ({ client, reached }) => {
      client.send(post('Content-Length: 1000', 'only a part'))
      await reached.opened
      client.abort()
    },
  },
  {
    name: 'a POST whose client leaves when the body has been read',
    handle: drainBody,
    act: async ({ client, reached }) => {
      client.send(post('Content-Length: 4', 'body'))
      await reached.opened
      client.abort()
    },
  },
  {
    name: 'a POST that is answered before its body was read',
    handle: (_request, response) => response.end('done'),
    act: async ({ client }) => {
      await client.send(post('Content-Length: 1000', 'only a part')).until(/done/)
      client.abort()
    },
  },
  {
    name: 'a handler that writes on the socket and never ends the response',
    handle: (request) => request.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhijack'),
    act: async ({ client }) => {
      await client.send(get).until(/hijack/)
      await client.end()
    },
  },
  {
    name: 'Expect: 100-continue',
    handle: async (request, response) => {
      await drainBody(request)
      response.end('done')
    },
    act: async ({ client }) => {
      await client.send(post('Content-Length: 4\r\nExpect: 100-continue', '')).until(/100 Continue\r\n\r\n/)
      await client.send('body').until(/done/)
    },
  },
  {
    name: 'Expect: 100-continue from a client that leaves instead',
    handle: drainBody,
    act: async ({ client }) => {
      await client.send(post('Content-Length: 4\r\nExpect: 100-continue', '')).until(/100 Continue\r\n\r\n/)
      client.abort()
    },
  },
  {
    name: '3 pipelined requests that are answered',
    requests: 3,
    handle: async (_request, response, { late }) => {
      await late.opened
      response.end('done')
    },
    act: async ({ client, reached, late }) => {
      client.send(get.repeat(3))
      await reached.opened
      late.open()
      await client.until(/done/, 3)
    },
  },
  {
    name: '3 pipelined requests whose client leaves',
    requests: 3,
    handle: never,
    act: async ({ client, reached }) => {
      client.send(get.repeat(3))
      await reached.opened
      client.abort()
    },
  },
  {
    name: '3 pipelined requests whose client leaves before late answers',
    requests: 3,
    handle: async (_request, response, { late }) => {
      await late.opened
      response.end('too late')
    },
    act: async ({ client, reached, late, pod }) => {
      client.send(get.repeat(3))
      await reached.opened
      client.abort()
      await expect.poll(() => pod.drain.inFlight).toBe(0)
      late.open()
    },
  },
  {
    name: '20 × 5 pipelined requests on one connection',
    requests: 5,
    handle: async (_request, response, { late }) => {
      await late.opened
      response.end('done')
    },
    act: async ({ client, reached, late }) => {
      for (let round = 1; round <= 20; round++) {
        if (client.closed) break
        client.send(get.repeat(5))
        await reached.opened
        late.open()
        await client.until(/done/, 5 * round)
        await new Promise((resolve) => setImmediate(resolve))
      }
    },
  },
  {
    name: 'a malformed request',
    requests: 0,
    handle: never,
    act: ({ client }) => client.send('NOT HTTP\r\n\r\n').until(/400 Bad Request/),
  },
  {
    name: 'an upgraded socket',
    requests: 0,
    handle: never,
    act: async ({ client, pod }) => {
      pod.server.on('upgrade', (_request, socket) => {
        socket.on('error', () => {})
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
        socket.pipe(socket)
      })
      await client.get('/chat', 'Upgrade: echo', 'Connection: Upgrade').until(/101 Switching/)
      await client.send('hello').until(/hello/)
      expect(pod.drain.inFlight).toBe(0)
    },
  },
]

describe.each(['serving', 'draining'] as const)('while %s, nothing is left in flight after', (state) => {
  test.each(cases)('$name', async ({ handle, act, requests = 1 }) => {
    const reached = gate()
    const late = gate()
    const held = gate()
    let calls = 0
    const pod = await serve(
      (request, response) => {
        if (request.url === '/after') {
          void held.opened.then(() => response.end('after'))
          return
        }
        void handle(request, response, { late })
        if (++calls === requests) reached.open()
      },
      // Long enough for the server to be still draining when the case is over.
      { terminationGracePeriodSeconds: 30, settle: { min: 20_000 } },
    )
    if (state === 'draining') void pod.drain.prestop()
    const client = await Client.open(pod.port)
    await act({ pod, client, reached, late })
    if (requests > 0) await reached.opened
    await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(0)
    client.abort()

    // The next request counts as exactly one, so the 0 was right.
    const next = await Client.open(pod.port)
    next.get('/after')
    await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(1)
    held.open()
    await next.until(/after$|after\r\n/)
    await expect.poll(() => pod.drain.inFlight, { interval: 2 }).toBe(0)
    expect(pod.drain.state).toBe(state)
  })
})

test('each of several pipelined requests counts while it waits for its turn', async () => {
  const turn = gate()
  const { drain, port } = await serve((_request, response) => void turn.opened.then(() => response.end('done')))
  const client = await Client.open(port)
  client.send(get.repeat(3))
  await expect.poll(() => drain.inFlight).toBe(3)
  turn.open()
  await client.until(/done/, 3)
  await expect.poll(() => drain.inFlight).toBe(0)
})

test('a response that is ended is in flight until it is flushed to a slow reader', async () => {
  const size = 20_000_000
  const ended = gate()
  const { drain, port } = await serve((_request, response) => {
    response.end(Buffer.alloc(size, 'x'))
    ended.open()
  })
  const client = await Client.open(port)
  client.socket.pause()
  client.get('/large')
  await ended.opened
  const other = await Client.open(port)
  for (let round = 0; round < 5; round++) await other.get('/readyz').until(/"ready":true/, round + 1)
  expect(drain.inFlight).toBe(1)
  client.socket.resume()
  await expect.poll(() => client.received.length).toBeGreaterThan(size)
  await expect.poll(() => drain.inFlight).toBe(0)
})

test('an upload that is still arriving counts', async () => {
  const { drain, port } = await serve(async (request, response) => {
    await drainBody(request)
    response.end('thank you')
  })
  const client = await Client.open(port)
  client.send(post('Content-Length: 8', 'half'))
  await expect.poll(() => drain.inFlight).toBe(1)
  await client.send('half').until(/thank you/)
  await expect.poll(() => drain.inFlight).toBe(0)
})

test('requests of two servers with one drain are counted together', async () => {
  const turn = gate()
  const handler = (_request: IncomingMessage, response: ServerResponse): void => {
    void turn.opened.then(() => response.end('done'))
  }
  const first = await serve(handler)
  const second = createServer(handler)
  first.drain.watch(second)
  const clients = [await Client.open(first.port), await Client.open(await listen(second))]
  for (const client of clients) client.get('/')
  await expect.poll(() => first.drain.inFlight).toBe(2)
  turn.open()
  for (const client of clients) await client.until(/done/)
  await expect.poll(() => first.drain.inFlight).toBe(0)
})

test('a client that disconnects before the drain’s middleware is not counted for ever', async () => {
  const { drain, handle } = attach({ signals: false, logger: false })
  const [arrived, left] = [gate(), gate()]
  const server = createServer(async (request, response) => {
    arrived.open()
    request.socket.on('close', () => left.open())
    await left.opened
    handle(request, response)
  })
  const port = await listen(server)
  const client = await Client.open(port)
  client.get('/')
  await arrived.opened
  client.abort()
  await left.opened
  await expect.poll(() => drain.listening).toBe(true) // it has found its server
  expect(drain.inFlight).toBe(0)
  await drain.dispose()
})
