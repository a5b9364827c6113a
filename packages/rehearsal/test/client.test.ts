import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type Ask, plain } from '../src/load/ask.js'
import type { HttpClient } from '../src/load/http-client.js'
import { type ClientKind, kinds } from '../src/load/kinds.js'
import type { Loss } from '../src/load/outcome.js'
import { createClock } from '../src/shared/clock.js'

const servers: Server[] = []
const sockets: Socket[] = []
afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy()
  for (const server of servers.splice(0)) server.close()
})

/** A server that calls `answer` for each request head it reads. */
async function listen(answer: (socket: Socket, head: string) => void): Promise<number> {
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.setEncoding('latin1').on('data', (text: string) => {
      if (/^(GET|POST) /.test(text)) answer(socket, text)
    })
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

/** A port on which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

function createClient(
  kind: ClientKind,
  port: number | undefined,
  total = 30_000,
  asks: readonly Ask[] = [plain('/work')],
) {
  const losses: Loss[] = []
  let answered = 0
  const client = kinds[kind].create({
    asks: asks.map((ask) => ({ ...ask, method: kinds[kind].method })),
    timeouts: { connect: 5000, total },
    random: Math.random,
    clock: createClock(),
    pick: () => (port === undefined ? undefined : { name: 'old-1', host: '127.0.0.1', port }),
    onSent: () => {},
    onAnswered: () => answered++,
    onLost: (loss) => losses.push(loss),
  }) as HttpClient
  return { client, losses, answered: () => answered }
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

describe('a lost request is told apart by how it was lost', () => {
  async function lose(kind: ClientKind, port: number | undefined, total?: number) {
    const { client, losses, answered } = createClient(kind, port, total)
    await client.request()
    expect(answered()).toBe(0)
    expect(losses).toHaveLength(1)
    return losses[0]
  }

  test('refused: nobody listens on the port', async () => {
    expect(await lose('keepAlive', await closedPort())).toMatchObject({
      cause: 'refused',
      pod: 'old-1',
      method: 'GET',
      path: '/work',
    })
  })

  test('refused: the Service has no endpoint', async () => {
    expect(await lose('keepAlive', undefined)).toMatchObject({ cause: 'refused', pod: null })
  })

  test('reset: an RST instead of an answer', async () => {
    const port = await listen((socket) => socket.resetAndDestroy())
    expect(await lose('newConnection', port)).toMatchObject({ cause: 'reset' })
  })

  test('reset: a FIN instead of an answer', async () => {
    const port = await listen((socket) => socket.end())
    expect(await lose('keepAlive', port)).toMatchObject({ cause: 'reset' })
  })

  test('truncated: the body is shorter than its Content-Length', async () => {
    const port = await listen((socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'))
    expect(await lose('keepAlive', port)).toMatchObject({ cause: 'truncated' })
  })

  test('truncated: a chunked body without its last chunk', async () => {
    const port = await listen((socket) =>
      socket.end('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n'),
    )
    expect(await lose('streaming', port)).toMatchObject({ cause: 'truncated' })
  })

  test('truncated: an RST in the middle of the body', async () => {
    const port = await listen((socket) => {
      socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok', () => setImmediate(() => socket.resetAndDestroy()))
    })
    expect(['truncated', 'reset']).toContain((await lose('keepAlive', port))?.cause)
  })

  test('status 503, status 302: an answer that is no success', async () => {
    const port = await listen((socket) => socket.write('HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n'))
    expect(await lose('keepAlive', port)).toMatchObject({ cause: 'status 503', message: 'Busy' })
    const other = await listen((socket) =>
      socket.write('HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n'),
    )
    expect(await lose('newConnection', other)).toMatchObject({ cause: 'status 302' })
  })

  test('timeout: no answer, or a body that stands still', async () => {
    const silent = await listen(() => {})
    expect(await lose('keepAlive', silent, 100)).toMatchObject({ cause: 'timeout' })
    const stalled = await listen((socket) => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'))
    expect(await lose('streaming', stalled, 100)).toMatchObject({ cause: 'timeout' })
  })

  test('error: an answer that is not HTTP', async () => {
    const port = await listen((socket) => socket.write('good morning\r\n\r\n'))
    expect(await lose('keepAlive', port)).toMatchObject({ cause: 'error' })
  })

  test('status 413 in the middle of an upload, and the next upload starts on a new connection', async () => {
    const port = await listen((socket) => socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n'))
    const { client, losses } = createClient('post', port)
    await client.request()
    await client.request()
    expect(losses.map(({ cause, method }) => `${method} ${cause}`)).toEqual(['POST status 413', 'POST status 413'])
    expect(sockets).toHaveLength(2)
  })
})

describe('a kept connection', () => {
  test('is used again', async () => {
    const { client, answered } = createClient('keepAlive', await listen((socket) => socket.write(ok)))
    await client.request()
    await client.request()
    expect([answered(), sockets.length]).toEqual([2, 1])
  })

  test('that the server closed while idle is not a loss: the next request opens another', async () => {
    const { client, answered, losses } = createClient('keepAlive', await listen((socket) => socket.end(ok)))
    await client.request()
    if (sockets[0]?.destroyed === false) await once(sockets[0], 'close') // the client has seen the FIN and closed, too
    await client.request()
    expect(losses).toEqual([])
    expect([answered(), sockets.length]).toEqual([2, 2])
  })

  test('is not used again after Connection: close', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok'
    const { client, answered } = createClient('keepAlive', await listen((socket) => socket.write(answer)))
    await client.request()
    await client.request()
    expect([answered(), sockets.length]).toEqual([2, 2])
  })

  test('is not used again in the last second the server promised', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok'
    const { client, answered } = createClient('keepAlive', await listen((socket) => socket.write(answer)))
    await client.request()
    await client.request()
    expect([answered(), sockets.length]).toEqual([2, 2])
  })

  test('is closed by the client when that last second begins', async () => {
    const answer = 'HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok'
    const { client } = createClient('slowKeepAlive', await listen((socket) => socket.write(answer)))
    await client.request()
    const began = performance.now()
    if (sockets[0] !== undefined) await once(sockets[0], 'close')
    expect(performance.now() - began).toBeGreaterThan(900)
  })

  test('is opened anew for each request of a one-shot client', async () => {
    const heads: string[] = []
    const port = await listen((socket, head) => {
      heads.push(head)
      socket.write(ok)
    })
    const { client, answered } = createClient('newConnection', port)
    await client.request()
    await client.request()
    expect([answered(), sockets.length]).toEqual([2, 2])
    expect(heads[0]).toContain('\r\nConnection: close\r\n')
  })
})

test('an upload arrives whole, in several pieces', async () => {
  let pieces = 0
  let received = 0
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('data', (data) => {
      pieces++
      received += data.length
      const head = 'text/plain\r\nContent-Length: 16384\r\n'
      if (pieces === 1) expect(data.toString('latin1')).toContain(head)
      if (received > 16_384) socket.write(ok)
    })
  }).listen(0, '127.0.0.1')
  servers.push(server)
  await once(server, 'listening')
  const { client, answered } = createClient('post', (server.address() as AddressInfo).port)
  await client.request()
  expect(answered()).toBe(1)
  expect(pieces).toBeGreaterThan(1)
})

test('a stopped client waits for the request it has sent', async () => {
  const stop = new AbortController()
  const port = await listen((socket) => {
    stop.abort()
    setTimeout(() => socket.write(ok), 50)
  })
  const { client, answered, losses } = createClient('keepAlive', port)
  await client.run(stop.signal)
  expect([answered(), losses.length]).toEqual([1, 0])
})
