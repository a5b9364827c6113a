import { strict as assert } from 'node:assert'
import { type Room, room } from '../behaviour.js'
import type { Stage } from '../stage.js'
import type { Received } from '../wire.js'
import { within } from '../within.js'
import { remedies } from './remedies.js'

/** Bytes that a slow reader reads every 5 ms: 20 MB in about half a second. */
const pace = 256 * 1024

/** Responses arrive complete, to the last byte. */
export const delivery: Room = room('Responses', [], remedies.wait, {
  '20 MB sent at once reach a slow reader whole when the end begins in the middle of it': [
    'big',
    (stage) => delivers(stage, '/big'),
  ],

  '20 MB sent as a stream reach a slow reader whole when the end begins in the middle of it': [
    'inside',
    (stage) => delivers(stage, '/piped'),
  ],

  '20 MB that are asked for when the end has begun reach a slow reader whole': [
    'big',
    async (stage) => {
      const end = stage.terminate()
      await stage.heard
      await stage.answers('/big', { pace })
      assert.equal(await end, 0)
    },
  ],

  '20 MB after “Connection: close” reach a slow reader whole': [
    'http1',
    'big',
    (stage) => delivers(stage, '/big', { connection: 'close' }),
  ],

  'a reader that pauses until the settling is over gets its 20 MB': [
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

  'a response that was written before the signal, and that its client reads when the process has ended, is whole': [
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

  'the tail of a response that was begun before the signal is not cut': [
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

  'the last chunk is there, terminator included': [
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

  'trailers survive, as gRPC needs them': [
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

  'HEAD, 204 and 304 are answered in full while draining': [
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
