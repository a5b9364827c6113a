import { strict as assert } from 'node:assert'
import { inside, type Room, room, type See } from '../behaviour.js'
import { killed, type Stage } from '../stage.js'
import { Wire } from '../wire.js'
import { remedies } from './remedies.js'

const { accept, deadline, exit, wait } = remedies

/** Clients that connect after the signal are answered. */
export const serving: Room = room('Requests and exit', [], accept, {
  'a server without connections exits with 0 well before the grace period ends': [
    { remedy: exit },
    (stage) => stage.endsClean(),
  ],

  'after the signal, a request on a new connection is answered': async (stage) => {
    const end = stage.terminate()
    await stage.heard
    await stage.answers('/')
    await end
  },

  'a request on an idle connection, sent at the moment of the signal, is answered': [
    'http1',
    'keepAlive',
    async (stage) => {
      const wire = await stage.idleWire()
      wire.get('/')
      const end = stage.terminate()
      await wire.answers(2)
      await end
    },
  ],

  'twenty requests on new connections during the wait for load balancers are all answered': async (stage) => {
    void stage.terminate()
    const { settle } = stage.terms
    // The clients stop after that time, also if their handshakes are slow, because a server may then close its listener.
    const end = performance.now() + settle * 0.8
    for (let client = 0; client < 20 && performance.now() < end; client++) {
      await stage.answers('/later')
      await new Promise((resolve) => setTimeout(resolve, settle / 25))
    }
    await stage.endsClean()
  },

  'a request in flight at the signal gets its complete response': [
    'slow',
    { remedy: wait },
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'a request in flight that outlasts the wait for load balancers gets its complete response': [
    'slow',
    { remedy: wait },
    outlastsSettling,
  ],

  'after the last response, the server exits with 0 well before the grace period ends': [
    'slow',
    { remedy: exit },
    async (stage) => {
      const answered = await stage.holding()
      setTimeout(() => stage.release(), stage.terms.settle)
      await stage.endsClean()
      await answered()
    },
  ],

  'a request that never ends is cut at the deadline and not before, and the exit code is not 0': [
    'slow',
    { remedy: deadline, terms: { grace: 2000 } },
    isCutAtDeadline('/silent'),
  ],

  'a request that never ends does not keep the process running until SIGKILL': [
    'slow',
    { remedy: deadline, terms: { grace: 2000 } },
    async (stage) => {
      const answer = stage.ask('/silent').catch(() => 'cut')
      await stage.arrived
      assert.notEqual(await stage.terminate(), killed, 'the exit code')
      await answer
    },
  ],

  'a request whose client disconnects does not delay the exit': [
    'slow',
    { remedy: wait },
    async (stage) => {
      const answer = stage.ask('/silent', { agent: stage.agent() }).catch(() => 'hung up')
      await stage.arrived
      const end = stage.endsClean()
      stage.hangUp()
      await answer
      await end
    },
  ],

  'the server waits for a handler whose client has disconnected': [
    'inside',
    'inFlight',
    'handlers',
    inside(async (stage) => {
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
    }),
  ],

  'a server that gets the signal twice answers the request in flight and exits with 0': [
    'slow',
    { remedy: exit },
    async (stage) => {
      const letGo = await stage.hold()
      const ends = stage.terminateTwice()
      await letGo()
      assert.deepEqual(await ends, [0, 0])
    },
  ],

  'after the exit, new connections are refused': [
    { remedy: exit },
    async (stage) => {
      await stage.terminate()
      await assert.rejects(Wire.open(stage.address), { code: 'ECONNREFUSED' })
    },
  ],

  'the exit code is not 0 if the application closes the server during the wait for load balancers': [
    'inside',
    'inFlight',
    inside(async (stage) => {
      await stage.ask('/')
      const end = stage.terminate()
      stage.running.server.close()
      await assert.rejects(Wire.open(stage.address), { code: 'ECONNREFUSED' })
      assert.notEqual(await end, 0, 'the exit code')
    }),
  ],

  'a server that never listened exits with 0': ['inside', { listening: false }, (stage) => stage.endsClean()],
})

/** Checks that a request in flight at the signal is answered if it takes longer than load balancers need to stop sending. */
export async function outlastsSettling(stage: Stage): Promise<void> {
  const answered = await stage.holding()
  const end = stage.terminate()
  setTimeout(() => stage.release(), stage.terms.settle * 3)
  await answered()
  assert.equal(await end, 0)
}

/** A response that never ends is cut at the deadline, not long before it, and the exit code says so. */
export function isCutAtDeadline(path: string): See {
  return async (stage) => {
    const answer = stage.ask(path).catch(() => 'cut')
    await stage.arrived
    const begun = performance.now()
    const end = stage.endsUnclean()
    end.catch(() => {}) // awaited below
    await answer
    assert(performance.now() - begun > stage.terms.grace * 0.4, 'cut long before the deadline')
    await end
    assert.equal(await answer, 'cut')
  }
}
