import { createClient } from 'graphql-sse'
import { describe, type TestContext, test } from 'vitest'
import { stream } from './support/events.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

const subscription = 'subscription { prices(sku: "bolt") }'

describe.concurrent('a service with GraphQL Yoga', () => {
  async function serve(context: TestContext) {
    const upstream = await Upstream.start(context)
    const service = await Service.start(context, 'yoga.js', { UPSTREAM_URL: upstream.url })
    const price = (sku: string) => service.ask('/graphql', 'POST', { query: `{ price(sku: "${sku}") }` })
    return { service, upstream, price }
  }

  test('answers queries in flight at SIGTERM and later ones, and ends subscriptions without "complete"', async (context) => {
    const { expect } = context
    const { service, upstream, price } = await serve(context)
    const slow = price('slow')
    const query = encodeURIComponent(subscription)
    const events = await stream(`http://127.0.0.1:${service.port}/graphql?query=${query}`)
    await expect.poll(events.text).toMatch(/event: next\ndata: {"data":{"prices":2}}\n\n/)
    await expect.poll(upstream.held).toBe(1)
    service.signal('SIGTERM')
    expect(await events.end).not.toMatch(/complete|errors/)
    expect(await price('bolt')).toEqual({ status: 200, body: '{"data":{"price":2}}' })
    upstream.release()
    expect(await slow).toEqual({ status: 200, body: '{"data":{"price":2}}' })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(service.lines.filter((line) => /ERR|error/i.test(line))).toEqual([])
  })

  test('moves subscribers to another pod', async (context) => {
    const { expect } = context
    const { service: leaving } = await serve(context)
    const { service: staying, upstream: elsewhere } = await serve(context)
    const balancer = await Relay.open(context, { port: leaving.port })
    const client = createClient({
      url: `http://127.0.0.1:${balancer.port}/graphql`,
      retryAttempts: 100,
      retry: async () => {},
    })
    context.onTestFinished(() => client.dispose())
    let got = 0
    const ends: unknown[] = []
    client.subscribe(
      { query: subscription },
      { next: () => got++, complete: () => ends.push('complete'), error: (error) => ends.push(error) },
    )
    await expect.poll(() => got).toBeGreaterThan(3)
    balancer.target = { port: staying.port }
    leaving.signal('SIGTERM')
    expect(await leaving.exit).toEqual([0, null])
    const before = got
    await expect.poll(() => got).toBeGreaterThan(before + 3)
    expect(elsewhere.asked.length).toBeGreaterThan(3)
    expect(ends).toEqual([])
  })
})
