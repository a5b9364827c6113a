import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { inside, type Room, room, type See } from '../behaviour.js'
import type { Need } from '../needs.js'
import type { WhiteStage } from '../white-box/stage.js'
import { unready } from './control.js'
import { remedies } from './remedies.js'

/** The count of requests in flight returns to 0 however a request ends, before the signal and during the drain. */
export const counting: Room = room('The count of requests in flight', ['inside', 'inFlight'], remedies.counting, {
  'a request counts as in flight until its response has arrived': inside(async (stage) => {
    const letGo = await stage.hold()
    assert.equal(stage.inFlight, 1)
    await letGo()
    await stage.noneInFlight()
  }),

  ...leavesNone('a response', [], (stage) => stage.ask('/')),
  ...leavesNone('a response to HEAD', [], (stage) => stage.ask('/', { method: 'HEAD' })),
  ...leavesNone('a 204', [], (stage) => stage.ask('/nothing')),
  ...leavesNone('a 404', [], (stage) => stage.ask('/nowhere')),
  ...leavesNone('a handler that throws', [], (stage) => stage.ask('/throws')),
  ...leavesNone('a handler whose promise rejects', [], (stage) => stage.ask('/rejects')),
  ...leavesNone('a streamed response', [], (stage) => stage.ask('/parts')),
  ...leavesNone('an upload', [], (stage) => stage.ask('/upload', { method: 'POST', body: 'body' })),
  ...leavesNone('a response that its handler destroys', [], (stage) => stage.ask('/destroys').catch(() => 'destroyed')),
  ...leavesNone('a client that disconnects before the response', [], hangUp('/silent')),
  ...leavesNone('a handler that responds after its client has disconnected', [], async (stage) => {
    await hangUp('/late')(stage)
    stage.release()
  }),
  ...leavesNone('a client that disconnects during an event stream', [], hangUp('/endless')),
  ...leavesNone('a request with a URL that cannot be decoded', ['http1'], (stage) =>
    lone(stage, 'GET /%zz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n'),
  ),
  ...leavesNone('a request without Host', ['http1'], (stage) =>
    lone(stage, 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n'),
  ),
  ...leavesNone('bytes that are not HTTP', ['http1'], (stage) => lone(stage, 'NONSENSE\r\n\r\n')),
  ...leavesNone('a request with a header that is too long', ['http1'], (stage) =>
    lone(stage, `GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`),
  ),
  ...leavesNone('a request with an unknown expectation', ['http1'], (stage) =>
    lone(stage, 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\nExpect: the-moon\r\n\r\n'),
  ),
  ...leavesNone('an upload after 100 (Continue)', ['http1'], async (stage) => {
    const wire = (await stage.wire()).post('/upload', 4, '', 'Expect: 100-continue')
    await wire.until(/100 Continue/)
    await wire.send('body').until(/4 bytes$/)
  }),
  ...leavesNone('an upload that its client aborts', ['http1'], async (stage) => {
    const wire = (await stage.wire()).post('/upload', 99, 'half')
    await stage.arrived
    wire.abort()
  }),
  ...leavesNone('a client that disconnects after its upload', ['http1'], async (stage) => {
    const wire = (await stage.wire()).post('/deaf', 4, 'body')
    await stage.arrived
    wire.abort()
  }),
  ...leavesNone('a client that disconnects while pipelined requests wait', ['http1'], async (stage) => {
    const wire = (await stage.wire()).get('/silent', '/', '/later', '/')
    await stage.arrived
    wire.abort()
  }),
  ...leavesNone('twenty pipelined requests', ['http1'], async (stage) => {
    const wire = (await stage.wire()).get(...Array.from({ length: 20 }, () => '/later'))
    await wire.until(/later/, 20)
  }),
  ...leavesNone('an HTTP/2 stream that its client resets', ['http2'], async (stage) => {
    const session = await stage.session()
    const stream = session.request({ ':path': '/silent' })
    stream.on('error', () => {})
    await stage.arrived
    stream.close()
    await once(stream, 'close')
  }),
  ...leavesNone('an HTTP/2 connection that breaks with open streams', ['http2'], async (stage) => {
    const session = await stage.session()
    const streams = ['/silent', '/endless', '/silent'].map((path) => session.request({ ':path': path }))
    for (const stream of streams) stream.on('error', () => {})
    await stage.sent('/endless')
    session.destroy()
  }),
})

/** Two sentences: the count is 0 after a request has ended in this way, before the signal and during the drain. */
function leavesNone(
  what: string,
  needs: Need[],
  act: (stage: WhiteStage) => Promise<unknown>,
): Record<string, [...Need[], See]> {
  return {
    [`no request counts as in flight after ${what}`]: [
      ...needs,
      inside(async (stage) => {
        await act(stage)
        await stage.noneInFlight()
        await stage.endsClean()
      }),
    ],
    [`during the drain, no request counts as in flight after ${what}`]: [
      'hook',
      'ready',
      ...needs,
      inside(async (stage) => {
        // The drain begins with the hook, which does not commit it. So the server does not close before the request.
        const hook = stage.ask('/prestop')
        hook.catch(() => {}) // the client of the hook may hang up, too
        await unready(stage)
        await act(stage)
        await stage.noneInFlight()
        await stage.endsClean()
      }),
    ],
  }
}

function hangUp(path: string): (stage: WhiteStage) => Promise<void> {
  return async (stage) => {
    const answer = stage.ask(path).catch(() => 'hung up')
    await stage.arrived
    stage.hangUp()
    await answer
  }
}

/** Sends a text on a new connection, and waits until the server has closed that connection. */
async function lone(stage: WhiteStage, text: string): Promise<void> {
  await (await stage.wire()).send(text).gone()
}
