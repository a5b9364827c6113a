import { strict as assert } from 'node:assert'
import { inside, type Room, room, Unaskable } from '../behaviour.js'
import { within } from '../within.js'
import { remedies } from './remedies.js'

/** Idle keep-alive connections, which clients expect to be open for their next request. */
export const idle: Room = room('Idle connections', ['http1', 'keepAlive'], remedies.idle, {
  'an idle connection does not delay the exit': async (stage) => {
    const wire = await stage.idleWire()
    await stage.endsClean()
    await wire.gone()
    assert.equal(wire.broken, undefined)
  },

  'an idle connection is closed with a FIN, not with a reset': async (stage) => {
    const wire = await stage.idleWire()
    await stage.terminate()
    await wire.gone()
    assert.deepEqual([wire.ended, wire.broken], [true, undefined])
  },

  'after the signal, a request on an idle connection within its keep-alive timeout is answered': async (stage) => {
    const wire = await stage.idleWire()
    const end = stage.terminate()
    await new Promise((resolve) => setTimeout(resolve, stage.terms.keepAlive / 2))
    await wire.get('/').answers(2)
    assert.equal(await end, 0)
  },

  'a request that the client sends as the server closes an idle connection gets no reset': async (stage) => {
    const wire = await stage.idleWire()
    wire.socket.on('end', () => {
      // The connection is half closed. The client writes as if it had sent its request just before the FIN arrived.
      if (wire.socket.writable) wire.get('/')
    })
    await stage.terminate()
    await wire.gone()
    assert.notEqual(wire.broken, 'ECONNRESET')
  },

  'a request that the client sends as the server closes an idle connection is not processed and does not delay the exit':
    [
      'inside',
      inside(async (stage) => {
        const wire = await stage.idleWire()
        wire.socket.allowHalfOpen = true
        wire.socket.on('end', () => wire.post('/upload', 4, 'body'))
        await stage.endsClean()
        assert.equal(stage.seen('/upload'), 0, 'begun')
        wire.abort()
      }),
    ],

  'five hundred idle connections do not delay the exit': [
    'plain',
    async (stage) => {
      const all = Promise.all(Array.from({ length: 500 }, () => stage.idleWire()))
      const wires = await within(
        all.catch(() => undefined),
        stage.terms.grace,
      )
      if (wires === undefined) throw new Unaskable('it does not keep five hundred connections at a time')
      await stage.endsClean()
      await Promise.all(wires.map((wire) => wire.gone()))
      assert.equal(wires.filter((wire) => wire.broken !== undefined).length, 0, 'resets')
    },
  ],
})
