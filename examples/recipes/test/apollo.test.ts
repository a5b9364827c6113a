import { join } from 'node:path'
import { describe, type TestContext, test } from 'vitest'
import { Service } from './support/service.js'
import { Upstream } from './support/upstream.js'

describe.concurrent('a service with Apollo Server', () => {
  /** @param file The recipe, or another program with the same server. */
  async function serve(context: TestContext, file: string) {
    const upstream = await Upstream.start(context)
    // With NODE_ENV=test, Apollo Server does not listen to signals.
    const service = await Service.start(context, file, { UPSTREAM_URL: upstream.url, NODE_ENV: 'production' })
    const path = file === 'apollo.js' ? '/graphql' : '/'
    const price = (sku: string) => service.ask(path, 'POST', { query: `{ price(sku: "${sku}") }` })
    return { service, upstream, price }
  }

  const answered = { status: 200, body: '{"data":{"price":2}}\n' }

  test.for([
    ['apollo.js', 'with Express'],
    [join('test', 'support', 'standalone.js'), 'standalone, with the preload, and stopping on signals by itself'],
  ] as const)(
    '%s answers operations in progress at SIGTERM and later ones, and stops after the last (%s)',
    async ([file], context) => {
      const { expect } = context
      const { service, upstream, price } = await serve(context, file)
      const slow = price('slow')
      await expect.poll(upstream.held).toBe(1)
      service.signal('SIGTERM')
      await service.line(/draining because of SIGTERM: .*1 in flight/)
      expect(await price('bolt')).toEqual(answered)
      expect(service.lines).not.toContain('reports are sent')
      upstream.release()
      expect(await slow).toEqual(answered)
      expect(await service.exit).toEqual([0, null])
      expect(service.lines.filter((line) => line === 'reports are sent')).toHaveLength(1)
      expect(service.lines.join('\n')).toMatch(/drained in .* after SIGTERM; nothing cut/)
      expect(service.lines.filter((line) => /shutdown|error/i.test(line))).toEqual([])
    },
  )
})
