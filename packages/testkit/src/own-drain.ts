import type { Server } from 'node:http'
import { type AdapterOptions, Drain } from '@podrain/core'
import { describe, expect, onTestFinished, test } from 'vitest'
import { expectNoneInFlight, quick, send, urlOf } from './client.js'
import type { Serve } from './serve.js'

/** @param own Further tests, for this framework only. */
export function describeOwnDrain(serve: Serve<never>, own: () => void): void {
  describe('a Drain that the application creates', () => {
    test('drains and closes two applications with one start()', async () => {
      const shared = new Drain(quick)
      onTestFinished(() => shared.dispose())
      const [one, two] = await Promise.all([serve({ drain: shared }), serve({ drain: shared })])
      expect(one.drain).toBe(shared)
      const answers = [send(`${one.url}/slow`), send(`${two.url}/slow`)]
      await Promise.all([one.slow.arrived, two.slow.arrived])
      expect(shared.inFlight).toBe(2)
      const ended = shared.start()
      for (const { url } of [one, two]) expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
      one.slow.answer()
      two.slow.answer()
      for (const answer of answers) expect(await answer).toMatchObject({ status: 200, body: 'slow' })
      expect(await ended).toMatchObject({ clean: true, answered: 2 })
      expect([one.server.listening, two.server.listening]).toEqual([false, false])
    })

    test('may be passed together with options of the endpoints', async () => {
      const shared = new Drain(quick)
      onTestFinished(() => shared.dispose())
      const { url } = await serve({ drain: shared, endpoints: { readyz: '/up' } })
      expect(await send(`${url}/up`)).toMatchObject({ status: 200 })
    })

    own()
  })
}

/**
 * For a framework in which the second middleware can see only with a request that there is a first one.
 * @param create makes an application, without a middleware yet
 */
export function testMountedTwice<Middleware extends { readonly drain: Drain }>(
  drain: (options: AdapterOptions) => Middleware,
  create: () => { use(middleware: NoInfer<Middleware>): unknown; listen(port: number, host: string): Server },
): void {
  test('of two mounted middlewares, the first does the work, and the second logs that once', async () => {
    const lines: string[] = []
    const logger = { info() {}, warn() {}, error: (line: string) => void lines.push(line) }
    const app = create()
    const drains = [quick, { ...quick, logger }].map((options) => {
      const middleware = drain(options)
      onTestFinished(() => middleware.drain.dispose())
      app.use(middleware)
      return middleware.drain
    })
    const url = await urlOf(app.listen(0, '127.0.0.1'))
    for (const _round of [1, 2]) {
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 200 })
      expect(await send(`${url}/nowhere`)).toMatchObject({ status: 404 })
    }
    expect(lines).toEqual([expect.stringContaining('pass the first Drain with the option `drain`')])
    await Promise.all(drains.map(expectNoneInFlight))
    void drains[0]?.prestop()
    expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
  })
}
