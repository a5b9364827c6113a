import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { gate, idleClient, quick, send } from './client.js'
import type { Serve } from './serve.js'

/** The handler of `/big`: writes `half`, awaits `more`, and writes `half` again. Calls `closed` at 'close' of the response. */
export interface Big {
  readonly half: string
  readonly more: Promise<void>
  readonly closed: () => void
}

/** For a framework whose drain finds the server by the first request, and that has nothing of its own to close. */
export function describeWholeWay<Routes>(serve: Serve<Routes>, big: (big: Big) => NoInfer<Routes>): void {
  describe('a complete drain', () => {
    test('the request in flight at start() is answered completely, then the server closes, then onClose hooks run', async () => {
      const order: string[] = []
      const half = 'x'.repeat(500_000)
      const more = gate()
      const routes = big({ half, more: more.opened, closed: () => void order.push('response') })
      const { url, server, drain } = await serve(quick, routes)
      server.on('close', () => order.push('server'))
      drain.onClose(() => void order.push('hook'))
      const begun = once(server, 'request')
      const answered = send(`${url}/big`)
      await begun
      const ended = drain.start()
      // A request during the drain is answered, too.
      expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
      more.open()
      expect((await answered).body).toBe(half + half)
      const report = await ended
      expect(order).toEqual(['response', 'server', 'hook'])
      expect(report).toMatchObject({ clean: true, reason: 'start()', cut: [], answered: 2 })
      await expect(send(`${url}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    })

    test('an idle keep-alive connection is closed, and nothing counts as cut', async () => {
      const { server, drain } = await serve({ ...quick, keepAliveCap: 300 })
      const client = await idleClient(server)
      const report = await drain.start()
      expect(report).toMatchObject({ clean: true, cut: [] })
      expect(server.listening).toBe(false)
      expect(client.bytesRead).toBeGreaterThan(0)
      expect(client.readableEnded).toBe(true)
    })

    testCutAtDeadline(serve)

    test('with watch(server), a server without a request is closed, too', async () => {
      const { server, drain } = await serve()
      drain.watch(server)
      await drain.start()
      expect(server.listening).toBe(false)
    })
  })
}

/** For every framework. `describeWholeWay` contains this test. */
export function testCutAtDeadline(serve: Serve<never>): void {
  test('a request that never ends is cut at the deadline and named in the report', async () => {
    const { url, slow, drain } = await serve({
      ...quick,
      terminationGracePeriodSeconds: 0.6,
      closing: 200,
      reserve: 50,
    })
    const answered = send(`${url}/slow?secret=1`)
    await slow.arrived
    const [report] = await Promise.all([drain.start(), expect(answered).rejects.toMatchObject({ code: 'ECONNRESET' })])
    expect(report).toMatchObject({ clean: false, cut: [{ method: 'GET', path: '/slow' }] })
  })
}
