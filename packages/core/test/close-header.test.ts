import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { Client, FakeClock, gate, serve, slow, turns } from './support.js'

type Write = (response: ServerResponse) => void

/** Calls back before the header is written, like the package on-headers, which compression and sessions use. */
function beforeHeaders(response: ServerResponse, act: () => void): void {
  const { writeHead } = response as unknown as { writeHead: (...args: unknown[]) => ServerResponse }
  response.writeHead = ((status: number, ...args: unknown[]) => {
    const headers = args.at(-1)
    const reason = typeof args[0] === 'string' ? [args[0]] : []
    for (const [name, value] of fieldsOf(headers)) response.setHeader(name, value)
    act()
    return writeHead.call(response, status, ...reason)
  }) as ServerResponse['writeHead']
}

function fieldsOf(headers: unknown): [string, string][] {
  if (!Array.isArray(headers)) return typeof headers === 'object' ? Object.entries(headers ?? {}) : []
  if (Array.isArray(headers[0])) return headers
  return headers.flatMap((name, index) => (index % 2 === 0 ? [[name, headers[index + 1]]] : []))
}

/** The ways in which an application says that the connection is kept. */
const ways: Record<string, Write> = {
  setHeader: (response) => response.setHeader('Connection', 'keep-alive').end('ok'),
  'setHeader, spelt otherwise': (response) => response.setHeader('CONNECTION', 'Keep-Alive').end('ok'),
  'setHeader with a list': (response) => response.setHeader('Connection', ['keep-alive']).end('ok'),
  'setHeader, and a write before the end': (response) => {
    response.setHeader('Connection', 'keep-alive').write('ok')
    response.end()
  },
  'setHeader, and a promise of its own': (response) =>
    response.setHeader('Keep-Alive', 'timeout=600').setHeader('Connection', 'keep-alive').end('ok'),
  appendHeader: (response) => response.appendHeader('Connection', 'keep-alive').end('ok'),
  setHeaders: (response) => response.setHeaders(new Map([['Connection', 'keep-alive']])).end('ok'),
  'setHeader and flushHeaders': (response) => {
    response.setHeader('Connection', 'keep-alive').flushHeaders()
    response.end('ok')
  },
  'writeHead with an object': (response) => response.writeHead(200, { connection: 'keep-alive' }).end('ok'),
  'writeHead with a reason and an object': (response) =>
    response.writeHead(200, 'Fine', { Connection: 'keep-alive', 'Keep-Alive': 'timeout=600' }).end('ok'),
  'writeHead with a flat list': (response) =>
    response.writeHead(200, ['Set-Cookie', 'a=1', 'Connection', 'keep-alive', 'Set-Cookie', 'b=2']).end('ok'),
  'writeHead with a list of pairs': (response) => {
    const pairs = [
      ['Connection', 'keep-alive'],
      ['Keep-Alive', 'timeout=600'],
    ]
    response.writeHead(200, pairs as never).end('ok')
  },
  'setHeader, and writeHead with an object': (response) =>
    response.setHeader('X-Other', 'one').writeHead(200, { Connection: 'keep-alive' }).end('ok'),
  'setHeader, and writeHead with a flat list': (response) =>
    response.setHeader('Connection', 'keep-alive').writeHead(200, ['X-Other', 'one']).end('ok'),
  'writeHead by its old name, which Node 26 has no more': (response) => {
    const { writeHead, writeHeader = writeHead } = response as ServerResponse & { writeHeader?: typeof writeHead }
    writeHeader.call(response, 200, { connection: 'keep-alive' }).end('ok')
  },
  'writeHead with null for its headers': (response) =>
    response
      .setHeader('Connection', 'keep-alive')
      .writeHead(200, null as never)
      .end('ok'),
  'a list of other names': (response) => response.setHeader('Connection', 'keep-alive, X-Hop').end('ok'),
  'a name of another header alone': (response) => response.setHeader('Connection', 'X-Hop').end('ok'),
  'setHeader, with the protocols that its upstream offers': (response) =>
    response.setHeader('Upgrade', 'h2,h2c').setHeader('Connection', 'Upgrade, Keep-Alive').end('ok'),
  'writeHead, with a protocol that it asks for': (response) =>
    response.writeHead(426, { upgrade: 'websocket', connection: 'Upgrade' }).end('ok'),
  shouldKeepAlive: (response) => {
    response.shouldKeepAlive = true
    response.end('ok')
  },
  'shouldKeepAlive and setHeader': (response) => {
    response.shouldKeepAlive = true
    response.setHeader('Connection', 'keep-alive').end('ok')
  },
  'no Connection header, as it has removed it': (response) => {
    response.removeHeader('Connection')
    response.end('ok')
  },
  'no Connection header, as it has removed it, and others': (response) => {
    response.removeHeader('Connection')
    response.writeHead(200, { 'X-Other': 'one' }).end('ok')
  },
  'setHeader, with somebody who waits for the headers': (response) => {
    beforeHeaders(response, () => void response.setHeader('Vary', 'x'))
    response.setHeader('Connection', 'keep-alive').end('ok')
  },
  'somebody who waits for the headers to set it': (response) => {
    beforeHeaders(response, () => void response.setHeader('Connection', 'keep-alive'))
    response.writeHead(200, { connection: 'keep-alive' }).end('ok')
  },
}

async function start(handle: Write) {
  const clock = new FakeClock()
  const pod = await serve((_request, response) => handle(response), { ...slow, keepAliveCap: 5000, clock })
  pod.server.keepAliveTimeout = 600_000 // otherwise Node ends connections
  return { ...pod, clock, client: await Client.open(pod.port) }
}

describe('while draining, a response says Connection: close although the application keeps the connection by', () => {
  test.each(Object.entries(ways))('%s', async (_name, write) => {
    const { drain, clock, client } = await start(write)
    void drain.prestop()
    clock.advance(1000)
    await client.get('/').end()
    expect(client.received).toMatch(/^HTTP[\s\S]*\r\nconnection: close[\s\S]*ok/im)
    expect(client.received.match(/^connection:/gim)).toHaveLength(1)
    expect(client.received).not.toMatch(/keep-alive/i)
  })

  test.each(Object.entries(ways))('%s, on a response that was begun before', async (_name, write) => {
    const turn = gate()
    // The library has replaced writeHead by then.
    const { drain, clock, client } = await start((response) => {
      beforeHeaders(response, () => {})
      void turn.opened.then(() => write(response))
    })
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(1100)
    turn.open()
    await client.end()
    expect(client.received).toMatch(/^HTTP[\s\S]*\r\nconnection: close[\s\S]*ok/im)
    expect(client.received).not.toMatch(/keep-alive/i)
  })
})

test('a library that replaced writeHead before the drain does not undo it', async () => {
  const turn = gate()
  const { drain, clock, client } = await start((response) => {
    beforeHeaders(response, () => void response.setHeader('Connection', 'keep-alive'))
    void turn.opened.then(() => response.end('ok'))
  })
  client.get('/')
  await expect.poll(() => drain.inFlight).toBe(1)
  void drain.prestop()
  clock.advance(1100)
  turn.open()
  await client.end()
  expect(client.received).toMatch(/\r\nconnection: close[\s\S]*ok/i)
})

test('the response to an upload that began before the drain says it, even if it is sent as soon as the body is complete', async () => {
  const clock = new FakeClock()
  const { drain, port, server } = await serve(
    (request, response) => request.resume().on('end', () => response.end('ok')),
    { ...slow, keepAliveCap: 5000, clock },
  )
  server.keepAliveTimeout = 600_000
  const client = await Client.open(port)
  client.send('POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nab')
  await expect.poll(() => drain.inFlight).toBe(1)
  void drain.prestop()
  clock.advance(1100)
  await client.send('cd').end()
  expect(client.received).toMatch(/\r\nconnection: close[\s\S]*ok/i)
})

test('all other headers stay as the application has written them', async () => {
  const { drain, clock, client } = await start((response) =>
    response
      .writeHead(201, 'Made', [
        'Set-Cookie',
        'a=1',
        'Connection',
        'keep-alive, X-Hop',
        'Set-Cookie',
        'b=2',
        'X-Hop',
        '1',
      ])
      .end('ok'),
  )
  void drain.prestop()
  clock.advance(1000)
  await client.get('/').end()
  expect(client.received).toMatch(
    /^HTTP\/1.1 201 Made\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Hop: 1\r\nConnection: close, X-Hop\r\n/,
  )
})

test('a Connection header that closes the connection stays as it is', async () => {
  const { drain, clock, client } = await start((response) => response.writeHead(426, { Connection: 'Close' }).end('ok'))
  void drain.prestop()
  clock.advance(1000)
  await client.get('/').end()
  expect(client.received.match(/^connection: .*$/gim)).toEqual(['Connection: Close'])
})

test('a response that offers another protocol keeps its Upgrade header', async () => {
  const { drain, clock, client } = await start((response) =>
    response.writeHead(426, { Connection: 'Upgrade', Upgrade: 'websocket', 'Content-Length': 2 }).end('ok'),
  )
  void drain.prestop()
  clock.advance(1000)
  await client.get('/').end()
  expect(client.received).toMatch(/^Upgrade: websocket\r$/m)
  expect(client.received.match(/^connection: .*$/gim)).toEqual(['Connection: close, Upgrade'])
})

test('a response that changes to another protocol does so', async () => {
  const { drain, clock, client } = await start((response) => {
    response.writeHead(101, { Connection: 'Upgrade', Upgrade: 'echo' }).flushHeaders()
    response.socket?.end('ok')
  })
  void drain.prestop()
  clock.advance(1000)
  await client.get('/').end()
  expect(client.received.match(/^connection: .*$/gim)).toEqual(['Connection: Upgrade'])
})

test('an HTTP/1.0 client that waits for the end of the connection gets it', async () => {
  const { drain, clock, client } = await start(
    (response) => void response.setHeader('Connection', 'keep-alive').writeHead(200, { 'Content-Length': 2 }).end('ok'),
  )
  void drain.prestop()
  clock.advance(1000)
  await client.send('GET / HTTP/1.0\r\n\r\n').end()
  expect(client.received).toMatch(/\r\nconnection: close[\s\S]*ok$/i)
})

test('a client that the ramp has not reached keeps its connection, as the application says', async () => {
  const { drain, client } = await start((response) => response.setHeader('Connection', 'keep-alive').end('ok'))
  void drain.prestop() // the fake clock does not move
  for (let count = 1; count <= 3; count++) await client.get('/').until(/ok/, count)
  expect(client.received.match(/connection: keep-alive/gi)).toHaveLength(3)
})

test('of pipelined responses, only the last one says it', async () => {
  const turn = gate()
  const { drain, clock, client } = await start((response) => {
    beforeHeaders(response, () => {})
    void turn.opened.then(() => response.writeHead(200, { connection: 'keep-alive' }).end('ok'))
  })
  void drain.prestop()
  clock.advance(1000)
  client.get('/')
  await expect.poll(() => drain.inFlight).toBe(1)
  clock.advance(100)
  client.get('/')
  await expect.poll(() => drain.inFlight).toBe(2)
  clock.advance(100)
  turn.open()
  await client.end()
  expect(client.received).toMatch(/connection: keep-alive[\s\S]*ok[\s\S]*connection: close[\s\S]*ok/i)
})

test('a response that was open when a drain was undone keeps the connection, as the application says', async () => {
  const turn = gate()
  const { drain, clock, client } = await start(
    (response) => void turn.opened.then(() => response.writeHead(200, { connection: 'keep-alive' }).end('ok')),
  )
  client.get('/')
  await expect.poll(() => drain.inFlight).toBe(1)
  void drain.prestop()
  clock.advance(30_000)
  expect(drain.state).toBe('serving')
  turn.open()
  await client.until(/ok/)
  expect(client.received).toMatch(/connection: keep-alive/i)
  await client.get('/').until(/ok/, 2)
})

test('while serving, and after a drain that was undone, nothing of the response is touched', async () => {
  const own: (string | undefined)[] = []
  const look: Write = (response) => {
    own.push(...Object.keys(response).filter((name) => typeof response[name as keyof ServerResponse] === 'function'))
    response.end('ok')
  }
  const { drain, clock, client, port } = await start(look)
  await client.get('/').until(/ok/)
  const before = own.splice(0)
  void drain.prestop()
  clock.advance(30_000)
  expect(drain.state).toBe('serving')
  await turns()
  await (await Client.open(port)).get('/').until(/ok/)
  expect(own).toEqual(before)
})

test('a drain does not wait for busy clients longer than it waits for load balancers', async () => {
  const { drain, clock, port } = await start((response) => response.setHeader('Connection', 'keep-alive').end('ok'))
  const clients = await Promise.all(Array.from({ length: 10 }, () => Client.open(port)))
  const told = Promise.all(
    clients.map(async (client) => {
      while (!client.closed) {
        const count = client.received.split('ok').length
        client.get('/')
        await Promise.race([once(client.socket, 'close'), client.until(/ok/, count).catch(() => {})])
        await turns(1)
      }
      return client.received
    }),
  )
  const report = drain.start()
  clock.advance(1000)
  for (const received of await told) expect(received).toMatch(/connection: close[\s\S]*ok$/i)
  expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
})

test('a header that comes too late is an error for the application, as it is while serving', async () => {
  const errors: unknown[] = []
  const { drain, clock, client } = await start((response) => {
    response.write('o')
    try {
      response.setHeader('Connection', 'keep-alive')
    } catch (error) {
      errors.push(error)
    }
    response.end('k')
  })
  void drain.prestop()
  clock.advance(1000)
  await client.get('/').end()
  expect(client.received).toMatch(/connection: close/i)
  expect(errors).toMatchObject([{ code: 'ERR_HTTP_HEADERS_SENT' }])
})

test('the methods of a response are restored when its header has been written', async () => {
  const clock = new FakeClock()
  const answer = gate()
  const own: string[][] = []
  const { drain, port } = await serve(
    async (_request, response) => {
      await answer.opened
      response.setHeader('Connection', 'keep-alive').write('o')
      own.push(Object.keys(response).filter((name) => ['setHeader', 'appendHeader'].includes(name)))
      response.end('k')
    },
    { ...slow, clock },
  )
  const client = await Client.open(port)
  client.get('/')
  await expect.poll(() => drain.inFlight).toBe(1)
  const report = drain.start()
  clock.advance(1000)
  answer.open()
  await client.until(/connection: close/i)
  expect(own).toEqual([[]])
  expect(await clock.through(report)).toMatchObject({ clean: true })
})

test.each<[string, Write, string]>([
  [
    'names headers for one hop only, keeps those names',
    (response) => response.setHeader('Connection', 'keep-alive, X-Hop').setHeader('X-Hop', '1').end('ok'),
    'Connection: close, X-Hop',
  ],
  [
    'names them in writeHead, keeps those names',
    (response) => response.writeHead(200, { Connection: 'X-Hop', 'X-Hop': '1' }).end('ok'),
    'Connection: close, X-Hop',
  ],
  [
    'has other headers in a list of pairs, keeps those',
    (response) => {
      const pairs = [
        ['X-Other', 'one'],
        ['Connection', 'keep-alive'],
      ]
      response.writeHead(200, pairs as never).end('ok')
    },
    'X-Other: one',
  ],
])('while draining, a response that %s', async (_what, write, line) => {
  const { drain, clock, client } = await start(write)
  void drain.prestop()
  clock.advance(1000)
  await client.get('/').end()
  expect(client.received.split('\r\n')).toContain(line)
  expect(client.received).toMatch(/^connection: close/im)
})
