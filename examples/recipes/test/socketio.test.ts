import { io, type Socket } from 'socket.io-client'
import { describe, type TestContext, test } from 'vitest'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

const transports = { WebSocket: ['websocket'], 'long polling': ['polling'], 'long polling, then WebSocket': undefined }

describe.concurrent('a service with socket.io', () => {
  async function serve(context: TestContext, ...flags: string[]) {
    const upstream = await Upstream.start(context)
    const service = await Service.start(context, [...flags, 'socketio.js'], { UPSTREAM_URL: upstream.url })
    return { service, upstream }
  }

  function clientOf({ onTestFinished }: TestContext, port: number, transports?: string[], options = {}): Socket {
    const ways = transports ? { transports } : {}
    const client = io(`http://127.0.0.1:${port}`, { ...ways, reconnectionDelay: 200, forceNew: true, ...options })
    onTestFinished(() => void client.close())
    return client
  }

  test.for(Object.entries(transports))(
    'acknowledges the message in progress at SIGTERM over %s, and the client may reconnect',
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
      // After disconnect() of the server, the reason would be "io server disconnect", and the client would not reconnect.
      expect(await reason).toBe('transport close')
      expect(await service.exit).toEqual([0, null])
      expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    },
  )

  test('loses no message of clients that reconnect to it while the load balancer still sends, over any transport', async (context) => {
    const { expect } = context
    // With this preload, podrain sheds its WebSockets at nine tenths of the ramp, long after the recipe has closed them.
    const { service: leaving, upstream } = await serve(context, '--import=data:text/javascript,Math.random=()=>0.9')
    const { service: staying } = await serve(context)
    const balancer = await Relay.open(context, { port: leaving.port })
    /** The pause between an acknowledgement and the next message. It is longer than a close after the acknowledgement takes. */
    const think = async () => {
      for (let trip = 0; trip < 5; trip++) await fetch(`http://127.0.0.1:${balancer.port}/readyz`).catch(() => {})
    }
    const lost: unknown[] = []
    let over = false
    context.onTestFinished(() => {
      over = true
    })
    const clients = Object.values(transports).flatMap((ways) =>
      [1, 2, 3].map(() => {
        const client = clientOf(context, balancer.port, ways, { reconnectionDelay: 20, reconnectionDelayMax: 50 })
        const own = { client, answered: 0, attempts: 0 }
        client.io.on('reconnect_attempt', () => own.attempts++)
        return own
      }),
    )
    const load = clients.map(async (own, number) => {
      for (let sku = 'slow'; !over; sku = `${number}.${own.answered}`) {
        await own.client.emitWithAck('price', sku).then(
          () => own.answered++,
          (error) => lost.push(error),
        )
        await think()
      }
    })
    await expect.poll(upstream.held).toBe(clients.length)
    leaving.signal('SIGTERM')
    await leaving.line(/draining because of SIGTERM/)
    upstream.release()
    await expect.poll(() => clients.every(({ attempts }) => attempts >= 5)).toBe(true)
    balancer.target = { port: staying.port }
    const before = clients.map(({ answered }) => answered)
    await expect.poll(() => clients.every(({ answered }, number) => answered > Number(before[number]) + 3)).toBe(true)
    over = true
    await Promise.all(load)
    expect(lost).toEqual([])
    expect(await leaving.exit).toEqual([0, null])
    expect(leaving.lines.join('\n')).toMatch(/nothing cut/)
  })

  test('moves clients of every transport to another pod, and every message is acknowledged', async (context) => {
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
    // As with kube-proxy, new connections go to the other pod, and open connections stay.
    balancer.target = { port: staying.port }
    expect(await leaving.exit).toEqual([0, null])
    expect(leaving.lines.join('\n')).toMatch(/nothing cut/)
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
