import { strict as assert } from 'node:assert'
import { once } from 'node:events'
import http, { type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { listen, room, WhiteStage } from '@podrain/contract'
import { type OurNeed, ours } from './behaviour.js'

/** Several servers, several drains, and servers that are used in unusual ways. */
export const servers = room<OurNeed>(
  'Servers and drains',
  ['watch'],
  'Give the drain each server: `drain.watch(server)`.',
  {
    'a drain with two servers waits for the requests of both, and closes both': ours(async (stage) => {
      const second = http.createServer((_request, response) => {
        reached()
        void answer.then(() => response.end('from the second'))
      })
      let reached = (): void => {}
      let release = (): void => {}
      const arrived = new Promise<void>((resolve) => {
        reached = resolve
      })
      const answer = new Promise<void>((resolve) => {
        release = resolve
      })
      stage.client(() => second.closeAllConnections())
      stage.running.drain?.watch(second)
      const { port } = (await listen({ server: second }, { host: '127.0.0.1', port: 0 })) as { port: number }
      const letGo = await stage.hold()
      const asked = fetch(`http://127.0.0.1:${port}/`).then((response) => response.text())
      await arrived
      assert.equal(stage.inFlight, 2)
      const end = stage.terminate()
      await letGo()
      release()
      assert.equal(await asked, 'from the second')
      assert.equal(await end, 0)
      assert.deepEqual([stage.running.server.listening, second.listening], [false, false])
    }),

    'two drains in one process are independent of each other': ours(async (stage) => {
      const other = await WhiteStage.set(stage.subject)
      try {
        const letGo = await other.hold()
        await stage.endsClean()
        assert.equal((await other.ask('/readyz')).status, 200)
        await letGo()
        await other.noneInFlight()
        await other.endsClean()
      } finally {
        await other.strike()
      }
    }),

    'a server that was closed and listens again is drained as before': ours(async (stage) => {
      const { server } = stage.running
      const closed = once(server, 'close')
      server.close()
      stage.exit()
      await closed
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      stage.moved()
      assert.equal((await stage.ask('/readyz')).status, 200)
      const letGo = await stage.hold()
      assert.equal(stage.inFlight, 1)
      const end = stage.terminate()
      assert.equal((await stage.ask('/')).body, 'hello')
      await letGo()
      assert.equal(await end, 0)
    }),

    'a server that was closed before the signal does not delay the exit': ours(async (stage) => {
      const { server } = stage.running
      const closed = once(server, 'close')
      server.close()
      stage.exit()
      await closed
      await stage.endsClean()
    }),

    'a server that begins to listen after the signal is closed before the exit': [
      'beforehand',
      { listening: false },
      ours(async (stage) => {
        const { drain } = stage.running
        const ready = new Promise<void>((resolve) =>
          stage.running.server.on('listening', () => setTimeout(resolve, 100)),
        )
        drain?.waitUntil(ready, { name: 'the application starts' })
        const end = stage.endsClean()
        await listen(stage.running, { host: '127.0.0.1', port: 0 })
        stage.moved()
        assert.equal((await stage.ask('/readyz')).status, 503)
        await end
        assert.equal(stage.running.server.listening, false)
      }),
    ],

    'on a Unix domain socket, requests are answered and idle connections do not delay the exit': [
      { unix: true },
      ours(async (stage) => {
        const letGo = await stage.hold()
        await stage.bareWire()
        const end = stage.terminate()
        assert.equal((await stage.ask('/')).body, 'hello')
        assert.equal((await stage.ask('/readyz')).status, 503)
        await letGo()
        assert.equal(await end, 0)
      }),
    ],

    // As a development server does when a file has changed.
    'if the application replaces its request listener, only the new one is called, and its response arrives': ours(
      async (stage) => {
        const { server } = stage.running
        for (const listener of server.listeners('request') as (() => void)[]) server.off('request', listener)
        let answer = (): void => {}
        const reached = new Promise<void>((resolve) => {
          server.on('request', (_request: IncomingMessage, response: ServerResponse) => {
            answer = () => response.end('replaced')
            resolve()
          })
        })
        const asked = stage.ask('/')
        await reached
        assert.equal(stage.inFlight, 1)
        const end = stage.terminate()
        answer()
        assert.equal((await asked).body, 'replaced')
        assert.equal(stage.seen('/'), 0)
        assert.equal(await end, 0)
      },
    ),

    // As socket.io does.
    'if a library replaces all request listeners and calls them itself, requests are counted and probes answered': ours(
      async (stage) => {
        const { server } = stage.running
        const listeners = server.listeners('request')
        server.removeAllListeners('request')
        server.on('request', (request: IncomingMessage, response: ServerResponse) => {
          for (const listener of listeners) listener.call(server, request, response)
        })
        const letGo = await stage.hold()
        assert.equal(stage.inFlight, 1)
        assert.equal(stage.seen('/held'), 1)
        assert.equal((await stage.ask('/readyz')).status, 200)
        const end = stage.terminate()
        assert.equal((await stage.ask('/readyz')).status, 503)
        await letGo()
        assert.equal(await end, 0)
      },
    ),

    'a request with “Expect: 100-continue” counts as in flight if the application has a checkContinue listener': [
      'http1',
      ours(async (stage) => {
        const server = stage.running.server as Server
        server.on('checkContinue', (request, response) => {
          response.writeContinue()
          let length = 0
          request.on('data', (chunk: Buffer) => {
            length += chunk.length
          })
          request.on('end', () => response.end(`${length} bytes`))
        })
        const wire = (await stage.wire()).post('/upload', 4, '', 'Expect: 100-continue')
        await wire.until(/100 Continue\r\n\r\n/)
        assert.equal(stage.inFlight, 1)
        const end = stage.terminate()
        await wire.send('body').until(/4 bytes/)
        assert.equal(await end, 0)
        assert.equal(stage.inFlight, 0)
      }),
    ],

    'a request on a connection that was open before the middleware learned of the server is answered': [
      'middleware',
      'http1',
      { probed: false },
      ours(async (stage) => {
        const early = await stage.wire()
        assert.equal((await stage.ask('/')).body, 'hello')
        early.get('/held')
        await stage.arrived
        assert.equal(stage.inFlight, 1)
        const end = stage.terminate()
        setTimeout(() => stage.release(), 2 * stage.terms.settle)
        await early.until(/held$/)
        assert.equal(await end, 0)
        await early.gone()
      }),
    ],
  },
)
