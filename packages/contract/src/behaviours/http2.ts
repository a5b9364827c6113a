import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import { type ClientHttp2Session, constants } from 'node:http2'
import { type Room, room, type See } from '../behaviour.js'
import { answerOf } from '../clients.js'
import type { Stage } from '../stage.js'
import { remedies } from './remedies.js'
import { isCutAtDeadline } from './serving.js'

/** What is peculiar to HTTP/2. */
export const http2: Room = room('HTTP/2', ['http2'], remedies.goaway, {
  'GOAWAY with NO_ERROR is sent after the signal and not before': async (stage) => {
    const session = await stage.session()
    const codes: number[] = []
    session.on('goaway', (code) => codes.push(code))
    await stage.ask('/', { session })
    assert.deepEqual(codes, [])
    const closed = once(session, 'close')
    await stage.endsClean()
    await closed
    assert(codes.length > 0, 'no GOAWAY')
    assert(
      codes.every((code) => code === 0),
      `codes ${codes}`,
    )
  },

  'streams that are open at GOAWAY get their complete responses': ['slow', 'stream', goesAwayFrom('/held', '/begun')],

  'GOAWAY is sent while streams are open, not after they have closed': ['slow', goesAwayFrom('/held')],

  'a request that GOAWAY leaves unprocessed is answered when the client retries it on a new connection': [
    'slow',
    async (stage) => {
      const session = await stage.session()
      const answer = stage.answers('/held', { session })
      await stage.arrived
      const end = stage.terminate()
      let current = session
      for (let request = 0; request < 30; request++) {
        current = await retrying(stage, current)
        await new Promise((resolve) => setTimeout(resolve, stage.terms.settle / 20))
      }
      stage.handled('/later', 30)
      stage.release()
      await answer
      assert.equal(await end, 0)
    },
  ],

  'an HTTP/2 connection without streams gets GOAWAY and does not delay the exit': async (stage) => {
    const session = await stage.session()
    const closed = once(session, 'close')
    const goaway = once(session, 'goaway')
    await stage.endsClean()
    await Promise.all([closed, goaway])
  },

  'a hundred streams in flight at the signal, on twenty HTTP/2 connections, are all answered': [
    'slow',
    { remedy: remedies.wait },
    async (stage) => {
      const sessions = await Promise.all(Array.from({ length: 20 }, () => stage.session()))
      const answers = sessions.flatMap((session) =>
        Array.from({ length: 5 }, () => stage.answers('/held', { session })),
      )
      await stage.arrived
      const end = stage.terminate()
      stage.release()
      await Promise.all(answers)
      assert.equal(await end, 0)
    },
  ],

  'during the drain, new HTTP/2 connections are served': [
    'slow',
    { remedy: remedies.accept },
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await stage.heard
      for (let client = 0; client < 10; client++) await stage.answers('/later')
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'during the drain, no HTTP/2 response has a Connection header': [
    'slow',
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await new Promise((resolve) => setTimeout(resolve, stage.terms.settle + 100))
      for (const path of ['/', '/later', '/nowhere']) assert(!('connection' in (await stage.ask(path)).headers), path)
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'a pushed response arrives in full even if it outlasts the response that it belongs to': [
    'inside',
    async (stage) => {
      const session = await stage.session()
      const pushed = new Promise<string>((resolve) => {
        session.on('stream', (stream) => {
          let text = ''
          stream.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk
          })
          stream.on('close', () => resolve(text))
        })
      })
      assert.equal((await stage.ask('/pushes', { session })).body, 'page')
      await stage.arrived
      const end = stage.terminate()
      setTimeout(() => stage.release(), 2 * stage.terms.settle)
      assert.equal(await pushed, 'first last')
      assert.equal(await end, 0)
    },
  ],

  'an HTTP/2 stream that never ends is cut at the deadline and not before, and the exit code is not 0': [
    'slow',
    { remedy: remedies.deadline, terms: { grace: 2000 } },
    isCutAtDeadline('/silent'),
  ],
})

/** GOAWAY comes while these are open, and then they finish. */
function goesAwayFrom(...paths: readonly string[]): See {
  return async (stage) => {
    const session = await stage.session()
    const answers = paths.map((path) => stage.answers(path, { session }))
    await Promise.all(paths.map((path) => stage.sent(path)))
    const end = stage.terminate()
    await once(session, 'goaway')
    stage.release()
    await Promise.all(answers)
    assert.equal(await end, 0)
  }
}

/**
 * Asks as a client does that knows HTTP/2: what was not processed is sent again on a new session.
 * @returns the session that answered
 */
async function retrying(stage: Stage, session: ClientHttp2Session): Promise<ClientHttp2Session> {
  let on = session
  for (let attempt = 0; attempt < 5; attempt++) {
    if (on.closed || on.destroyed) on = await stage.session()
    const stream = stage.stream(on, '/later')
    try {
      stage.expect('/later', await answerOf(stream))
      return on
    } catch (error) {
      if (stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM) throw error
    }
  }
  throw new Error('refused five times')
}
