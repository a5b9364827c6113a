import { describe, type TestContext, test } from 'vitest'
import { Broker } from './support/kafka.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'

describe.concurrent('a consumer of Kafka (with a minimal broker)', () => {
  /** @param hold A pattern of what the relay holds back from the start. */
  async function serve(
    context: TestContext,
    { env = {}, hold = /never/ }: { env?: Record<string, string>; hold?: RegExp } = {},
  ) {
    const broker = await Broker.start(context)
    const relay = await Relay.open(context, { port: broker.port })
    broker.advertised = relay.port
    const slow = relay.hold(hold)
    const all = { KAFKA_BROKERS: `127.0.0.1:${relay.port}`, ...env }
    const start = () => Service.start(context, 'kafka.js', all)
    return { service: await start(), start, broker, relay, slow }
  }

  test('finishes the current message after SIGTERM, commits it, leaves the group, and takes no other message', async (context) => {
    const { expect } = context
    const { service, start, broker, relay } = await serve(context)
    const slow = relay.hold(/"total"/)
    broker.add({ id: 1, price: 2, quantity: 3 })
    broker.add({ id: 2, price: 2, quantity: 4 })
    await expect.poll(slow.count).toBe(1)
    service.signal('SIGTERM')
    await expect.poll(async () => (await service.status()).tasks).toEqual(['messages'])
    expect(broker.events).toEqual(['join'])
    slow.release()
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(broker.events).toEqual(['join', 'commit 1', 'leave'])
    expect(broker.produced).toEqual(['{"order":1,"total":6}'])
    expect(new Set(await Promise.all(relay.connections.map(({ end }) => end)))).toEqual(new Set(['FIN']))
    // The next consumer continues after the committed message.
    await start()
    await expect.poll(() => broker.produced).toEqual(['{"order":1,"total":6}', '{"order":2,"total":8}'])
  })

  test('consumes again when no signal follows the hook, also if one message took that long', async (context) => {
    const { expect } = context
    const { service, broker, relay } = await serve(context, { env: { TERMINATION_GRACE_PERIOD_SECONDS: '4' } })
    const slow = relay.hold(/"total"/)
    broker.add({ id: 1, price: 2, quantity: 3 })
    await expect.poll(slow.count).toBe(1)
    const hook = service.ask('/prestop')
    await service.line(/serving again/)
    await hook
    broker.add({ id: 2, price: 2, quantity: 4 })
    slow.release()
    await expect.poll(() => broker.produced).toEqual(['{"order":1,"total":6}', '{"order":2,"total":8}'])
    service.signal('SIGTERM')
    expect(await service.exit).toEqual([0, null])
    expect(broker.events).toEqual(['join', 'commit 1', 'leave', 'join', 'commit 2', 'leave'])
  })

  test('leaves its group and takes no message if SIGTERM comes while it joins', async (context) => {
    const { expect } = context
    const { service, broker, slow } = await serve(context, { hold: /RoundRobinAssigner/ })
    broker.add({ id: 1, price: 2, quantity: 3 })
    await expect.poll(slow.count).toBe(1)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    slow.release()
    expect(await service.exit).toEqual([0, null])
    expect(broker.events).toEqual(['join', 'leave'])
    expect(broker.produced).toEqual([])
  })
})
