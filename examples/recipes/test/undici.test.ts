import { describe, type TestContext, test } from 'vitest'
import { listen } from './support/listen.js'
import { Relay } from './support/relay.js'
import { Service } from './support/service.js'

describe.concurrent('a service that sends requests to another one with undici', () => {
  /** Starts the recipe with an upstream behind a relay. */
  async function serve(context: TestContext, env: Record<string, string> = {}) {
    const { port } = await listen(context, (_request, response) => response.end('{"price":2}'))
    const relay = await Relay.open(context, { port })
    const own = { UPSTREAM_URL: `http://127.0.0.1:${relay.port}` }
    return { service: await Service.start(context, 'undici.js', { ...own, ...env }), relay }
  }

  test('gets the responses in flight at SIGTERM, sends more requests during the drain, and ends its connections', async (context) => {
    const { expect } = context
    const { service, relay } = await serve(context)
    const slow = relay.hold(/slow/)
    const answers = Array.from({ length: 10 }, () => service.ask('/prices/slow'))
    await expect.poll(slow.count).toBe(10)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM: .*10 in flight/)
    expect((await service.ask('/prices/bolt')).status).toBe(200)
    slow.release()
    for (const answer of await Promise.all(answers)) expect(answer).toEqual({ status: 200, body: '{"price":2}' })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(service.lines.filter((line) => /"level":[456]0/.test(line))).toEqual([])
    expect(new Set(await Promise.all(relay.connections.map(({ end }) => end)))).toEqual(new Set(['FIN']))
  })

  test('answers with 503 before the deadline if the other service hangs', async (context) => {
    const { expect } = context
    const { service, relay } = await serve(context, { TERMINATION_GRACE_PERIOD_SECONDS: '12' })
    const slow = relay.hold(/slow/)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    const answer = service.ask('/prices/slow')
    await expect.poll(slow.count).toBe(1)
    expect((await answer).status).toBe(503)
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })
})
