import { strict as assert } from 'node:assert'
import { type Room, room, type See } from '../behaviour.js'
import { answerOf } from '../clients.js'
import type { Stage } from '../stage.js'
import type { Received, Wire } from '../wire.js'
import { within } from '../within.js'
import { remedies } from './remedies.js'

const { goesOn } = remedies
const halfHeader = 'GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Half: '

/** Incomplete requests must not keep the process open. A request that its client still sends must not be cut. */
export const unfinished: Room = room('Connections without a whole request', [], remedies.unfinished, {
  'one that never sent a byte does not hold the end': leaves((stage) => stage.bareWire(), ''),
  'one that never begins its TLS handshake does not hold the end, whoever else connects beside it and leaves': [
    'tls',
    async (stage) => {
      await stage.bareWire()
      await stage.received
      const checks = setInterval(() => {
        void stage.bareWire().then(
          (check) => check.abort(),
          () => {}, // nobody listens any more
        )
      }, stage.terms.settle / 10)
      try {
        await stage.endsClean()
      } finally {
        clearInterval(checks)
      }
    },
  ],
  'one that sent half a request line does not hold the end': ['http1', leaves((stage) => stage.wire(), 'GET /')],
  'one that sent a request line alone does not hold the end': [
    'http1',
    leaves((stage) => stage.wire(), 'GET / HTTP/1.1\r\n'),
  ],
  'one that sent half a header does not hold the end': ['http1', leaves((stage) => stage.wire(), halfHeader)],
  'one that sent half a header after a whole request does not hold the end': [
    'http1',
    'keepAlive',
    leaves((stage) => stage.idleWire(), halfHeader),
  ],

  'a request whose head was half sent at the signal, and is sent on, is answered': [
    'http1',
    { remedy: goesOn },
    async (stage) => {
      const wire = (await stage.wire()).send(`${stage.requests.head('GET', '/')}X-Half: `)
      // A server that does one thing at a time answers others when this one has gone.
      await within(stage.answers('/'), 1000)
      const end = stage.terminate()
      setTimeout(() => wire.send('whole\r\n\r\n'), stage.terms.settle / 4)
      await wire.answers()
      await end
    },
  ],

  'an upload that stops in the middle does not hold the end': [
    'http1',
    'upload',
    async (stage) => {
      ;(await stage.wire()).post('/upload', 1000, 'half')
      await stage.arrived
      await stage.endsClean()
    },
  ],

  'an upload that waits for “100 Continue” gets it while draining, and is answered': [
    'http1',
    'slow',
    'upload',
    { remedy: goesOn },
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await stage.heard
      const wire = (await stage.wire()).post('/upload', 4, '', 'Expect: 100-continue')
      await wire.until(/HTTP\/1\.1 100 Continue\r\n\r\n/)
      const [answer] = await wire.send('body').answers()
      stage.expect('4 bytes', answer as Received)
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'an upload that was told to continue and never does so does not hold the end': [
    'http1',
    'upload',
    async (stage) => {
      const wire = (await stage.wire()).post('/upload', 4, '', 'Expect: 100-continue')
      await wire.until(/100 Continue/)
      await stage.endsClean()
    },
  ],

  'an upload that trickles in is answered': [
    'http1',
    'upload',
    { remedy: goesOn },
    async (stage) => {
      const wire = (await stage.wire()).post('/upload', 12, '')
      await stage.arrived
      const end = stage.terminate()
      for (let byte = 0; byte < 12; byte++) {
        await new Promise((resolve) => setTimeout(resolve, stage.terms.keepAlive / 4))
        wire.send('x')
      }
      const [answer] = await wire.answers()
      stage.expect('12 bytes', answer as Received)
      assert.equal(await end, 0)
    },
  ],

  'a TLS handshake that never begins does not hold the end': ['tls', leaves((stage) => stage.bareWire(), '')],
  'a TLS handshake that stops after its first bytes does not hold the end': [
    'tls',
    // The header of a record with a ClientHello of 512 bytes, and the first two bytes of it.
    leaves((stage) => stage.bareWire(), '\x16\x03\x01\x02\x00\x01\x00'),
  ],
  'an HTTP/2 session that sent half its preface does not hold the end': [
    'http2',
    leaves((stage) => stage.bareWire(), 'PRI * HTTP/2.0\r\n'),
  ],

  'an HTTP/2 upload that stops in the middle does not hold the end': [
    'http2',
    'upload',
    async (stage) => {
      const session = await stage.session()
      const stream = stage.stream(session, '/upload', 'POST')
      stream.write('half')
      await stage.arrived
      await stage.endsClean()
    },
  ],

  'an HTTP/2 upload that stops does not hold the end though other frames go on': [
    'http2',
    'upload',
    async (stage) => {
      const session = await stage.session()
      const stream = stage.stream(session, '/upload', 'POST')
      stream.write('half')
      await stage.arrived
      // Any frame would do, but Node's client sends no other kind after the GOAWAY of the server.
      const frames = setInterval(() => session.destroyed || session.goaway(), stage.terms.keepAlive / 10)
      stage.client(() => clearInterval(frames))
      await stage.endsClean()
    },
  ],

  'an HTTP/2 upload that trickles in is answered': [
    'http2',
    'upload',
    { remedy: goesOn },
    async (stage) => {
      const session = await stage.session()
      const stream = stage.stream(session, '/upload', 'POST')
      const answer = answerOf(stream)
      stream.write('x')
      await stage.arrived
      const end = stage.terminate()
      for (let byte = 1; byte < 12; byte++) {
        await new Promise((resolve) => setTimeout(resolve, stage.terms.keepAlive / 4))
        stream.write('x')
      }
      stream.end()
      stage.expect('12 bytes', await answer)
      assert.equal(await end, 0)
    },
  ],
})

/** Checks that a client that sends only these bytes does not keep the server open. */
function leaves(connect: (stage: Stage) => Promise<Wire>, bytes: string): See {
  return async (stage) => {
    ;(await connect(stage)).send(bytes)
    await stage.received
    await stage.endsClean()
  }
}
