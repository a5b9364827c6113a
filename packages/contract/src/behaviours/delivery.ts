import { strict as assert } from 'node:assert'
import { type Room, room } from '../behaviour.js'
import type { Stage } from '../stage.js'
import type { Received } from '../wire.js'
import { within } from '../within.js'
import { remedies } from './remedies.js'

/** Bytes that a slow reader reads every 5 ms: 20 MB in about half a second. */
const pace = 256 * 1024

/** Responses arrive complete, to the last byte. */
export const delivery: Room = room('Complete responses', [], remedies.wait, {
  'a large response in flight at the signal reaches a slow client in full': ['big', (stage) => delivers(stage, '/big')],

  'a large streamed response in flight at the signal reaches a slow client in full': [
    'inside',
    (stage) => delivers(stage, '/piped'),
  ],

  'a large response that is requested after the signal reaches a slow client in full': [
    'big',
    async (stage) => {
      const end = stage.terminate()
      await stage.heard
      await stage.answers('/big', { pace })
      assert.equal(await end, 0)
    },
  ],

  'a large response to a request with “Connection: close” reaches a slow client in full': [
    'http1',
    'big',
    (stage) => delivers(stage, '/big', { connection: 'close' }),
  ],

  'a client that stops reading until the wait for load balancers is over gets its large response in full': [
    'http1',
    'big',
    async (stage) => {
      const wire = (await stage.wire()).get('/big')
      await wire.begun()
      wire.socket.pause()
      const end = stage.terminate()
      await new Promise((resolve) => setTimeout(resolve, stage.terms.settle + 500))
      wire.socket.resume()
      await wire.gone()
      const [answer] = await wire.answers()
      stage.expect('/big', answer as Received)
      assert.equal(await end, 0)
    },
  ],

  'a response that was written before the signal can be read in full after the exit': [
    'http1',
    'keepAlive',
    async (stage) => {
      const wire = await stage.idleWire()
      wire.socket.pause()
      wire.get('/')
      // A server that does one thing at a time answers others when this one has gone.
      await within(stage.answers('/'), 1000)
      await stage.terminate()
      wire.socket.resume()
      await wire.answers(2)
      await wire.gone()
      assert.equal(wire.broken, undefined)
    },
  ],

  'a streamed response in flight at the signal arrives in full': [
    'stream',
    async (stage) => {
      const answer = stage.answers('/begun')
      await stage.arrived
      const end = stage.terminate()
      setTimeout(() => stage.release(), stage.terms.settle * 2)
      await answer
      assert.equal(await end, 0)
    },
  ],

  'a chunked response in flight at the signal arrives with its last chunk': [
    'http1',
    'stream',
    async (stage) => {
      const wire = (await stage.wire()).get('/begun')
      await wire.begun()
      const end = stage.terminate()
      stage.release()
      const [answer] = await wire.answers()
      stage.expect('/begun', answer as Received)
      await end
    },
  ],

  'a response in flight at the signal arrives with its trailer fields': [
    'inside',
    async (stage) => {
      const answer = stage.ask('/trailers', { headers: { te: 'trailers' } })
      await stage.arrived
      const end = stage.terminate()
      stage.release()
      assert.equal((await answer).trailers['grpc-status'], '0')
      assert.equal(await end, 0)
    },
  ],

  'during the drain, responses without content (to HEAD, 204 and 304) arrive in full': [
    'inside',
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      assert.deepEqual(
        [(await stage.ask('/', { method: 'HEAD' })).status, (await stage.ask('/nothing')).status],
        [200, 204],
      )
      assert.equal((await stage.ask('/same')).status, 304)
      await letGo()
      assert.equal(await end, 0)
    },
  ],
})

/** Terminates the server when it has begun to respond to a slow reader, and checks that the response is complete. */
export async function delivers(stage: Stage, path: string, headers: Record<string, string> = {}): Promise<void> {
  const answer = stage.answers(path, { pace, headers })
  answer.catch(() => {})
  await stage.sent(path)
  const end = stage.terminate()
  await answer
  assert.equal(await end, 0)
}
