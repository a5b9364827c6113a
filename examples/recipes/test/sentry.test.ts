import { describe, type TestContext, test } from 'vitest'
import { ingest } from './support/ingest.js'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

describe.concurrent('a service with Sentry', () => {
  async function serve(context: TestContext, env: Record<string, string> = {}) {
    const upstream = await Upstream.start(context)
    const { dsn, errors } = await ingest(context)
    const own = { UPSTREAM_URL: upstream.url, SENTRY_DSN: dsn }
    return { service: await Service.start(context, 'sentry.js', { ...own, ...env }), upstream, errors }
  }

  test('sends every error of the drain to Sentry', async (context) => {
    const { expect } = context
    const { service, upstream, errors } = await serve(context)
    const slow = service.ask('/prices/slow?currency=last')
    await expect.poll(upstream.held).toBe(1)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    const currencies = Array.from({ length: 20 }, (_, n) => `c${n}`)
    const answers = await Promise.all(currencies.map((currency) => service.ask(`/prices/bolt?currency=${currency}`)))
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([500]))
    expect(await service.ask('/prices/bolt')).toEqual({ status: 200, body: '{"price":2}' })
    upstream.release()
    expect((await slow).status).toBe(500)
    expect(await service.exit).toEqual([0, null])
    expect(errors.toSorted()).toEqual([...currencies, 'last'].map((currency) => `no rate for ${currency}`).toSorted())
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })

  test('answers the request in flight after an uncaught error, sends the error to Sentry, and exits with 1', async (context) => {
    const { expect } = context
    const fail = 'process.once("SIGUSR2",()=>{throw(new(Error)("uncaught"))})'
    const env = { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(fail)}` }
    const { service, upstream, errors } = await serve(context, env)
    const slow = service.ask('/prices/slow')
    await expect.poll(upstream.held).toBe(1)
    service.signal('SIGUSR2')
    await service.line(/draining because of an uncaught error/)
    upstream.release()
    expect(await slow).toEqual({ status: 200, body: '{"price":2}' })
    expect(await service.exit).toEqual([1, null])
    expect(errors).toEqual(['uncaught'])
  })
})
