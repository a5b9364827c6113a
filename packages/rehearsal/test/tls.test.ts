import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { type AddressInfo, type Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import { WebSocketServer } from 'ws'
import { kubeletGet, sendHook } from '../src/cluster/kubelet/request.js'
import { look, type RehearsalOptions, rehearse } from '../src/index.js'
import { plain } from '../src/load/ask.js'
import { type ClientKind, kinds } from '../src/load/kinds.js'
import type { Loss } from '../src/load/outcome.js'
import { createClock } from '../src/shared/clock.js'
import { certificate } from './certificate.js'

let pair: { key: string; cert: string }
beforeAll(async () => {
  pair = await certificate()
})

const closers: Array<() => void> = []
afterEach(() => {
  for (const close of closers.splice(0)) close()
})

async function portOf(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  closers.push(() => server.close())
  return (server.address() as AddressInfo).port
}

const fixture = (name: string) => join(__dirname, 'fixtures', name)

/** A rehearsal as short as it can be, of an app that answers TLS. */
function options(more: Partial<RehearsalOptions>): RehearsalOptions {
  const { env, ...others } = more
  return {
    command: process.execPath,
    args: [fixture('tls.mjs')],
    env: { TLS: JSON.stringify(pair), ...env },
    tls: true,
    replicas: 2,
    readinessProbe: { periodSeconds: 0.1, failureThreshold: 3, timeoutSeconds: 5 },
    endpointLag: { min: 100, median: 200, max: 300 },
    startDelay: 0,
    warmUp: 300,
    coolDown: 200,
    ...others,
  }
}

const servers = {
  https: { requests: { get: '/work' }, clients: { keepAlive: 2, newConnection: 2, slowKeepAlive: 0 }, hook: 200 },
  'http2 with HTTP/1.1': {
    requests: { get: '/work', http2: '/work' },
    clients: { keepAlive: 1, newConnection: 2, slowKeepAlive: 0, http2: 2 },
    hook: 200,
  },
  // The hook's client of the kubelet speaks HTTP/1.1 only, and does not mind what it is answered.
  'http2 alone': { requests: { http2: '/work' }, clients: { http2: 6 }, hook: 403 },
} as const

describe.concurrent.each(Object.entries(servers))(
  'a rolling update of a TLS server of %s',
  (server, { hook, ...asked }) => {
    test('loses nothing with podrain, whose probe and hook come by TLS, too', async () => {
      const preStop = { httpGet: { path: '/prestop' } }
      const { events, summary, options: plan } = await rehearse(options({ ...asked, env: { SERVER: server }, preStop }))
      expect(events.filter(({ type }) => type === 'lost')).toEqual([])
      expect(plan).toMatchObject({ tls: true, readinessProbe: { scheme: 'HTTPS' } })
      expect(events.filter(({ type }) => type === 'hook-end')).toMatchObject([
        { outcome: 'done', status: hook },
        { outcome: 'done', status: hook },
      ])
      for (const kind of Object.keys(asked.clients) as ClientKind[]) {
        if (kind !== 'slowKeepAlive') expect(summary.requestsByClient[kind]).toBeGreaterThan(10)
      }
    })

    test('loses requests when it exits on SIGTERM', async () => {
      const endpointLag = { min: 700, median: 800, max: 900 }
      const { summary } = await rehearse(options({ ...asked, env: { SERVER: server, BARE: '1' }, endpointLag }))
      expect(summary.lost).toBeGreaterThan(0)
      expect(summary.exits).toEqual({ 'exit 0': 2 })
    })
  },
)

describe.concurrent('an app that says farewell in every protocol', () => {
  test('loses nothing over TLS either', async () => {
    const { events, summary } = await rehearse(
      options({
        args: [fixture('protocols.mjs')],
        requests: { download: '/download', webSocket: '/ws', sse: '/events', http2: '/work' },
        clients: { slowReader: 1, webSocket: 2, sse: 2, http2: 2 },
        preStop: { httpGet: { path: '/prestop' } },
      }),
    )
    expect(events.filter(({ type }) => type === 'lost')).toEqual([])
    const { slowReader, webSocket, sse, http2 } = summary.requestsByClient
    expect(Math.min(slowReader, webSocket, sse, http2)).toBeGreaterThan(0)
  })
})

/** Sends one request of this kind, and returns what became of it. */
async function ask(kind: ClientKind, port: number, connect = 5000) {
  const losses: Loss[] = []
  let answered = 0
  const client = kinds[kind].create({
    asks: [plain('/', kinds[kind].method)],
    timeouts: { connect, total: 10_000 },
    random: Math.random,
    clock: createClock(),
    pick: () => ({ name: 'old-1', host: '127.0.0.1', port, tls: true }),
    onSent: () => {},
    onAnswered: () => answered++,
    onLost: (loss) => losses.push(loss),
  })
  await client.request(new AbortController().signal)
  client.close()
  return { answered, losses }
}

describe('a client of a server that speaks TLS', () => {
  const oneByOne = Object.keys(kinds).filter((kind) => kind !== 'grpc') as ClientKind[]

  test.each(oneByOne)('is answered, whoever signed the certificate: %s', async (kind) => {
    const server = http2.createSecureServer({ ...pair, allowHTTP1: true }, (request, response) => {
      request.resume()
      response.end()
    })
    const sockets = new WebSocketServer({ noServer: true })
    server.on('upgrade', (request, socket, head) => {
      sockets.handleUpgrade(request, socket, head, (opened) => {
        opened.on('message', (data) => opened.send(String(data)))
        closers.push(() => opened.terminate())
      })
    })
    expect(await ask(kind, await portOf(server))).toEqual({ answered: 1, losses: [] })
  })

  test.each(oneByOne)('gives a handshake up as it does a connection: %s', async (kind) => {
    const silent = net.createServer((socket) => {
      closers.push(() => socket.destroy())
    })
    const { losses } = await ask(kind, await portOf(silent), 100)
    expect(losses).toMatchObject([{ cause: 'timeout' }])
  })

  test.each(oneByOne)('has lost a request whose connection ends in the handshake: %s', async (kind) => {
    const ending = net.createServer((socket) => {
      socket.once('data', () => socket.destroy())
    })
    const { losses } = await ask(kind, await portOf(ending))
    expect(losses).toMatchObject([{ cause: 'reset', pod: 'old-1' }])
  })
})

describe('a kubelet that asks by HTTPS', () => {
  const request = (port: number, userAgent: 'kube-probe/1.26' | 'kube-lifecycle/1.26', timeout?: number) => {
    const limit = timeout === undefined ? {} : { timeout }
    return kubeletGet({ host: '127.0.0.1', port, path: '/readyz', scheme: 'HTTPS', userAgent, ...limit })
  }

  test('is answered by a server of HTTP/1.1, and keeps the connection of the hook only', async () => {
    const seen: Array<string | undefined> = []
    const open = new Set<net.Socket>()
    const server = https.createServer(pair, (request, response) => {
      seen.push(request.headers.connection)
      response.writeHead(request.url === '/readyz' ? 200 : 404).end('ok')
    })
    server.on('secureConnection', (socket) => {
      open.add(socket)
      socket.once('close', () => open.delete(socket))
    })
    const port = await portOf(server)
    expect(await request(port, 'kube-probe/1.26', 5000)).toBe(200)
    await expect.poll(() => open.size).toBe(0)
    expect(await request(port, 'kube-lifecycle/1.26')).toBe(200)
    expect(await request(port, 'kube-probe/1.26', 5000)).toBe(200)
    await expect.poll(() => open.size).toBe(1)
    expect(seen).toEqual(['close', undefined, 'close'])
    for (const socket of open) socket.destroy()
  })

  test('sends a probe over HTTP/2 to a server that speaks it, and a hook over HTTP/1.1', async () => {
    const seen: string[] = []
    const server = http2.createSecureServer({ ...pair, allowHTTP1: true }, (request, response) => {
      seen.push(`${request.httpVersion} ${request.headers['user-agent']} ${request.authority}`)
      response.writeHead(503).end('no')
    })
    const port = await portOf(server)
    expect(await request(port, 'kube-probe/1.26', 5000)).toBe(503)
    expect(await request(port, 'kube-lifecycle/1.26')).toBe(503)
    expect(seen).toEqual([`2.0 kube-probe/1.26 127.0.0.1:${port}`, '1.1 kube-lifecycle/1.26 undefined'])
  })

  test('follows a redirect from HTTP on the same host', async () => {
    const secure = await portOf(https.createServer(pair, (_, response) => response.writeHead(204).end()))
    const plainly = http.createServer((_, response) => {
      response.writeHead(301, { Location: `https://127.0.0.1:${secure}/readyz` }).end()
    })
    const port = await portOf(plainly)
    const userAgent = 'kube-probe/1.26'
    expect(await kubeletGet({ host: '127.0.0.1', port, path: '/readyz', userAgent, timeout: 5000 })).toBe(204)
  })

  test('asks a hook again in plain HTTP that was answered so, and keeps the Authorization to itself', async () => {
    const seen: http.IncomingHttpHeaders[] = []
    const server = http.createServer((request, response) => {
      seen.push(request.headers)
      response.end()
    })
    const headers = { authorization: 'Bearer secret', 'x-token': 'told' }
    const hook = { host: '127.0.0.1', port: await portOf(server), path: '/prestop', scheme: 'HTTPS', headers } as const
    expect(await sendHook(hook)).toBe(200)
    expect(seen).toMatchObject([{ 'user-agent': 'kube-lifecycle/1.26', 'x-token': 'told' }])
    expect(seen[0]).not.toHaveProperty('authorization')
    server.closeAllConnections()
  })

  test('fails in its time when the server is silent, or speaks no TLS', async () => {
    const silent = net.createServer((socket) => {
      closers.push(() => socket.destroy())
    })
    await expect(request(await portOf(silent), 'kube-probe/1.26', 100)).rejects.toThrow('no whole answer within 100 ms')
    const plainly = net.createServer((socket) =>
      socket.once('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    )
    await expect(request(await portOf(plainly), 'kube-probe/1.26', 5000)).rejects.toThrow(/wrong version number/i)
  })
})

describe.concurrent('a first look at an app', () => {
  test.each(Object.keys(servers))('that answers TLS finds where it says that it is ready: %s', async (server) => {
    expect(await look(options({ env: { SERVER: server, BARE: '1' } }), ['/readyz'])).toEqual({
      ready: '/readyz',
      answers: { '/readyz': { status: 200, body: '' } },
    })
  })

  test('that uses TLS without the option names the option', async () => {
    await expect(look(options({ env: { SERVER: 'https', BARE: '1' }, tls: false }))).rejects.toThrow(
      /^The app speaks TLS on port \d+, and is asked in plain HTTP\. Set `tls`/,
    )
  })

  test('that does not use TLS although the option says so is reported', async () => {
    const more = { args: [fixture('server.mjs')], tls: true }
    await expect(look(options(more))).rejects.toThrow(
      /^The app speaks HTTP\/1\.1 on port \d+, and is asked by TLS, as `tls` says$/,
    )
  })
})
