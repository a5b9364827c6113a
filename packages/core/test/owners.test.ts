import cluster from 'node:cluster'
import { once } from 'node:events'
import http, { createServer } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { Server } from 'node:net'
import { BroadcastChannel, Worker } from 'node:worker_threads'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import {
  attach,
  checkOptions,
  Drain,
  drainCluster,
  drainClusterUnlessDrained,
  drainServer,
  drainThread,
  isControlServer,
  isDrained,
  isWatched,
  threadWithDrain,
} from '../src/index.js'
import { ask, Client, FakeClock, FakeProcess, gate, Log, listen, sayOk, short, slow } from './support.js'

const options = { ...short, signals: false, logger: false } as const

/** A second copy of the package, as a preload may have it. */
async function anotherCopy(): Promise<typeof import('../src/index.js')> {
  vi.resetModules()
  const copy = await import('../src/index.js')
  expect(copy.Drain).not.toBe(Drain)
  return copy
}

/** A server that is watched by a drain with `onRelease`. */
function lent(server: Server = createServer(sayOk)) {
  const drain = new Drain(options)
  onTestFinished(() => drain.dispose())
  const onRelease = vi.fn()
  drain.watch(server, { onRelease })
  return { server, drain, onRelease }
}

describe('a server that is watched with `onRelease`', () => {
  test.each(['this', 'another'])('is taken over by a drain of %s copy of the package', async (copy) => {
    const { server, drain, onRelease } = lent()
    const { drainServer } = copy === 'this' ? await import('../src/index.js') : await anotherCopy()
    const port = await listen(server)
    await ask(port)
    expect(onRelease).not.toHaveBeenCalled()
    const own = drainServer(server, options)
    onTestFinished(() => own.dispose())
    expect(onRelease).toHaveBeenCalledOnce()
    void drain.prestop()
    expect((await ask(port, '/readyz')).status, 'the first drain has no say any longer').toBe(200)
    void own.prestop()
    expect((await ask(port, '/readyz')).status).toBe(503)
    await Promise.all([drain.dispose(), own.start()])
    expect(server.listening).toBe(false)
  })

  test('is closed by the new drain, and the first drain does not report that as an early close', async () => {
    const clock = new FakeClock()
    const log = new Log()
    const server = createServer(sayOk)
    const drain = new Drain({ ...slow, clock, signals: false, logger: log })
    drain.watch(server, { onRelease: () => {} })
    const client = await Client.open(await listen(server))
    await client.get('/').until(/ok$/)
    const report = drain.start()
    await drainServer(server, options).start({ settle: false })
    expect(server.listening).toBe(false)
    expect(await clock.through(report)).toMatchObject({ closedEarly: [] })
    expect(log.matching(/^(error|warn)/)).toEqual([])
  })

  test('leaves a request in flight to the new drain', async () => {
    const answer = gate()
    const { server, drain, onRelease } = lent(
      createServer(async (_request, response) => {
        await answer.opened
        response.end('late')
      }),
    )
    const port = await listen(server)
    const arrived = once(server, 'request')
    const asked = ask(port)
    await arrived
    const own = drainServer(server, options)
    expect(onRelease).toHaveBeenCalledOnce()
    await drain.dispose()
    const report = own.start()
    await expect.poll(() => own.state).toBe('draining')
    answer.open()
    expect((await asked).body).toBe('late')
    expect(await report).toMatchObject({ clean: true, cut: [] })
  })

  test('is taken over by the drain of a middleware at its first request, and no request is cut', async () => {
    const answer = gate()
    const middleware = attach(options)
    onTestFinished(() => middleware.drain.dispose())
    const { server, drain, onRelease } = lent(
      createServer(async (request, response) => {
        if (request.url === '/elsewhere') await answer.opened
        else if (middleware.handle(request, response)) return
        response.end('ok')
      }),
    )
    const port = await listen(server)
    const arrived = once(server, 'request')
    const elsewhere = ask(port, '/elsewhere')
    await arrived
    expect(drain.inFlight).toBe(1)
    expect((await ask(port, '/')).body).toBe('ok')
    expect(onRelease).toHaveBeenCalledOnce()
    await drain.dispose()
    const report = middleware.drain.start()
    expect((await ask(port, '/readyz')).status).toBe(503)
    answer.open()
    expect((await elsewhere).body).toBe('ok')
    expect(await report).toMatchObject({ clean: true, cut: [] })
  })

  test('counts the first request of a middleware once, until its response has closed', async () => {
    const middleware = attach(options)
    onTestFinished(() => middleware.drain.dispose())
    const { server, drain } = lent(
      createServer((request, response) => {
        if (middleware.handle(request, response)) return
        response.end(`in flight: ${middleware.drain.inFlight}`)
      }),
    )
    const port = await listen(server)
    const client = await Client.open(port)
    for (const times of [1, 2, 3]) await client.get('/').until(/in flight: 1/, times)
    await expect.poll(() => [drain.inFlight, middleware.drain.inFlight]).toEqual([0, 0])
  })

  test('is released when it has closed, so that it can be garbage-collected', async () => {
    const { server, onRelease } = lent()
    await listen(server)
    server.close()
    await once(server, 'close')
    expect(onRelease).toHaveBeenCalledOnce()
    expect(isWatched(server)).toBe(false)
  })

  test('is not released when its own drain closes it', async () => {
    const { server, drain, onRelease } = lent()
    await listen(server)
    await drain.start()
    expect(server.listening).toBe(false)
    expect(onRelease).not.toHaveBeenCalled()
  })

  test.each(['onRelease', 'a middleware'])(
    'or found by a request, may be closed once more by a listener of the signal (%s)',
    async (way) => {
      const source = new FakeProcess()
      const { drain, handle } = attach({ ...short, logger: false, process: source })
      const server = createServer((request, response) => {
        if (!handle(request, response)) response.end('ok')
      })
      if (way === 'onRelease') drain.watch(server, { onRelease: () => {} })
      await ask(await listen(server))
      expect(await source.signal('SIGTERM')).toBe(true)
      const failed = await new Promise((resolve) => server.close(resolve))
      expect(failed).toBeUndefined()
    },
  )

  test('is taken over with the streams of its HTTP/2 sessions', async () => {
    const answer = gate()
    const { server, drain, onRelease } = lent(
      createHttp2Server(async (request, response) => {
        if (request.url === '/slow') await answer.opened
        response.end(request.url)
      }),
    )
    const session = connect(`http://127.0.0.1:${await listen(server)}`)
    onTestFinished(() => session.destroy())
    const slow = session.request({ ':path': '/slow' }).setEncoding('utf8')
    await expect.poll(() => drain.inFlight).toBe(1)
    const own = drainServer(server, options)
    expect(onRelease).toHaveBeenCalledOnce()
    await once(session.request({ ':path': '/' }).resume(), 'end')
    expect([drain.inFlight, own.inFlight]).toEqual([0, 1])
    const report = own.start()
    await expect.poll(() => own.state).toBe('draining')
    answer.open()
    expect(await once(slow, 'data')).toEqual(['/slow'])
    expect(await report).toMatchObject({ clean: true, cut: [] })
    expect(own.inFlight).toBe(0)
  })
})

test('a server that another copy of the package watches without `onRelease` is refused', async () => {
  const server = createServer(sayOk)
  const copy = await anotherCopy()
  const drain = copy.drainServer(server, options)
  onTestFinished(() => drain.dispose())
  expect(isWatched(server)).toBe(true)
  expect(() => drainServer(server, options)).toThrow('This server is already watched by another Drain')
})

test('the server of a control port is recognised', async () => {
  const created = vi.spyOn(http, 'createServer')
  const { drain } = attach({ ...options, controlPort: 0 }, false)
  onTestFinished(() => drain.dispose())
  const copy = await anotherCopy()
  for (const { isControlServer: isOurs } of [{ isControlServer }, copy]) {
    expect(isOurs(created.mock.results[0]?.value)).toBe(true)
    expect(isOurs(createServer())).toBe(false)
  }
})

test.each<[object, string]>([
  [{ behnd: 'envoy' }, 'Unknown option `behnd`'],
  [{ settle: { min: -1 } }, 'Expected `settle.min`'],
  [{ controlPort: 'http' }, 'Expected `controlPort`'],
  [{ endpoints: { readyz: 'ready' } }, 'Expected `endpoints.readyz`'],
  [{ platform: 'kubernetes', settle: { min: 40_000 } }, 'gives 30000 ms'],
])('checkOptions() refuses %o as an adapter does', (options, message) => {
  expect(() => checkOptions(options)).toThrow(message)
})

test('a server that closes keeps the drain that has taken it over from a middleware', async () => {
  const first = attach(options)
  const server = createServer((request, response) => {
    if (!first.handle(request, response)) response.end('ok')
  })
  await ask(await listen(server)) // the middleware finds its server
  await first.drain.dispose()
  const second = new Drain(options).watch(server)
  onTestFinished(() => second.dispose())
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
  const third = new Drain(options)
  onTestFinished(() => third.dispose())
  expect(() => third.watch(server)).toThrow('already watched by another Drain')
})

test('checkOptions() logs nothing and has no effect', () => {
  const warned = vi.spyOn(console, 'warn')
  const before = process.listenerCount('SIGTERM')
  checkOptions({ platform: 'none', settle: { min: 40_000 } })
  checkOptions({ controlPort: 0, controlSocket: `/${'x'.repeat(89)}` }) // the longest allowed path
  expect(warned).not.toHaveBeenCalled()
  expect(process.listenerCount('SIGTERM')).toBe(before)
})

describe('drainClusterUnlessDrained()', () => {
  const primary = { signals: false, logger: false } as const
  const listeners = () => ['fork', 'message', 'listening', 'exit'].map((event) => cluster.listenerCount(event))
  const before = listeners()
  afterEach(() => {
    expect(listeners()).toEqual(before)
    expect(process.env.PODRAIN_PRIMARY).toBeUndefined()
  })

  test('is replaced by drainCluster()', async () => {
    drainClusterUnlessDrained(primary)
    expect(process.env.PODRAIN_PRIMARY).toBe(String(process.pid))
    const drain = drainCluster(primary)
    expect(listeners()).toEqual(before.map((count) => count + 1))
    expect(() => drainCluster(primary)).toThrow('drainCluster() was called twice')
    expect(process.env.PODRAIN_PRIMARY).toBe(String(process.pid))
    await drain.dispose()
  })

  test('does nothing after drainCluster()', async () => {
    const drain = drainCluster(primary)
    drainClusterUnlessDrained(primary)
    expect(listeners()).toEqual(before.map((count) => count + 1))
    await drain.dispose()
  })
})

test('a thread with a drain announces itself, and isDrained() knows whether it is drained', async () => {
  const channel = new BroadcastChannel('podrain')
  onTestFinished(() => channel.close())
  const heard = new Promise((resolve) => {
    channel.onmessage = (event: unknown) => {
      const id = threadWithDrain((event as { data: unknown }).data)
      if (id !== undefined) resolve(id)
    }
  })
  const core = JSON.stringify(require.resolve('@podrain/core'))
  const thread = new Worker(`new (require(${core}).Drain)({ logger: false }); setInterval(() => {}, 1000)`, {
    eval: true,
  })
  onTestFinished(async () => void (await thread.terminate()))
  expect(await heard).toBe(thread.threadId)
  expect(isDrained(thread)).toBe(false)
  const drain = new Drain({ ...options, logger: new Log() })
  drainThread(drain, thread)
  expect(isDrained(thread)).toBe(true)
  expect(threadWithDrain('hello')).toBeUndefined()
  await drain.start()
})
