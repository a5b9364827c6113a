import { describe, expect, test } from 'vitest'
import { expectNoneInFlight, hangUp, quick, send } from './client.js'
import type { Serve, Served } from './serve.js'

/** A way in which a request can end: its name, the request, and the expected response, if there is one. */
export type Ending = [name: string, act: (at: Served) => Promise<unknown>, answer?: object]

/**
 * @param given.routes GET `/throws`, `/fails` (asynchronously), `/stream` (pipes 'abc'), `/silent` (never responds),
 *   `/endless` (begins a response and never ends it), POST `/upload` (reads the body), and the routes for `given.endings`.
 * @param given.endings Further endings, for this framework only.
 * @param own Further tests, for this framework only.
 */
export function describeInFlight<Routes>(
  serve: Serve<Routes>,
  { routes, endings }: { routes: NoInfer<Routes>; endings: readonly Ending[] },
  own: () => void,
): void {
  describe('in flight', () => {
    test('a request counts until its response has closed', async () => {
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
      ['a client that disconnects before the response', ({ server }) => hangUp(server, 'GET /silent', 'request')],
      ['a client that disconnects during the response', ({ server }) => hangUp(server, 'GET /endless', 'data')],
      ['an upload whose client disconnects', ({ server }) => hangUp(server, 'POST /upload', 'request')],
    ]

    test.each([...common, ...endings])(
      '%s is counted once, and then nothing is in flight',
      async (_name, act, answer) => {
        const at = await serve(quick, routes)
        const seen: number[] = []
        at.server.on('request', () => seen.push(at.drain.inFlight))
        // By the first request, the drain may have to find its server. The second request is counted on the server.
        for (const _round of [1, 2]) {
          const answered = await act(at)
          if (answer) expect(answered).toMatchObject(answer)
          await expectNoneInFlight(at.drain)
        }
        expect(seen).toEqual([1, 1])
      },
    )

    own()
  })
}
