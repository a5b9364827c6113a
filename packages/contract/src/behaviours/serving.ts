import { strict as assert } from 'node:assert'
import { room } from '../behaviour.js'
import type { Stage } from '../stage.js'
import { Wire } from '../wire.js'

/** What users get who come while the server is ending. */
export const serving = room('While load balancers still send', [], {
  'with no connection at all, the server ends at once, and clean': (stage) => stage.endsClean(),

  'a client that comes after the signal is answered': async (stage) => {
    const end = stage.terminate()
    assert.equal((await stage.ask('/')).body, 'hello')
    await end
  },

  'twenty clients that come one after the other, for as long as the settling takes, are all answered': async (
    stage,
  ) => {
    void stage.terminate()
    const { settle } = stage.terms
    // Not more than that, however slow their handshakes are: a server may close its listener then.
    const end = performance.now() + settle * 0.8
    for (let client = 0; client < 20 && performance.now() < end; client++) {
      assert.equal((await stage.ask('/later')).body, 'later')
      await new Promise((resolve) => setTimeout(resolve, settle / 25))
    }
    await stage.endsClean()
  },

  'a request in flight at the signal is answered whole': async (stage) => {
    const answer = stage.ask('/held')
    await stage.arrived
    const end = stage.terminate()
    stage.release()
    assert.equal((await answer).body, 'held')
    assert.equal(await end, 0)
  },

  'a request that outlasts the settling is waited for': outlastsSettling,

  'when the last request is answered it is over, long before the grace period is': async (stage) => {
    const answer = stage.ask('/held')
    await stage.arrived
    setTimeout(() => stage.release(), stage.terms.settle)
    await stage.endsClean()
    await answer
  },

  'a request that never ends is cut at the deadline, not before it, and the exit code is not 0': [
    { terms: { grace: 2000 } },
    async (stage) => {
      const answer = stage.ask('/silent').catch(() => 'cut')
      await stage.arrived
      let cut = false
      void answer.then(() => {
        cut = true
      })
      const begun = performance.now()
      const end = stage.terminate()
      await new Promise((resolve) => setTimeout(resolve, 800))
      assert(!cut || performance.now() - begun > 1000, 'cut long before the deadline')
      assert.notEqual(await end, 0, 'the exit code')
      assert.equal(await answer, 'cut')
    },
  ],

  'a client that hangs up does not hold the end': async (stage) => {
    const answer = stage.ask('/silent', { agent: stage.agent() }).catch(() => 'hung up')
    await stage.arrived
    const end = stage.endsClean()
    stage.hangUp()
    await answer
    await end
  },

  'a handler whose client has gone is waited for, as it still uses what is closed at the end': [
    'inFlight',
    'handlers',
    async (stage) => {
      await stage.hold()
      stage.hangUp()
      await stage.noneInFlight()
      let ended = false
      const end = stage.endsClean().then(() => {
        ended = true
      })
      await new Promise((resolve) => setTimeout(resolve, stage.terms.settle * 4))
      assert(!ended, 'it has ended under the handler')
      stage.release()
      await end
    },
  ],

  'told to end twice, it ends once': async (stage) => {
    const answer = stage.ask('/held')
    await stage.arrived
    const ends = [stage.running.terminate(), stage.running.terminate()]
    stage.release()
    assert.equal((await answer).body, 'held')
    assert.deepEqual(await Promise.all(ends), [0, 0])
    await stage.terminate()
  },

  'when it has ended, new connections are refused': async (stage) => {
    await stage.terminate()
    await assert.rejects(Wire.open(stage.address), { code: 'ECONNREFUSED' })
  },

  'a server that the application closes while load balancers still send is no clean end: the exit code is not 0': [
    'inFlight',
    async (stage) => {
      await stage.ask('/')
      const end = stage.terminate()
      stage.running.server.close()
      await assert.rejects(Wire.open(stage.address), { code: 'ECONNREFUSED' })
      assert.notEqual(await end, 0, 'the exit code')
    },
  ],

  'a server that never listened ends, and clean': [{ listening: false }, (stage) => stage.endsClean()],
})

/** A request in flight at the signal takes longer than load balancers do. */
export async function outlastsSettling(stage: Stage): Promise<void> {
  const answer = stage.ask('/held')
  await stage.arrived
  const end = stage.terminate()
  setTimeout(() => stage.release(), stage.terms.settle * 3)
  assert.equal((await answer).body, 'held')
  assert.equal(await end, 0)
}
