import {
  createTRPCClient,
  createWSClient,
  httpLink,
  httpSubscriptionLink,
  splitLink,
  type TRPCLink,
  wsLink,
} from '@trpc/client'
import { EventSource } from 'eventsource'
import { describe, type TestContext, test } from 'vitest'
import { WebSocket } from 'ws'
import type { router } from '../trpc.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

type Router = typeof router

const links: Record<string, (context: TestContext, host: string) => TRPCLink<Router>> = {
  SSE: (_context, host) => httpSubscriptionLink({ url: `http://${host}`, EventSource }),
  WebSocket: ({ onTestFinished }, host) => {
    const client = createWSClient({ url: `ws://${host}`, WebSocket: WebSocket as never })
    onTestFinished(() => void client.close())
    return wsLink({ client })
  },
}

describe.concurrent('a service with tRPC', () => {
  async function serve(context: TestContext) {
    const upstream = await Upstream.start(context)
    return { service: await Service.start(context, 'trpc.js', { UPSTREAM_URL: upstream.url }), upstream }
  }

  function clientOf(host: string, subscriptions: TRPCLink<Router>) {
    const rest = httpLink({ url: `http://${host}` })
    return createTRPCClient<Router>({
      links: [splitLink({ condition: ({ type }) => type === 'subscription', true: subscriptions, false: rest })],
    })
  }

  test.for(Object.entries(links))(
    'answers requests in flight at SIGTERM, and subscriptions over %s continue on another pod without a gap',
    async ([, link], context) => {
      const { expect } = context
      const { service: leaving, upstream } = await serve(context)
      const { service: staying, upstream: elsewhere } = await serve(context)
      const balancer = await Relay.open(context, { port: leaving.port })
      const host = `127.0.0.1:${balancer.port}`
      const client = clientOf(host, link(context, host))
      const ids: number[] = []
      const ends: unknown[] = []
      const subscription = client.prices.subscribe(
        { sku: 'bolt' },
        {
          onData: ({ id }) => ids.push(Number(id)),
          onComplete: () => ends.push('complete'),
          onError: (error) => ends.push(error),
        },
      )
      context.onTestFinished(() => subscription.unsubscribe())
      await expect.poll(() => ids.length).toBeGreaterThan(3)
      const slow = client.price.query({ sku: 'slow' })
      await expect.poll(upstream.held).toBe(1)
      leaving.signal('SIGTERM')
      await leaving.line(/draining because of SIGTERM/)
      // As with kube-proxy, new connections go to the other pod, and open connections stay.
      balancer.target = { port: staying.port }
      await expect.poll(() => elsewhere.asked.length).toBeGreaterThan(3)
      upstream.release()
      expect(await slow).toEqual({ price: 2 })
      expect(await leaving.exit).toEqual([0, null])
      expect(leaving.lines.join('\n')).toMatch(/nothing cut/)
      expect(ends).toEqual([])
      // No event is missing.
      expect([...new Set(ids)]).toEqual(Array.from({ length: Math.max(...ids) }, (_, n) => n + 1))
    },
  )

  test('asks clients over WebSockets to reconnect before it ends their connections', async (context) => {
    const { expect } = context
    const { service } = await serve(context)
    const socket = new WebSocket(`ws://127.0.0.1:${service.port}`)
    const heard: unknown[] = []
    socket.on('message', (data) => heard.push(JSON.parse(String(data))))
    const closed = new Promise<unknown>((resolve) => socket.on('close', resolve))
    await new Promise((resolve) => socket.on('open', resolve))
    service.signal('SIGTERM')
    expect(await closed).toBe(1001)
    expect(heard[0]).toEqual({ id: null, method: 'reconnect' })
    expect(await service.exit).toEqual([0, null])
  })
})
