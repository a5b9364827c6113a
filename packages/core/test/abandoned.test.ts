import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, createServer as createHttp2Server } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { drainServer } from '../src/index.js'
import { ask, Client, FakeClock, FakeProcess, gate, listen, type Pod, serve, short, turns } from './support.js'

/** A handler that works on after its client has gone. */
async function abandoned(options = {}): Promise<{ pod: Pod; work: ReturnType<typeof gate> }> {
  const work = gate()
  const reached = gate()
  const pod = await serve(async (_request, response) => {
    reached.open()
    await work.opened
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

describe('a handler whose client has gone', () => {
  test('is not in flight, but named, and the pool is closed only when it has ended', async () => {
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

  test('that does not end within `hookTimeout` waits for something that never comes, and holds nothing', async () => {
    const { pod } = await abandoned({ terminationGracePeriodSeconds: 30, hookTimeout: 400 })
    const report = await pod.drain.start()
    expect(report).toMatchObject({ clean: true, unfinishedTasks: [] })
    expect(report.durationMs).toBeLessThan(15_000)
    expect(pod.drain.status().tasks).toEqual([])
  })

  test('that still runs at the deadline is named', async () => {
    const { pod } = await abandoned({ terminationGracePeriodSeconds: 2 })
    expect(await pod.drain.start()).toMatchObject({
      clean: false,
      forced: [],
      unfinishedTasks: ['GET /order, whose client has gone'],
    })
  })

  test('is forgotten after its time, however many there are', async () => {
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

  test('that has answered before, or has ended, is nothing to wait for', async () => {
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

  test('and that failed is nobody’s business but the application’s', async () => {
    const { pod, work } = await abandoned()
    expect(pod.drain.status().tasks).toHaveLength(1)
    work.open() // it writes on a response that is closed, which does not throw
    await expect.poll(() => pod.drain.status().tasks).toEqual([])
    expect(pod.log.matching(/^(warn|error)/)).toEqual([])
  })
})

test('a listener that rejects is answered with 500 under captureRejections, as without a drain', async () => {
  EventEmitter.captureRejections = true
  const server = createServer()
  EventEmitter.captureRejections = false
  server.on('request', async (_request: IncomingMessage, _response: ServerResponse) => {
    throw new Error('on purpose')
  })
  const drain = drainServer(server, { signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  expect(await ask(await listen(server))).toMatchObject({ status: 500 })
})
