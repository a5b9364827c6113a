import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { runInNewContext } from 'node:vm'
import { describe, expect, onTestFinished, test } from 'vitest'
import { drainServer } from '../src/index.js'
import {
  ask,
  Client,
  FakeClock,
  FakeProcess,
  gate,
  listen,
  type Pod,
  serve,
  short,
  turns,
  uncaught,
} from './support.js'

/** A handler that goes on after its client has disconnected. */
async function abandoned(options = {}, fails = false): Promise<{ pod: Pod; work: ReturnType<typeof gate> }> {
  const work = gate()
  const reached = gate()
  const pod = await serve(async (_request, response) => {
    reached.open()
    await work.opened
    if (fails) throw new Error('on purpose')
    response.end()
  }, options)
  const client = await Client.open(pod.port)
  client.get('/order?secret')
  await reached.opened
  client.abort()
  await client.end()
  await expect.poll(() => pod.drain.inFlight).toBe(0)
  return { pod, work }
}

describe('a handler whose client has disconnected', () => {
  test('is not in flight, but is named, and onClose hooks run only when it has finished', async () => {
    const { pod, work } = await abandoned({ terminationGracePeriodSeconds: 30 })
    const order: string[] = []
    pod.drain.onClose(() => void order.push('pool closed'))
    expect(pod.drain.status().tasks).toEqual(['GET /order, whose client has gone'])
    const ended = pod.drain.start()
    await new Promise((resolve) => setTimeout(resolve, short.settle.min * 3))
    expect(pod.drain.state).toBe('draining')
    order.push('handler ended')
    work.open()
    expect(await ended).toMatchObject({ clean: true, unfinishedTasks: [] })
    expect(order).toEqual(['handler ended', 'pool closed'])
  })

  test('that does not finish within `hookTimeout` does not delay the end any longer', async () => {
    const { pod } = await abandoned({ terminationGracePeriodSeconds: 300, hookTimeout: 400 })
    const report = await pod.drain.start()
    expect(report).toMatchObject({ clean: true, unfinishedTasks: [] })
    expect(report.durationMs).toBeLessThan(150_000)
    expect(pod.drain.status().tasks).toEqual([])
  })

  test('that still runs at the deadline is named', async () => {
    const { pod } = await abandoned({ terminationGracePeriodSeconds: 2 })
    expect(await pod.drain.start()).toMatchObject({
      clean: false,
      cut: [],
      unfinishedTasks: ['GET /order, whose client has gone'],
    })
  })

  test('is forgotten after `hookTimeout`, however many there are', async () => {
    const clock = new FakeClock()
    const never = new Promise(() => {})
    const server = createServer(() => never)
    const drain = drainServer(server, { clock, process: new FakeProcess(), logger: false, hookTimeout: 5000 })
    onTestFinished(() => drain.dispose())
    const port = await listen(server)
    for (let round = 0; round < 3; round++) {
      const client = await Client.open(port)
      const arrived = once(server, 'request')
      client.get('/')
      await arrived
      client.abort()
      await expect.poll(() => drain.status().tasks.length).toBe(1)
      clock.advance(5001)
      expect(drain.status().tasks).toEqual([])
    }
  })

  test('and that returned a promise of another realm, as under Jest, is waited for, too', async () => {
    const { resolve, promise } = runInNewContext(
      'let resolve; const promise = new Promise((it) => { resolve = it }); ({ resolve, promise })',
    ) as { resolve(): void; promise: Promise<void> }
    const { drain, port } = await serve(() => promise as never)
    const client = await Client.open(port)
    client.get('/order')
    await expect.poll(() => drain.inFlight).toBe(1)
    client.abort()
    await expect.poll(() => drain.status().tasks).toEqual(['GET /order, whose client has gone'])
    resolve()
    await expect.poll(() => drain.status().tasks).toEqual([])
  })

  test('over HTTP/2 is waited for as well', async () => {
    const work = gate()
    const server = createHttp2Server(async (_request, response) => {
      await work.opened
      response.end()
    })
    const drain = drainServer(server, { ...short, terminationGracePeriodSeconds: 30, signals: false, logger: false })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => session.destroy())
    const stream = session.request({ ':path': '/order?secret' })
    stream.on('error', () => {})
    await once(server, 'stream')
    stream.close()
    await expect.poll(() => drain.status().tasks).toEqual(['GET /order, whose client has gone'])
    expect(drain.inFlight).toBe(0)
    work.open()
    expect(await drain.start()).toMatchObject({ clean: true })
  })

  test('is waited for with the handler of the earlier request, if the client pipelines', async () => {
    const work = gate()
    const both = gate()
    const { drain, port } = await serve(async (request) => {
      if (request.url === '/second') both.open()
      await work.opened
    })
    const client = await Client.open(port)
    client.send('GET /first HTTP/1.1\r\nHost: pod\r\n\r\nGET /second HTTP/1.1\r\nHost: pod\r\n\r\n')
    await both.opened
    await turns()
    client.abort()
    await expect.poll(() => drain.status().tasks).toContain('GET /first, whose client has gone')
    work.open()
    await expect.poll(() => drain.status().tasks).toEqual([])
  })

  test('that has responded before, or has finished, is not waited for', async () => {
    const work = gate()
    const { drain, port } = await serve(async (request, response) => {
      response.end('ok')
      if (request.url === '/works-on') await work.opened
    })
    for (const path of ['/works-on', '/']) {
      const client = await Client.open(port)
      await client.get(path).until(/ok/)
      client.abort()
    }
    await expect.poll(() => drain.inFlight).toBe(0)
    await turns()
    expect(drain.status().tasks).toEqual([])
    work.open()
  })

  test('that returned a lazy query does not run the query a second time', async () => {
    let runs = 0
    const reached = gate()
    const query = {
      // biome-ignore lint/suspicious/noThenProperty: as query builders have it
      then() {
        runs++
        throw new Error('has run already')
      },
    }
    const pod = await serve(() => {
      reached.open()
      return query as unknown as undefined
    })
    const client = await Client.open(pod.port)
    client.get('/')
    await reached.opened
    client.abort()
    await expect.poll(() => pod.drain.inFlight).toBe(0)
    expect(runs).toBe(0)
    expect(pod.drain.status().tasks).toEqual([])
  })

  test('and that fails is an unhandled rejection, as without a drain', async () => {
    const unhandled = uncaught('unhandledRejection')
    const { pod, work } = await abandoned({}, true)
    expect(pod.drain.status().tasks).toHaveLength(1)
    work.open()
    await expect.poll(() => unhandled).toMatchObject([{ message: 'on purpose' }])
    expect(pod.drain.status().tasks).toEqual([])
    expect(pod.log.matching(/^(warn|error)/)).toEqual([])
  })
})

test('a listener that rejects is answered with 500 under captureRejections, as without a drain', async () => {
  EventEmitter.captureRejections = true
  const server = createServer()
  EventEmitter.captureRejections = false
  const work = gate()
  server.on('request', async (request: IncomingMessage, _response: ServerResponse) => {
    if (request.url === '/waits') await work.opened
    throw new Error('on purpose')
  })
  const drain = drainServer(server, { signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  const port = await listen(server)
  expect(await ask(port)).toMatchObject({ status: 500 })
  const client = await Client.open(port)
  client.get('/waits')
  await expect.poll(() => drain.inFlight).toBe(1)
  client.abort()
  await expect.poll(() => drain.status().tasks).toHaveLength(1)
  work.open() // no client is left; an unhandled rejection would fail the test in vitest
  await expect.poll(() => drain.status().tasks).toEqual([])
  await turns()
})

describe('a promise that is passed to handling()', () => {
  async function gone() {
    const exchanges: [IncomingMessage, ServerResponse][] = []
    const pod = await serve((...exchange) => void exchanges.push(exchange))
    return { ...pod, exchanges }
  }

  test('after its client has disconnected is waited for', async () => {
    const { drain, port, exchanges } = await gone()
    const work = gate()
    const client = await Client.open(port)
    client.get('/order')
    await expect.poll(() => exchanges).toHaveLength(1)
    client.abort()
    await expect.poll(() => drain.inFlight).toBe(0)
    const [, response] = exchanges[0] as [IncomingMessage, ServerResponse]
    drain.handling(response, work.opened)
    expect(drain.status().tasks).toEqual([expect.stringContaining('whose client has gone')])
    work.open()
    await expect.poll(() => drain.status().tasks).toEqual([])
  })

  test('for the first of two pipelined requests is named by the path of the first', async () => {
    const { drain, port, exchanges } = await gone()
    const work = gate()
    const client = await Client.open(port)
    client.get('/first').get('/second')
    await expect.poll(() => exchanges).toHaveLength(2)
    const [, response] = exchanges[0] as [IncomingMessage, ServerResponse]
    drain.handling(response, work.opened)
    client.abort()
    await expect.poll(() => drain.status().tasks).toEqual(['GET /first, whose client has gone'])
    work.open()
    await expect.poll(() => drain.status().tasks).toEqual([])
  })

  test('and that rejects causes no unhandled rejection, because its creator handles it', async () => {
    const { drain, port, exchanges } = await gone()
    const unhandled = uncaught('unhandledRejection')
    const turn = gate()
    const work = turn.opened.then(() => {
      throw new Error('on purpose')
    })
    work.catch(() => {}) // as a framework does, which then responds with 500
    const client = await Client.open(port)
    client.get('/order')
    await expect.poll(() => exchanges).toHaveLength(1)
    const [, response] = exchanges[0] as [IncomingMessage, ServerResponse]
    drain.handling(response, work)
    client.abort()
    await expect.poll(() => drain.status().tasks).toHaveLength(1)
    turn.open()
    await expect.poll(() => drain.status().tasks).toEqual([])
    await turns()
    expect(unhandled).toEqual([])
  })

  test.each([
    ['before the listener returns', 0],
    ['when the listener has returned', 1],
  ])('%s does not end the wait: the listener may go on after it', async (_when, wait) => {
    const [reached, early, late] = [gate(), gate(), gate()]
    const { drain, port } = await serve(async (_request, response) => {
      if (wait > 0) await turns(wait)
      drain.handling(response, early.opened)
      reached.open()
      await late.opened
    })
    const client = await Client.open(port)
    client.get('/order')
    await reached.opened
    client.abort()
    await expect.poll(() => drain.status().tasks).toHaveLength(1)
    early.open()
    await turns()
    expect(drain.status().tasks).toHaveLength(1)
    late.open()
    await expect.poll(() => drain.status().tasks).toEqual([])
  })

  test('does not count as a task while its client is connected', async () => {
    const { drain, port, exchanges } = await gone()
    const client = await Client.open(port)
    client.get('/order')
    await expect.poll(() => exchanges).toHaveLength(1)
    const [, response] = exchanges[0] as [IncomingMessage, ServerResponse]
    drain.handling(response, new Promise(() => {}))
    expect(drain.status().tasks).toEqual([])
    response.end('ok')
    await client.until(/ok$/)
  })
})

test('a handler of a listener that was added after watch() is waited for like any other', async () => {
  const work = gate()
  const { drain, port, server } = await serve(() => {})
  const client = await Client.open(port)
  await turns()
  server.on('request', () => work.opened) // the only change to the listeners of the server from here on
  await turns()
  client.get('/order')
  await expect.poll(() => drain.inFlight).toBe(1)
  client.abort()
  await expect.poll(() => drain.status().tasks).toEqual(['GET /order, whose client has gone'])
  work.open()
  await expect.poll(() => drain.status().tasks).toEqual([])
})
