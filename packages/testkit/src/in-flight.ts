import { describe, expect, test } from 'vitest'
import { expectNoneInFlight, hangUp, quick, send } from './client.js'
import type { Serve, Served } from './serve.js'

/** A way in which a request can end, and what the client gets, if it gets anything. */
export type Ending = [name: string, act: (at: Served) => Promise<unknown>, answer?: object]

/**
 * @param given.routes GET `/throws`, `/fails` (later than at once), `/stream` (pipes 'abc'), `/silent` (never answers),
 *   `/endless` (begins an answer and never ends it), POST `/upload` (reads the body), and those for `given.endings`
 * @param given.endings further ones, of this framework alone
 * @param own further tests, of this framework alone
 */
export function describeInFlight<Routes>(
  serve: Serve<Routes>,
  { routes, endings }: { routes: NoInfer<Routes>; endings: readonly Ending[] },
  own: () => void,
): void {
  describe('in flight', () => {
    test('a request is, until its answer is there', async () => {
      const { url, drain, slow } = await serve()
      const answered = send(`${url}/slow`)
      await slow.arrived
      expect(drain.inFlight).toBe(1)
      slow.answer()
      expect(await answered).toMatchObject({ status: 200, body: 'slow' })
      await expectNoneInFlight(drain)
    })

    const common: Ending[] = [
      ['an answer', ({ url }) => send(`${url}/`), { status: 200, body: 'hello' }],
      ['a 404', ({ url }) => send(`${url}/nowhere`), { status: 404 }],
      ['a handler that throws', ({ url }) => send(`${url}/throws`), { status: 500 }],
      ['a handler that fails later', ({ url }) => send(`${url}/fails`), { status: 500 }],
      ['a HEAD', ({ url }) => send(`${url}/`, { method: 'HEAD' }), { status: 200, body: '' }],
      ['a piped stream', ({ url }) => send(`${url}/stream`), { status: 200, body: 'abc' }],
      ['a client that hangs up before the answer', ({ server }) => hangUp(server, 'GET /silent', 'request')],
      ['a client that hangs up mid-stream', ({ server }) => hangUp(server, 'GET /endless', 'data')],
      ['an upload that breaks off', ({ server }) => hangUp(server, 'POST /upload', 'request')],
    ]

    test.each([...common, ...endings])('%s is counted once and leaves none', async (_name, act, answer) => {
      const at = await serve(quick, routes)
      const seen: number[] = []
      at.server.on('request', () => seen.push(at.drain.inFlight))
      // The first request may have to lead the drain to its server, the second one is counted there.
      for (const _round of [1, 2]) {
        const answered = await act(at)
        if (answer) expect(answered).toMatchObject(answer)
        await expectNoneInFlight(at.drain)
      }
      expect(seen).toEqual([1, 1])
    })

    own()
  })
}
