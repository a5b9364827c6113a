import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { type WebSocket, WebSocketServer } from 'ws'
import { plain } from '../src/load/ask.js'
import type { ClientSpec } from '../src/load/client.js'
import type { Endpoint } from '../src/load/endpoint.js'
import type { HttpClient } from '../src/load/http-client.js'
import { SseClient } from '../src/load/kinds/sse.js'
import { WebSocketClient } from '../src/load/kinds/web-socket.js'
import { type ClientKind, kinds } from '../src/load/kinds.js'
import type { Loss } from '../src/load/outcome.js'
import { createClock } from '../src/shared/clock.js'

const closers: Array<() => void> = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function listen(server: Server, name = 'old-1'): Promise<Endpoint> {
  server.listen(0, '127.0.0.1')
  closers.push(() => server.close())
  await once(server, 'listening')
  return { name, host: '127.0.0.1', port: (server.address() as AddressInfo).port }
}

/** A client of these pods, of which every new connection takes the next, and what becomes of its requests. */
function tell(
  kind: ClientKind,
  path: string,
  pods: ReadonlyArray<Endpoint | undefined>,
  more: Partial<ClientSpec> = {},
) {
  const losses: Loss[] = []
  const counts = { sent: 0, answered: 0 }
  let picked = 0
  const spec: ClientSpec = {
    asks: [plain(path, kinds[kind].method)],
    timeouts: { connect: 5000, total: 10_000 },
    random: Math.random,
    clock: createClock(),
    pick: () => pods[Math.min(picked++, pods.length - 1)],
    onSent: () => counts.sent++,
    onAnswered: () => counts.answered++,
    onLost: (loss) => losses.push(loss),
    ...more,
  }
  /** For kinds that speak plain HTTP/1.1. */
  const http = () => kinds[kind].create(spec) as HttpClient
  return {
    spec,
    http,
    losses,
    counts,
    picks: () => picked,
    causes: () => losses.map(({ cause, pod }) => `${pod} ${cause}`),
  }
}

/** A port on which nobody listens. */
async function nobody(): Promise<Endpoint> {
  const server = http.createServer()
  const endpoint = await listen(server, 'gone')
  server.close()
  await once(server, 'close')
  return endpoint
}

describe('a client of a Service, which knows its pods only by what they say,', () => {
  test('names the pod that answered, and the pod of the keep-alive connection on which a request was lost', async () => {
    let asked = 0
    const server = http.createServer((request, response) => {
      response.setHeader('x-pod', 'app-1')
      if (++asked < 3) response.end('done')
      else request.socket.destroy()
    })
    const answered: string[] = []
    const service = await listen(server, 'app')
    const more = { podHeader: 'x-pod', onAnswered: (pod: string) => answered.push(pod) }
    const { http: client, causes } = tell('keepAlive', '/', [service], more)
    const kept = client()
    for (let index = 0; index < 3; index++) await kept.request()
    // On a connection of its own nobody has said who he is.
    await kept.request()
    kept.close()
    expect(answered).toEqual(['app-1', 'app-1'])
    expect(causes()).toEqual(['app-1 reset', 'app reset'])
  })
})

describe('a WebSocket client', () => {
  /** A server that does `act` with every connection, and with every message of it. */
  async function pod(act: (socket: WebSocket, message: string | undefined) => void, name = 'old-1'): Promise<Endpoint> {
    const server = http.createServer((_, response) => response.writeHead(503).end())
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      if (request.url !== '/ws') return socket.end('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n')
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.on('message', (data) => act(opened, String(data)))
        act(opened, undefined)
      })
    })
    closers.push(() => {
      for (const socket of sockets.clients) socket.terminate()
    })
    return listen(server, name)
  }
  const echo = (socket: WebSocket, message: string | undefined) => {
    if (message !== undefined) socket.send(message)
  }

  test('counts every echo, over one connection, and no other message', async () => {
    const chatty = await pod((socket, message) => {
      if (message === undefined) return
      socket.send('news for everybody')
      socket.send(message)
    })
    const { spec, counts, losses, picks } = tell('webSocket', '/ws', [chatty])
    const client = new WebSocketClient(spec)
    for (let message = 0; message < 3; message++) await client.request()
    expect([counts, losses, picks()]).toEqual([{ sent: 3, answered: 3 }, [], 1])
  })

  test.each([1000, 1001, 1012])(
    'takes %i for a farewell: the message is sent again elsewhere, and nothing lost',
    async (code) => {
      const leaving = await pod((socket, message) => {
        if (message !== undefined) socket.close(code)
      })
      const { spec, counts, losses } = tell('webSocket', '/ws', [leaving, await pod(echo, 'new-1')])
      await new WebSocketClient(spec).request()
      expect([counts, losses]).toEqual([{ sent: 1, answered: 1 }, []])
    },
  )

  test.each([1011, 1008, 4000])(
    'loses a message when the connection is closed with %i instead of an echo',
    async (code) => {
      const failing = await pod((socket, message) => {
        if (message !== undefined) socket.close(code)
      })
      const { spec, counts, causes } = tell('webSocket', '/ws', [failing])
      await new WebSocketClient(spec).request()
      expect([counts, causes()]).toEqual([{ sent: 1, answered: 0 }, [`old-1 closed ${code}`]])
    },
  )

  test('loses a message when its connection ends without a close frame', async () => {
    const { spec, losses } = tell('webSocket', '/ws', [
      await pod((socket, message) => {
        if (message !== undefined) socket.terminate()
      }),
    ])
    await new WebSocketClient(spec).request()
    expect(losses).toMatchObject([{ cause: 'closed 1006', pod: 'old-1', method: 'WS', path: '/ws', reused: false }])
  })

  test('loses nothing when an idle connection ends without a close frame, and connects again', async () => {
    let opened: WebSocket | undefined
    const dropping = await pod((socket, message) => {
      opened = socket
      echo(socket, message)
    })
    const { spec, counts, losses, picks } = tell('webSocket', '/ws', [dropping, await pod(echo, 'new-1')])
    const client = new WebSocketClient(spec)
    await client.request()
    opened?.terminate()
    await expect.poll(() => client.connected).toBe(false)
    await client.request()
    expect([counts, losses, picks()]).toEqual([{ sent: 2, answered: 2 }, [], 2])
  })

  test('counts a loss when an idle connection is closed with an error code', async () => {
    let opened: WebSocket | undefined
    const failing = await pod((socket, message) => {
      opened = socket
      echo(socket, message)
    })
    const { spec, counts, losses } = tell('webSocket', '/ws', [failing])
    const client = new WebSocketClient(spec)
    await client.request()
    opened?.close(1011)
    await expect.poll(() => losses).toMatchObject([{ cause: 'closed 1011', reused: true }])
    expect(counts).toEqual({ sent: 2, answered: 1 })
  })

  test('tells a refused connection, a status and silence apart', async () => {
    const busy = await pod(echo)
    const silent = await pod(() => {}, 'mute')
    for (const [path, endpoint, cause] of [
      ['/ws', await nobody(), 'gone refused'],
      ['/busy', busy, 'old-1 status 503'],
      ['/ws', silent, 'mute timeout'],
      ['/ws', undefined, 'null refused'],
    ] as const) {
      const { spec, causes } = tell('webSocket', path, [endpoint], { timeouts: { connect: 5000, total: 100 } })
      await new WebSocketClient(spec).request()
      expect(causes()).toEqual([cause])
    }
  })
})

describe('an SSE client', () => {
  async function pod(answer: http.RequestListener, name = 'old-1'): Promise<Endpoint> {
    const server = http.createServer(answer)
    closers.push(() => server.closeAllConnections())
    return listen(server, name)
  }
  async function read(endpoint: Endpoint | undefined, stop = new AbortController().signal) {
    const told = tell('sse', '/events', [endpoint])
    await new SseClient(told.spec).request(stop)
    return told
  }
  const open = (response: http.ServerResponse) => response.writeHead(200, { 'Content-Type': 'text/event-stream' })

  test('counts a stream as answered that the server ends after a whole event, or before the first', async () => {
    for (const text of ['data: 1\n\ndata: 2\r\n\r\n', '']) {
      const { counts, losses } = await read(await pod((_, response) => open(response).end(text)))
      expect([counts, losses]).toEqual([{ sent: 1, answered: 1 }, []])
    }
  })

  test('counts a stream as answered that is still open when the load ends', async () => {
    const stop = new AbortController()
    const endless = await pod((request, response) => {
      expect(request.headers.accept).toBe('text/event-stream')
      open(response).write('data: 1\n\n', () => stop.abort())
    })
    const { counts, losses } = await read(endless, stop.signal)
    expect([counts, losses]).toEqual([{ sent: 1, answered: 1 }, []])
  })

  test('counts a stream as lost that is cut', async () => {
    const cutting = await pod((_, response) => {
      open(response).write('data: 1\n\n', () => setImmediate(() => response.socket?.resetAndDestroy()))
    })
    expect((await read(cutting)).causes()).toEqual(['old-1 truncated'])
  })

  test('counts a stream as lost that ends in the middle of an event', async () => {
    const { losses } = await read(await pod((_, response) => open(response).end('data: 1\n\ndata: 2\n')))
    expect(losses).toMatchObject([{ cause: 'truncated', message: 'the stream ended in the middle of an event' }])
  })

  test('counts a stream as lost that does not begin', async () => {
    expect((await read(await pod((_, response) => response.writeHead(503).end()))).causes()).toEqual([
      'old-1 status 503',
    ])
    expect((await read(await pod((request) => request.socket.resetAndDestroy()))).causes()).toEqual(['old-1 reset'])
    expect((await read(await nobody())).causes()).toEqual(['gone refused'])
    expect((await read(undefined)).causes()).toEqual(['null refused'])
  })
})

describe('an HTTP/2 client', () => {
  async function pod(
    answer: (stream: http2.ServerHttp2Stream, session: http2.ServerHttp2Session, socket: Socket) => void,
    name = 'old-1',
  ): Promise<Endpoint> {
    const server = http2.createServer()
    let socket: Socket
    server.on('connection', (opened) => {
      socket = opened
    })
    server.on('session', (session) => {
      closers.push(() => session.destroy())
      session.on('error', () => {})
      session.on('stream', (stream) => {
        stream.on('error', () => {})
        answer(stream, session, socket)
      })
    })
    return listen(server, name)
  }
  const ok = (stream: http2.ServerHttp2Stream) => {
    stream.respond({ ':status': 200 })
    stream.end('done')
  }
  async function ask(times: number, ...pods: Array<Endpoint | undefined>) {
    const told = tell('http2', '/work', pods)
    const client = kinds.http2.create(told.spec)
    const { signal } = new AbortController()
    for (let time = 0; time < times; time++) await client.request(signal)
    client.close()
    return told
  }

  test('sends its requests over one session', async () => {
    const { counts, losses, picks } = await ask(3, await pod(ok))
    expect([counts, losses, picks()]).toEqual([{ sent: 3, answered: 3 }, [], 1])
  })

  test('opens another session after GOAWAY, and has lost nothing', async () => {
    const leaving = await pod((stream, session) => {
      session.goaway()
      ok(stream)
    })
    const { counts, losses, picks } = await ask(2, leaving, await pod(ok, 'new-1'))
    expect([counts, losses, picks()]).toEqual([{ sent: 2, answered: 2 }, [], 2])
  })

  test('sends again what GOAWAY says was not processed', async () => {
    const settings = [0, 0, 0, 4, 0, 0, 0, 0, 0]
    // Eight bytes: the last stream it will process is none at all, and there is no error.
    const goaway = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
    const raw = net.createServer((socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.write(Buffer.from([...settings, ...goaway])))
      closers.push(() => socket.destroy())
    })
    const { counts, losses } = await ask(1, await listen(raw), await pod(ok, 'new-1'))
    expect([counts, losses]).toEqual([{ sent: 1, answered: 1 }, []])
  })

  test('sends again what was refused by REFUSED_STREAM', async () => {
    let refused = 0
    const busy = await pod((stream) => {
      if (refused++ === 0) stream.close(http2.constants.NGHTTP2_REFUSED_STREAM)
      else ok(stream)
    })
    const { counts, losses } = await ask(1, busy)
    expect([counts, losses]).toEqual([{ sent: 1, answered: 1 }, []])
  })

  test('tells a reset, a cut and a status apart', async () => {
    const none = await ask(1, await pod((stream) => stream.close(http2.constants.NGHTTP2_INTERNAL_ERROR)))
    expect(none.causes()).toEqual(['old-1 reset'])
    const gone = await ask(1, await pod((_stream, _session, socket) => socket.destroy()))
    expect(gone.causes()).toEqual(['old-1 reset'])
    const cut = await ask(
      1,
      await pod((stream, _session, socket) => {
        stream.respond({ ':status': 200 })
        stream.write('half', () => setTimeout(() => socket.destroy(), 20))
      }),
    )
    expect(cut.causes()).toEqual(['old-1 truncated'])
    const busy = await ask(
      1,
      await pod((stream) => {
        stream.respond({ ':status': 503 })
        stream.end()
      }),
    )
    expect(busy.causes()).toEqual(['old-1 status 503'])
    expect((await ask(1, await nobody())).causes()).toEqual(['gone refused'])
    expect((await ask(1, undefined)).causes()).toEqual(['null refused'])
  })
})

describe('a slow reader', () => {
  test('reads slowly, and gets the whole response', async () => {
    const body = Buffer.alloc(1_000_000, 'x')
    const server = http.createServer((_, response) => response.end(body))
    closers.push(() => server.closeAllConnections())
    const { http: client, counts } = tell('slowReader', '/download', [await listen(server)])
    const began = performance.now()
    await client().request()
    expect(counts.answered).toBe(1)
    expect(performance.now() - began).toBeGreaterThan(150) // 1 MB at 5 MB/s, less the last piece
  })
})

describe('a mix of requests', () => {
  test('is drawn by weight, with headers, bodies and statuses of its own', async () => {
    const seen: Record<string, number> = {}
    const server = http.createServer(async (request, response) => {
      const { method, url } = request
      seen[`${method} ${url}`] = (seen[`${method} ${url}`] ?? 0) + 1
      if (method === 'GET') return response.end()
      let body = ''
      for await (const chunk of request) body += chunk
      response.writeHead(request.headers.authorization === 'secret' && body === '{}' ? 201 : 500).end()
    })
    closers.push(() => server.closeAllConnections())
    const post = {
      ...plain('/orders'),
      method: 'POST',
      headers: { Authorization: 'secret' },
      body: '{}',
      status: [201],
    }
    const asks = [{ ...plain('/often'), weight: 8 }, plain('/rarely'), { ...post, weight: 3 }]
    const { http: create, counts, losses } = tell('keepAlive', '/', [await listen(server)], { asks })
    const client = create()
    for (let time = 0; time < 240; time++) await client.request()
    expect([counts.answered, losses]).toEqual([240, []])
    expect(seen['GET /often']).toBeGreaterThan(seen['POST /orders'] ?? 0)
    expect(seen['POST /orders']).toBeGreaterThan(seen['GET /rarely'] ?? 0)
    expect(seen['GET /rarely']).toBeGreaterThan(0)
  })

  test('takes another 2xx than the one that was asked for as a loss', async () => {
    const server = http.createServer((_, response) => response.end())
    closers.push(() => server.closeAllConnections())
    const asks = [{ ...plain('/'), status: [204, 404] }]
    const { http: client, causes } = tell('newConnection', '/', [await listen(server)], { asks })
    await client().request()
    expect(causes()).toEqual(['old-1 status 200'])
  })
})

test('a kept connection stays with its pod, whatever the Service says of it since', async () => {
  const names: string[] = []
  const pods = await Promise.all(
    ['old-1', 'new-1'].map(async (name) => {
      const server = http.createServer((_, response) => {
        names.push(name)
        response.end()
      })
      closers.push(() => server.closeAllConnections())
      return listen(server, name)
    }),
  )
  const kept = tell('keepAlive', '/', pods).http()
  const anew = tell('newConnection', '/', pods).http()
  for (const client of [kept, kept, anew, anew]) await client.request()
  expect(names).toEqual(['old-1', 'old-1', 'old-1', 'new-1'])
})

describe('a pod that is gone with its network', () => {
  const connecting: ClientKind[] = ['newConnection', 'webSocket', 'sse', 'http2']
  test.each(connecting)('does not even refuse a %s client, which waits', async (kind) => {
    const endpoint: Endpoint = { ...(await nobody()), unreachable: true }
    const { spec, losses, picks } = tell(kind, '/', [endpoint], { timeouts: { connect: 200, total: 500 } })
    const stop = new AbortController()
    const began = performance.now()
    const running = kinds[kind].create(spec).run(stop.signal)
    await expect.poll(() => losses[0]).toMatchObject({ cause: 'timeout', pod: 'gone' })
    expect(performance.now() - began).toBeGreaterThan(190)
    stop.abort()
    await running
    expect(picks()).toBeGreaterThan(0)
  })

  test('is unreachable after three ARP requests of the kernel', async () => {
    const { http: client, losses } = tell('keepAlive', '/', [{ ...(await nobody()), unreachable: true }])
    await client().request()
    expect(losses).toMatchObject([{ cause: 'refused', message: 'the address is unreachable: the pod is gone' }])
  })
})

test('requests keep the rate, however long responses take', async () => {
  const server = http.createServer((_, response) => setTimeout(() => response.end(), 10))
  closers.push(() => server.closeAllConnections())
  const { http: client, counts } = tell('keepAlive', '/', [await listen(server)], { rate: 20 })
  const stop = new AbortController()
  const running = client().run(stop.signal)
  await expect.poll(() => counts.answered).toBeGreaterThan(5)
  const { answered } = counts
  const began = performance.now()
  await expect.poll(() => counts.answered).toBeGreaterThanOrEqual(answered + 10)
  // Ten intervals of 25 to 75 ms: at the client's own pace it would have been half of that at most.
  expect(performance.now() - began).toBeGreaterThan(240)
  stop.abort()
  await running
  await sleep(0)
})
