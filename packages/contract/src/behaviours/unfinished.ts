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
export const unfinished: Room = room('Incomplete requests and handshakes', [], remedies.unfinished, {
  'a connection that never sent a byte does not delay the exit': leaves((stage) => stage.bareWire(), ''),
  'a connection that never begins its TLS handshake does not delay the exit, even if other connections open and close':
    [
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
  'a connection that sent half a request line does not delay the exit': [
    'http1',
    leaves((stage) => stage.wire(), 'GET /'),
  ],
  'a connection that sent only a request line does not delay the exit': [
    'http1',
    leaves((stage) => stage.wire(), 'GET / HTTP/1.1\r\n'),
  ],
  'a connection that sent half a header section does not delay the exit': [
    'http1',
    leaves((stage) => stage.wire(), halfHeader),
  ],
  'a connection that sent half a header section after a complete request does not delay the exit': [
    'http1',
    'keepAlive',
    leaves((stage) => stage.idleWire(), halfHeader),
  ],

  'a request whose header section is incomplete at the signal is answered when the client completes it': [
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

  'an upload that stalls does not delay the exit': [
    'http1',
    'upload',
    async (stage) => {
      ;(await stage.wire()).post('/upload', 1000, 'half')
      await stage.arrived
      await stage.endsClean()
    },
  ],

  'during the drain, an upload with “Expect: 100-continue” gets 100 (Continue) and is answered': [
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

  'an upload that stalls after 100 (Continue) does not delay the exit': [
    'http1',
    'upload',
    async (stage) => {
      const wire = (await stage.wire()).post('/upload', 4, '', 'Expect: 100-continue')
      await wire.until(/100 Continue/)
      await stage.endsClean()
    },
  ],

  'a slow upload in flight at the signal is answered': [
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

  'a connection that never begins its TLS handshake does not delay the exit': [
    'tls',
    leaves((stage) => stage.bareWire(), ''),
  ],
  'a TLS handshake that stalls after its first bytes does not delay the exit': [
    'tls',
    // The header of a record with a ClientHello of 512 bytes, and the first two bytes of it.
    leaves((stage) => stage.bareWire(), '\x16\x03\x01\x02\x00\x01\x00'),
  ],
  'an HTTP/2 connection that sent half its preface does not delay the exit': [
    'http2',
    leaves((stage) => stage.bareWire(), 'PRI * HTTP/2.0\r\n'),
  ],

  'an HTTP/2 upload that stalls does not delay the exit': [
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

  'an HTTP/2 upload that stalls does not delay the exit, even if the client sends other frames': [
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

  'a slow HTTP/2 upload in flight at the signal is answered': [
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
