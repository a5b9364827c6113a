import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { expectNoneInFlight, gate, quick, send } from './client.js'
import type { Serve } from './serve.js'

/**
 * @param mine Routes that answer POST `/readyz` with 'mine', and GET `/readyz/more` with 'mine too'.
 * @param own Further tests, for this framework only.
 */
export function describeControlEndpoints<Routes>(serve: Serve<Routes>, mine: NoInfer<Routes>, own = () => {}): void {
  describe('the control endpoints', () => {
    test('/readyz responds with 200 while serving', async () => {
      const { url } = await serve()
      const { status, headers, body } = await send(`${url}/readyz`)
      expect(status).toBe(200)
      expect(headers['content-type']).toBe('application/json')
      expect(headers['cache-control']).toBe('no-store')
      expect(JSON.parse(body)).toEqual({ ready: true, state: 'serving', checks: {} })
    })

    test('/readyz responds with 503 while draining, and requests are still answered', async () => {
      const { url, drain } = await serve()
      await send(`${url}/`)
      void drain.prestop()
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
      expect(await send(`${url}/`)).toMatchObject({ status: 200, body: 'hello' })
      expect(await send(`${url}/nowhere`)).toMatchObject({ status: 404 })
    })

    test('/prestop makes the pod not ready at once, responds when the pod has settled, and closes nothing', async () => {
      const { url, drain, server } = await serve()
      const draining = once(drain, 'state')
      const hook = send(`${url}/prestop`)
      expect(await draining).toEqual(['draining', 'serving'])
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 503 })
      expect(await hook).toMatchObject({ status: 200, headers: { connection: 'close' } })
      expect(JSON.parse((await hook).body)).toMatchObject({ state: 'draining', committed: false, inFlight: 0 })
      expect(server.listening).toBe(true)
    })

    test('/prestop waits for the request in flight', async () => {
      const { url, slow } = await serve()
      const order: string[] = []
      const answered = send(`${url}/slow`).then(() => order.push('request'))
      await slow.arrived
      const hook = send(`${url}/prestop`).then(() => order.push('hook'))
      await expect.poll(async () => (await send(`${url}/readyz`)).status).toBe(503)
      slow.answer()
      await Promise.all([answered, hook])
      expect(order).toEqual(['request', 'hook'])
    })

    test('every response says Connection: close after the settle wait, and none does before the drain', async () => {
      const { url } = await serve()
      expect((await send(`${url}/`)).headers.connection).toBe('keep-alive')
      await send(`${url}/prestop`)
      for (const path of ['/', '/nowhere', '/readyz']) {
        expect((await send(`${url}${path}`)).headers.connection, path).toBe('close')
      }
    })

    test('/livez responds with 200 while draining', async () => {
      const { url, drain } = await serve()
      expect(await send(`${url}/livez`)).toMatchObject({ status: 200 })
      void drain.prestop()
      expect(await send(`${url}/livez`)).toMatchObject({ status: 200 })
    })

    test('/drainz shows what the drain waits for', async () => {
      const { url, slow, drain } = await serve()
      const answered = send(`${url}/slow?secret=1`)
      await slow.arrived
      const mail = gate()
      drain.waitUntil(mail.opened, { name: 'mail' })
      expect(JSON.parse((await send(`${url}/drainz`)).body)).toEqual({
        state: 'serving',
        committed: false,
        inFlight: 1,
        tasks: ['mail'],
        oldest: { method: 'GET', path: '/slow', ageMs: expect.any(Number) },
        budgetMs: 59_900,
        times: { ...drain.times },
      })
      slow.answer()
      mail.open()
      await answered
      await expectNoneInFlight(drain)
      expect(JSON.parse((await send(`${url}/drainz`)).body)).toMatchObject({ inFlight: 0, tasks: [], oldest: null })
    })

    test.each([['/readyz?verbose'], ['/readyz/'], ['/readyz/?verbose=1']])(
      'GET %s gets the response of /readyz',
      async (path) => {
        const { url } = await serve()
        expect(JSON.parse((await send(url + path)).body)).toMatchObject({ ready: true })
      },
    )

    test('HEAD /readyz gets the status without a body', async () => {
      const { url } = await serve()
      expect(await send(`${url}/readyz`, { method: 'HEAD' })).toMatchObject({ status: 200, body: '' })
    })

    test('HEAD /prestop does not drain', async () => {
      const { url, drain } = await serve()
      expect(await send(`${url}/prestop`, { method: 'HEAD' })).toMatchObject({ status: 405 })
      expect(drain.state).toBe('serving')
    })

    test('POST /readyz and GET /readyz/more go to the application', async () => {
      const { url } = await serve(quick, mine)
      expect(await send(`${url}/readyz`, { method: 'POST' })).toMatchObject({ status: 200, body: 'mine' })
      expect(await send(`${url}/readyz/more`)).toMatchObject({ status: 200, body: 'mine too' })
    })

    test('an endpoint can have another path, and requests to an endpoint that is turned off go to the application', async () => {
      const { url } = await serve({ ...quick, endpoints: { readyz: '/health/ready', drainz: false } })
      expect(await send(`${url}/health/ready`)).toMatchObject({ status: 200 })
      expect(await send(`${url}/readyz`)).toMatchObject({ status: 404 })
      expect(await send(`${url}/drainz`)).toMatchObject({ status: 404 })
    })

    test('/prestop through a proxy gets a 404 and starts no drain', async () => {
      const { url, drain } = await serve()
      const headers = { 'x-forwarded-for': '203.0.113.7' }
      expect(await send(`${url}/prestop`, { headers })).toMatchObject({ status: 404 })
      expect(drain.state).toBe('serving')
      await expectNoneInFlight(drain)
    })

    test('a probe is not in flight, even while it waits for a check', async () => {
      const asked = gate()
      const check = gate()
      const database = () => {
        asked.open()
        return check.opened
      }
      const { url, drain } = await serve({ ...quick, checks: { database } })
      const probe = send(`${url}/readyz`)
      await asked.opened
      expect(drain.inFlight).toBe(0)
      check.open()
      expect(JSON.parse((await probe).body)).toMatchObject({ ready: true, checks: { database: 'ok' } })
    })

    own()
  })
}
