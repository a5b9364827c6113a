import { io, type Socket } from 'socket.io-client'
import { describe, type TestContext, test } from 'vitest'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

const transports = { WebSocket: ['websocket'], 'long polling': ['polling'], 'long polling, then WebSocket': undefined }

describe.concurrent('a service with socket.io', () => {
  async function serve(context: TestContext) {
    const upstream = await Upstream.start(context)
    return { service: await Service.start(context, 'socketio.js', { UPSTREAM_URL: upstream.url }), upstream }
  }

  function clientOf({ onTestFinished }: TestContext, port: number, transports?: string[], options = {}): Socket {
    const ways = transports ? { transports } : {}
    const client = io(`http://127.0.0.1:${port}`, { ...ways, reconnectionDelay: 200, forceNew: true, ...options })
    onTestFinished(() => void client.close())
    return client
  }

  test.for(Object.entries(transports))(
    'acknowledges what is in progress at SIGTERM over %s, and its client may come back',
    async ([, ways], context) => {
      const { expect } = context
      const { service, upstream } = await serve(context)
      const client = clientOf(context, service.port, ways, { reconnection: false })
      await new Promise<void>((resolve) => client.on('connect', resolve))
      const reason = new Promise((resolve) => client.on('disconnect', resolve))
      const answer = client.emitWithAck('price', 'slow')
      await expect.poll(upstream.held).toBe(1)
      service.signal('SIGTERM')
      await service.line(/draining because of SIGTERM/)
      upstream.release()
      expect(await answer).toEqual({ price: 2 })
      // A client that was disconnected by the server would say "io server disconnect", and stay away.
      expect(await reason).toBe('transport close')
      expect(await service.exit).toEqual([0, null])
      expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing forced/)
    },
  )

  test('leads clients of every transport to another one, and has every message acknowledged', async (context) => {
    const { expect } = context
    const { service: leaving, upstream: asked } = await serve(context)
    const { service: staying, upstream: askedThen } = await serve(context)
    const balancer = await Relay.open(context, { port: leaving.port })
    const failures: unknown[] = []
    let over = false
    context.onTestFinished(() => {
      over = true
    })
    /** Sends one message after the other, and counts those that were acknowledged. */
    const clients = Object.values(transports).flatMap((ways) =>
      [1, 2, 3].map(() => {
        const client = clientOf(context, balancer.port, ways, { retries: 100, ackTimeout: 5000 })
        return { client, sent: 0 }
      }),
    )
    const load = clients.map(async (own, number) => {
      while (!over) {
        await own.client.emitWithAck('price', `${number}.${own.sent}`).then(
          () => own.sent++,
          (error) => failures.push(error),
        )
      }
    })
    await expect.poll(() => clients.every(({ sent }) => sent > 10)).toBe(true)
    leaving.signal('SIGTERM')
    await leaving.line(/draining because of SIGTERM/)
    // As kube-proxy: new connections go elsewhere, those that are there stay.
    balancer.target = { port: staying.port }
    expect(await leaving.exit).toEqual([0, null])
    expect(leaving.lines.join('\n')).toMatch(/nothing forced/)
    const before = clients.map(({ sent }) => sent)
    await expect.poll(() => clients.every(({ sent }, number) => sent > Number(before[number]) + 10)).toBe(true)
    over = true
    await Promise.all(load)
    expect(failures).toEqual([])
    const handled = new Set([...asked.asked, ...askedThen.asked])
    for (const [number, { sent }] of clients.entries()) {
      for (let order = 0; order < sent; order++) expect(handled).toContain(`${number}.${order}`)
    }
  })
})
