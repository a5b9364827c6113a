import { strict as assert } from 'node:assert'
import { room } from '../behaviour.js'
import { big } from '../routes.js'
import type { Stage } from '../stage.js'

/** About what a slow but willing reader takes: 20 MB in half a second. */
const pace = 256 * 1024

/** Answers arrive whole, to the last byte. */
export const delivery = room('Responses', [], {
  '20 MB sent at once reach a slow reader whole when the end begins in the middle of it': (stage) =>
    delivers(stage, '/big'),

  '20 MB sent as a stream reach a slow reader whole when the end begins in the middle of it': (stage) =>
    delivers(stage, '/piped'),

  '20 MB that are asked for when the end has begun reach a slow reader whole': async (stage) => {
    const end = stage.terminate()
    const answer = await stage.ask('/big', { pace })
    assert.equal(answer.body.length, big)
    assert.equal(await end, 0)
  },

  '20 MB after “Connection: close” reach a slow reader whole': [
    'http1',
    (stage) => delivers(stage, '/big', { connection: 'close' }),
  ],

  'a reader that pauses until the settling is over gets its 20 MB': [
    'http1',
    async (stage) => {
      const wire = (await stage.wire()).get('/big')
      await wire.until(/\r\n\r\n/)
      wire.socket.pause()
      const end = stage.terminate()
      await new Promise((resolve) => setTimeout(resolve, stage.terms.settle + 500))
      wire.socket.resume()
      await wire.gone()
      assert.equal(wire.received.length - wire.received.indexOf('\r\n\r\n') - 4, big)
      assert.equal(await end, 0)
    },
  ],

  'the tail of a response that was begun before the signal is not cut': async (stage) => {
    const answer = stage.ask('/begun')
    await stage.arrived
    const end = stage.terminate()
    setTimeout(() => stage.release(), stage.terms.settle * 2)
    assert.equal((await answer).body, 'first last')
    assert.equal(await end, 0)
  },

  'the last chunk is there, terminator included': [
    'http1',
    async (stage) => {
      const wire = (await stage.wire()).get('/begun')
      await wire.until(/first /)
      const end = stage.terminate()
      stage.release()
      await wire.until(/last\r\n0\r\n\r\n$/)
      await end
    },
  ],

  'trailers survive, as gRPC needs them': async (stage) => {
    const answer = stage.ask('/trailers', { headers: { te: 'trailers' } })
    await stage.arrived
    const end = stage.terminate()
    stage.release()
    assert.equal((await answer).trailers['grpc-status'], '0')
    assert.equal(await end, 0)
  },

  'HEAD, 204 and 304 are answered in full while draining': async (stage) => {
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
})

/** The server is told to end when it has begun to answer a slow reader. */
export async function delivers(stage: Stage, path: string, headers: Record<string, string> = {}): Promise<void> {
  const answer = stage.ask(path, { pace, headers })
  await stage.sent(path)
  const end = stage.terminate()
  assert.equal((await answer).body.length, big)
  assert.equal(await end, 0)
}
