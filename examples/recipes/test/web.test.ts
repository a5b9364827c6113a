import { join } from 'node:path'
import { describe, type TestContext, test } from 'vitest'
import { stream } from './support/events.js'
import { Service, shortWaits } from './support/service.js'
import { Upstream } from './support/upstream.js'

async function serve(context: TestContext, command: string | readonly string[], env: Record<string, string> = {}) {
  const upstream = await Upstream.start(context)
  return { service: await Service.start(context, command, { UPSTREAM_URL: upstream.url, ...env }), upstream }
}

const fastifyCli = join('node_modules', 'fastify-cli', 'cli.js')

test.concurrent.for([
  { name: 'NestJS', command: ['--import', 'tsx', 'nest.ts'] },
  { name: 'fastify start', command: [fastifyCli, 'start', '--log-level', 'info', 'fastify-start.js'] },
])('a service with $name answers requests in flight at SIGTERM and later ones, then closes', async (row, context) => {
  const { expect } = context
  const { service, upstream } = await serve(context, row.command, {
    FASTIFY_ADDRESS: '127.0.0.1',
    FASTIFY_PORT: '0',
    ...shortWaits,
  })
  const slow = service.ask('/prices/slow')
  await expect.poll(upstream.held).toBe(1)
  service.signal('SIGTERM')
  await service.line(/draining because of SIGTERM: .*1 in flight/)
  expect(await service.ask('/prices/bolt')).toEqual({ status: 200, body: '{"price":2}' })
  upstream.release()
  expect(await slow).toEqual({ status: 200, body: '{"price":2}' })
  expect(await service.exit).toEqual([0, null])
  expect(service.output).toMatch(/own hook\n.*drained in .* after SIGTERM; nothing cut/)
})

describe.concurrent.each([
  { name: 'Hono', file: 'hono.js' },
  { name: 'h3', file: 'h3.js' },
])('a service with $name', ({ file }) => {
  test('answers requests in flight at SIGTERM and later ones, and ends event streams immediately', async (context) => {
    const { expect } = context
    const { service, upstream } = await serve(context, file)
    const slow = service.ask('/prices/slow')
    const events = await stream(`http://127.0.0.1:${service.port}/prices/bolt/stream`)
    await expect.poll(events.text).toMatch(/data: {"price":2}\n\n/)
    await expect.poll(upstream.held).toBe(1)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM: .*2 in flight/)
    await events.end
    expect(await service.ask('/prices/bolt')).toEqual({ status: 200, body: '{"price":2}' })
    expect((await service.status()).inFlight).toBe(1)
    upstream.release()
    expect(await slow).toEqual({ status: 200, body: '{"price":2}' })
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
    expect(service.lines.filter((line) => /warn|error|early/i.test(line))).toEqual([])
  })

  test('ends an event stream that is opened during the drain', async (context) => {
    const { expect } = context
    const { service } = await serve(context, file)
    service.signal('SIGTERM')
    await service.line(/draining because of SIGTERM/)
    const events = await stream(`http://127.0.0.1:${service.port}/prices/bolt/stream`)
    await events.end
    expect(await service.exit).toEqual([0, null])
    expect(service.lines.join('\n')).toMatch(/nothing cut/)
  })
})

test.concurrent('a service with h3 waits for work after the response', async (context) => {
  const { expect } = context
  const { service, upstream } = await serve(context, 'h3.js')
  expect((await service.ask('/prices/slow/orders', 'POST', {})).status).toBe(200)
  await expect.poll(upstream.held).toBe(1)
  service.signal('SIGINT')
  // The server is closed, and the process still waits for the work.
  await expect.poll(async () => (await service.ask('/prices/bolt')).status).toBe(0)
  upstream.release()
  expect(await service.exit).toEqual([0, null])
  expect(service.lines).toContain('ordered')
})

test.concurrent('a service with h3 reports work after the response that does not end', async (context) => {
  const { expect } = context
  const { service, upstream } = await serve(context, 'h3.js', { TERMINATION_GRACE_PERIOD_SECONDS: '8' })
  expect((await service.ask('/prices/slow/orders', 'POST', {})).status).toBe(200)
  await expect.poll(upstream.held).toBe(1)
  service.signal('SIGINT')
  expect(await service.exit).toEqual([1, null])
  expect(service.lines.join('\n')).toMatch(/h3 timed out/)
})
