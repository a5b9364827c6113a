import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, type TestContext, test } from 'vitest'
import { obstacle, redisServer } from './support/redis.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'

describe.concurrent('a service with Redis', () => {
  let server: Awaited<ReturnType<typeof redisServer>>

  beforeAll(async () => {
    if (obstacle === undefined) server = await redisServer()
  })

  afterAll(() => server?.stop())

  /** @param db The number of a Redis database. Each test has its own. */
  async function serve(context: TestContext, db: number): Promise<{ service: Service; relay: Relay; redis: Redis }> {
    context.skip(obstacle !== undefined, obstacle)
    const redis = new Redis({ path: server.path, db })
    context.onTestFinished(() => redis.disconnect())
    const relay = await Relay.open(context, { path: server.path })
    const env = { REDIS_URL: `redis://127.0.0.1:${relay.port}/${db}` }
    return { service: await Service.start(context, 'redis.js', env), relay, redis }
  }

  test('answers requests that wait for Redis at SIGTERM, gets changes until the end, and quits both connections', async (context) => {
    const { expect } = context
    const { service, relay, redis } = await serve(context, 1)
    await redis.set('product:1', 'bolt')
    const slow = relay.hold(/product:/)
    const answers = Array.from({ length: 10 }, () => service.ask('/products/1'))
    await expect.poll(async () => (await service.status()).inFlight).toBe(10)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM: .*10 in flight/)
    slow.release()
    for (const answer of await Promise.all(answers))
      expect(answer).toEqual({ status: 200, body: '{"id":"1","name":"bolt"}' })
    await redis.set('product:1', 'nut')
    await redis.publish('changed', '1')
    await expect.poll(() => service.ask('/products/1')).toEqual({ status: 200, body: '{"id":"1","name":"nut"}' })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(service.lines.filter((line) => /error|closed|redis/i.test(line))).toEqual([])
    expect(await Promise.all(relay.connections.map(({ end }) => end))).toEqual(['FIN', 'FIN'])
    for (const { last } of relay.connections) expect(last()).toMatch(/\$4\r\nquit\r\n$/)
    expect(String(await redis.client('LIST')).match(/ db=1 /g)).toHaveLength(1) // the connection of this test
  })

  test('answers before the deadline if Redis hangs', async (context) => {
    const { expect } = context
    const { service, relay } = await serve(context, 2)
    const slow = relay.hold(/product:/)
    const answer = service.ask('/products/2')
    await expect.poll(slow.count).toBe(1)
    service.signal('SIGTERM')
    expect((await answer).status).toBe(500)
    slow.release()
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })
})
