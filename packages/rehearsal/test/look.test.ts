import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sendProbe } from '../src/cluster/kubelet/probe.js'
import { look, type RehearsalOptions, rehearse, WrongAddressError } from '../src/index.js'

const fixture = (name: string) => join(__dirname, 'fixtures', name)

/** An app of one line; it is given `request`, `response`, `env`. */
function app(listener: string, listen = 'env.PORT, env.HOST'): RehearsalOptions {
  const script = `const { env } = process; require('node:http').createServer((request, response) => { ${listener} }).listen(${listen})`
  return { command: process.execPath, args: ['-e', script] }
}

describe.concurrent('a first look at an app', () => {
  test('finds its readiness endpoint, and its response to /', async () => {
    const answers = "response.writeHead(request.url === '/healthz' ? 200 : 404).end()"
    expect(await look(app(answers), ['/'])).toEqual({ ready: '/healthz', answers: { '/': { status: 404, body: '' } } })
  })

  test('waits while it says that it is not ready yet', async () => {
    const answers = 'globalThis.asked ??= Date.now(); response.writeHead(Date.now() - asked > 500 ? 200 : 503).end()'
    const busy = app(`if (request.url === '/readyz') { ${answers} } else response.writeHead(404).end()`)
    expect((await look(busy)).ready).toBe('/readyz')
  })

  test('takes / for readiness where everything is answered', async () => {
    expect(await look(app('response.end()'))).toEqual({ ready: '/', answers: {} })
  })

  test('finds a path with a response of its own, even if every path is answered', async () => {
    const answers = "response.end(request.url === '/healthz' ? 'well' : 'the page')"
    expect(await look(app(answers))).toMatchObject({ ready: '/healthz' })
  })

  test('does not take a temporary status for the usual one', async () => {
    // A rate limiter that lets through every other request of a path.
    const answers = 'globalThis.counts ??= {}; const count = counts[request.url] = (counts[request.url] ?? 0) + 1'
    const limited = app(`${answers}; response.writeHead(count % 2 ? 429 : 200).end()`)
    expect((await look(limited, ['/orders'])).answers).toEqual({ '/orders': { status: 200, body: '' } })
  })

  test('finds nothing where there is nothing', async () => {
    expect((await look(app('response.writeHead(404).end()'))).ready).toBe(null)
  })

  test('requests only what was not given', async () => {
    const only = "if (request.url === '/alive') response.end(); else process.exit(9)"
    expect(await look({ ...app(only), readinessProbe: { path: '/alive' } })).toEqual({ ready: '/alive', answers: {} })
  })

  const timeouts = { total: 300 }

  test('says that a response is an event stream, whose end nobody has to wait for', async () => {
    const events = "if (request.url === '/events') response.writeHead(200, { 'Content-Type': 'text/event-stream' })"
    const options = { ...app(`${events}.write('data: 1\\n\\n'); else response.end()`), timeouts }
    await expect(look({ ...options, requests: { get: '/events' } })).rejects.toThrow(
      /^GET \/events is answered with an event stream, which had not ended after 300 ms$/,
    )
    const mix = [{ path: '/' }, { path: '/events' }]
    await expect(look({ ...options, requests: mix })).rejects.toMatchObject({ path: '/events', isEventStream: true })
    expect(await look({ ...options, requests: { get: '/', sse: '/events' } })).toEqual({ ready: '/', answers: {} })
  })

  test('takes an event stream that ends, or that is an error, for any other response', async () => {
    const type = "{ 'Content-Type': 'text/event-stream' }"
    const options = app(`response.writeHead(request.url === '/none' ? 404 : 200, ${type}).end('data: 1\\n\\n')`)
    const mix = [{ path: '/answer' }, { path: '/none', status: 404 }]
    expect(await look({ ...options, requests: mix })).toEqual({ ready: '/', answers: {} })
    const endless = app(
      `response.writeHead(request.url === '/none' ? 404 : 200, ${type}); if (request.url !== '/none') response.end(); else response.write('no')`,
    )
    await expect(look({ ...endless, timeouts, requests: mix })).rejects.toMatchObject({ isEventStream: false })
  })

  test.each(['get', 'stream'])(
    'says that the response of `%s` does not end, when it has lasted as long as clients wait',
    async (kind) => {
      const options = app("response.write('begun'); if (request.url !== '/feed') response.end()")
      await expect(look({ ...options, timeouts, requests: { [kind]: '/feed' } })).rejects.toMatchObject({
        message: 'The response to GET /feed had begun, and had not ended after 300 ms',
        isEventStream: false,
      })
    },
  )

  test('says where it listens instead', async ({ skip }) => {
    skip(process.platform !== 'linux', 'finds what a process listens on in /proc')
    const error = await look(app('response.end()', '0, env.HOST')).catch((error) => error)
    expect(error).toBeInstanceOf(WrongAddressError)
    expect(error.listeners).toHaveLength(1)
    expect(error.isHost).toBe(false)
    expect(error.message).toMatch(/^The app listens on port \d+, and not on \$PORT, which was \d+$/)
  })

  test('says that it listens on another address', async ({ skip }) => {
    skip(process.platform !== 'linux', 'finds what a process listens on in /proc')
    const error = await look(app('response.end()', "env.PORT, '::1'")).catch((error) => error)
    expect(error).toBeInstanceOf(WrongAddressError)
    expect(error.isHost).toBe(true)
    expect(error.message).toMatch(/^The app listens on \[::1\]:\d+, and not on \$HOST, which was 127\.0\.0\.1$/)
  })

  test('says that it speaks TLS', async () => {
    const alert = 'socket.once("data", () => socket.end(Buffer.from([21, 3, 3, 0, 2, 2, 70])))'
    const script = `require('node:net').createServer((socket) => ${alert}).listen(process.env.PORT, process.env.HOST)`
    await expect(look({ command: process.execPath, args: ['-e', script] })).rejects.toThrow(
      'The app speaks TLS on port',
    )
  })

  test('says that it speaks only HTTP/2', async () => {
    const script = `require('node:http2').createServer().listen(process.env.PORT, process.env.HOST)`
    await expect(look({ command: process.execPath, args: ['-e', script] })).rejects.toThrow(
      'The app speaks HTTP/2 without TLS on port',
    )
  })

  test('says that it speaks no HTTP', async () => {
    const script = `require('node:net').createServer((socket) => socket.on('error', () => {}).write('SSH-2.0-x\\r\\n')).listen(process.env.PORT, process.env.HOST)`
    await expect(look({ command: process.execPath, args: ['-e', script] })).rejects.toThrow(
      /^The app does not speak HTTP on port \d+$/,
    )
  })

  test('says that it accepts a connection, and no more', async () => {
    const script = `require('node:net').createServer().listen(process.env.PORT, process.env.HOST)`
    await expect(look({ command: process.execPath, args: ['-e', script], startupTimeout: 8000 })).rejects.toThrow(
      /was not ready after 8000 ms \((?:GET \S+ was not answered within 1000 ms|a connection was accepted, and nothing answered yet)\)/,
    )
  })

  test('ends with the signal, and leaves no process', async () => {
    const stop = new AbortController()
    const looking = look({ ...app('response.writeHead(503).end()'), signal: stop.signal })
    stop.abort(new Error('enough'))
    await expect(looking).rejects.toThrow('enough')
  })
})

describe.concurrent('an app', () => {
  test('can take its address as arguments', async () => {
    const { args = [], command } = app('response.end()', 'process.argv[1], process.argv[2]')
    expect(await look({ command, args: [...args, '{port}', '{host}'] })).toMatchObject({ ready: '/' })
  })

  test('that drains for longer than `startupTimeout` is not reported as one that does not start', async () => {
    const { summary } = await rehearse({
      command: process.execPath,
      args: [fixture('server.mjs')],
      env: { HOOK_MS: '4000' },
      replicas: 1,
      startupTimeout: 5000,
      warmUp: 3000,
      preStop: { httpGet: { path: '/prestop' } },
      readinessProbe: { periodSeconds: 0.1, timeoutSeconds: 5 },
    })
    expect(summary.exits).toEqual({ 'exit 0': 1 })
  })
})

describe('a readiness probe without a path', () => {
  test('asks for a connection and nothing more', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const times = {
      initialDelaySeconds: 0,
      periodSeconds: 1,
      successThreshold: 1,
      failureThreshold: 1,
      timeoutSeconds: 5,
    }
    const probe = { path: null, ...times }
    const pod = { host: '127.0.0.1', port, exec: () => expect.fail('there is no command') }
    expect(await sendProbe(pod, probe)).toEqual({
      ok: true,
      found: `connecting to port ${port} worked`,
    })
    server.close()
    await once(server, 'close')
    const refused = await sendProbe(pod, probe)
    expect(refused.ok).toBe(false)
    expect(refused.found).toMatch(/^connecting to port \d+ failed: connect ECONNREFUSED/)
  })
})
