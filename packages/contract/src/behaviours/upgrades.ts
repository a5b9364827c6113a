import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { inside, type Room, room } from '../behaviour.js'
import { eventually, type Stage } from '../stage.js'
import { remedies } from './remedies.js'
import { isCutAtDeadline } from './serving.js'

/** Upgraded connections, and responses without an end. */
export const upgrades: Room = room('WebSockets, upgrades and event streams', ['http1'], remedies.goingAway, {
  'a WebSocket gets a close frame with status code 1001': [
    'websocket',
    { webSocket: true },
    async (stage) => {
      const socket = await stage.webSocket('/socket')
      const closed = once(socket, 'close')
      await stage.endsClean()
      assert.equal((await closed)[0], 1001)
    },
  ],

  'a WebSocket gets its close frame while the listener is still open': [
    'slow',
    'websocket',
    'signal',
    { webSocket: true },
    async (stage) => {
      const letGo = await stage.hold()
      const socket = await stage.webSocket('/socket')
      const closed = once(socket, 'close')
      const end = stage.terminate()
      await closed
      await stage.answers('/')
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'messages that were sent to a WebSocket before its close frame arrive in full': [
    'inside',
    'websocket',
    { webSocket: true },
    inside(async (stage) => {
      const socket = await stage.webSocket('/socket')
      const large = 'x'.repeat(1_000_000)
      let back = 0
      socket.on('message', (data) => {
        if (String(data) === large) back++
      })
      socket.pause()
      for (let message = 0; message < 5; message++) socket.send(large)
      await eventually(
        () => stage.bytesWritten >= 5 * large.length,
        () => `only ${stage.bytesWritten} bytes were written`,
      )
      const closed = once(socket, 'close')
      const end = stage.terminate()
      setTimeout(() => socket.resume(), stage.terms.settle / 2)
      assert.equal((await closed)[0], 1001)
      assert.equal(back, 5)
      assert.equal(await end, 0)
    }),
  ],

  'a WebSocket that does not answer the close frame does not delay the exit': [
    'websocket',
    { webSocket: true },
    async (stage) => {
      await handshake(stage, 'websocket')
      await stage.endsClean()
    },
  ],

  'during the drain, a new WebSocket is accepted and gets a close frame': [
    'slow',
    'websocket',
    { webSocket: true },
    async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await stage.heard
      const socket = await stage.webSocket('/socket')
      const [code] = await once(socket, 'close')
      assert.equal(code, 1001)
      await letGo()
      assert.equal(await end, 0)
    },
  ],

  'a connection upgraded to a protocol other than WebSocket does not delay the exit': [
    'inside',
    'plain',
    inside(async (stage) => {
      stage.running.server.on('upgrade', (_request: IncomingMessage, socket: Socket) => {
        socket.on('error', () => {})
        socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\nConnection: Upgrade\r\n\r\n')
        socket.pipe(socket)
      })
      const wire = await handshake(stage, 'own')
      await wire.send('ping').until(/ping$/)
      await stage.endsClean()
      assert(!wire.received.includes('\x03\xe9'), 'it was sent the good-bye of another protocol')
    }),
  ],

  'a CONNECT tunnel does not delay the exit': [
    'inside',
    'plain',
    inside(async (stage) => {
      stage.running.server.on('connect', (_request: IncomingMessage, socket: Socket) => {
        socket.on('error', () => {})
        socket.write('HTTP/1.1 200 Connection Established\r\n\r\n')
        socket.pipe(socket)
      })
      const wire = (await stage.wire()).send('CONNECT pod:443 HTTP/1.1\r\nHost: pod:443\r\n\r\n')
      await wire.until(/Established\r\n\r\n/)
      await wire.send('through').until(/through$/)
      await stage.endsClean()
    }),
  ],

  'a request to upgrade to an unsupported protocol is answered like any other': [
    { remedy: 'Ignore an Upgrade that the server does not know, and answer the request.' },
    async (stage) => {
      const upgrade = ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABk']
      const wire = await stage.wire()
      await wire.send(`${stage.requests.head('GET', '/', ...upgrade)}\r\n`).answers()
      await stage.endsClean()
    },
  ],

  'an event stream that ends when the drain’s AbortSignal aborts arrives with its last event': [
    'inside',
    'signal',
    async (stage) => {
      const answer = stage.ask('/events')
      await stage.arrived
      await stage.endsClean()
      assert.match((await answer).body, /bye/)
    },
  ],

  'an event stream that never ends is cut at the deadline and not before, and the exit code is not 0': [
    'stream',
    { remedy: remedies.deadline, terms: { grace: 2000 } },
    isCutAtDeadline('/endless'),
  ],

  'a long poll that ends when the drain’s AbortSignal aborts is answered': [
    'inside',
    'signal',
    async (stage) => {
      const answer = stage.ask('/poll')
      await stage.arrived
      await stage.endsClean()
      assert.equal((await answer).status, 204)
    },
  ],
})

/** Upgrades a connection, on which the client then sends nothing. */
async function handshake(stage: Stage, protocol: string) {
  const key = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='
  const upgrade = ['Connection: Upgrade', `Upgrade: ${protocol}`, 'Sec-WebSocket-Version: 13', key]
  const wire = (await stage.wire()).send(`${stage.requests.head('GET', '/socket', ...upgrade)}\r\n`)
  return wire.until(/HTTP\/1\.1 101 [\s\S]*\r\n\r\n/)
}
