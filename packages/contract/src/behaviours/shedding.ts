import { strict as assert } from 'node:assert'
import { inside, type Room, room, type See, Unaskable } from '../behaviour.js'
import type { Answer } from '../clients.js'
import { eventually, type Stage } from '../stage.js'
import type { WhiteStage } from '../white-box/stage.js'
import { type Received, Wire } from '../wire.js'
import { remedies } from './remedies.js'

/** Clients are told to leave their connections, and lose no request. */
export const shedding: Room = room('The Connection: close header', ['http1', 'keepAlive'], remedies.shed, {
  'before the signal, a response has no “Connection: close”': async (stage) => {
    assert.notEqual((await stage.ask('/')).headers.connection?.toLowerCase(), 'close')
  },

  'a response in flight at the signal has “Connection: close”': [
    'slow',
    async (stage) => {
      const answered = await stage.holding()
      const end = stage.terminate()
      setTimeout(() => stage.release(), stage.terms.settle * 2)
      saysClose(await answered())
      assert.equal(await end, 0)
    },
  ],

  'the server closes the connection after a response that was in flight at the signal': [
    'slow',
    async (stage) => {
      const wire = (await stage.wire()).get('/held')
      await stage.arrived
      const end = stage.terminate()
      setTimeout(() => stage.release(), stage.terms.settle * 2)
      await wire.gone()
      const [answer] = await wire.answers()
      stage.expect('/held', answer as Received)
      assert.equal(wire.broken, undefined)
      assert.equal(await end, 0)
    },
  ],

  'during the drain, a response that the handler sends immediately has “Connection: close”': ['slow', says('/')],
  'during the drain, a response that the handler sends asynchronously has “Connection: close”': [
    'inside',
    says('/later'),
  ],
  'during the drain, a 204 has “Connection: close”': ['inside', says('/nothing')],
  'during the drain, a 304 has “Connection: close”': ['inside', says('/same')],
  'during the drain, a 404 has “Connection: close”': ['slow', 'unknown', says('/nowhere')],
  'during the drain, a 500 has “Connection: close”': ['inside', says('/throws')],
  'during the drain, a response to HEAD has “Connection: close”': ['slow', says('/', 'HEAD')],

  'during the drain, the server closes the connection after a response': [
    'slow',
    whileDraining(async (stage) => {
      const wire = (await stage.wire()).get('/')
      await wire.gone()
      await wire.answers()
      assert.equal(wire.broken, undefined)
    }),
  ],

  'during the drain, a response has “Connection: close” even if the application sets “Connection: keep-alive”': [
    'inside',
    says('/keep'),
  ],
  'during the drain, a response has “Connection: close” even if the application passes “Connection: keep-alive” to writeHead()':
    ['inside', says('/keep-head')],
  'during the drain, a response has “Connection: close” even if the application passes an array of headers to writeHead()':
    ['inside', says('/keep-list')],

  'a connection whose response headers left before the signal is closed, or its next response has “Connection: close”':
    [
      'inside',
      async (stage) => {
        const wire = (await stage.wire()).get('/begun')
        await wire.begun()
        const holding = stage.ask('/silent').catch(() => 'cut')
        void stage.terminate()
        await settled(stage)
        stage.release()
        await wire.answers()
        await settled(stage)
        if (!wire.ended) {
          const [, next] = await wire.get('/').answers(2)
          saysClose(next as Received)
        }
        stage.hangUp()
        await holding
      },
    ],

  'during the drain, an HTTP/1.0 request is answered': [
    'slow',
    { remedy: remedies.accept },
    whileDraining(async (stage) => {
      const wire = (await stage.wire()).send(`${stage.requests.head('GET', '/').replace('HTTP/1.1', 'HTTP/1.0')}\r\n`)
      await wire.gone()
      const [answer] = await wire.answers()
      stage.expect('/', answer as Received)
    }),
  ],
})

/** Pipelined requests, which a client sends before it has the earlier responses. */
export const pipelining: Room = room('Pipelined requests', ['http1', 'keepAlive'], remedies.pipelined, {
  'before the signal, pipelined requests are all answered in order': [
    'unknown',
    async (stage) => {
      const wire = (await stage.wire()).get('/', '/later', '/nowhere', '/')
      const [first, second, third, fourth] = await wire.answers(4)
      stage.expect('/', first as Received)
      stage.expect('/later', second as Received)
      assert.equal(third?.status, 404)
      stage.expect('/', fourth as Received)
    },
  ],

  'pipelined requests in flight at the signal are each answered exactly once': [
    'slow',
    async (stage) => {
      const wire = (await stage.wire()).get('/held', '/later', '/')
      await stage.arrived
      const end = stage.terminate()
      stage.release()
      const answers = await wire.answers(3)
      assert.equal(await end, 0)
      for (const [index, path] of ['/held', '/later', '/'].entries()) stage.expect(path, answers[index] as Received)
      assert.equal(wire.responses.length, 3)
    },
  ],

  'during the drain, pipelined requests are all answered if the handlers respond immediately': [
    'slow',
    answersAll('/'),
  ],
  'during the drain, pipelined requests are all answered if the handlers respond asynchronously': [
    'inside',
    answersAll('/later'),
  ],

  'pipelined requests after a response with “Connection: close” are not processed and do not delay the exit': [
    'inside',
    inside(async (stage) => {
      const letGo = await stage.hold()
      const end = stage.terminate()
      await settled(stage)
      await listening(stage)
      const wire = (await stage.wire()).get('/begun')
      await wire.begun()
      assert.match(wire.head, /connection: close/)
      wire.post('/upload', 4, 'body')
      wire.get('/')
      await arrivedAll(stage, wire)
      await letGo()
      await wire.gone()
      assert.equal(await end, 0)
      const [answer] = await wire.answers()
      stage.expect('/begun', answer as Received)
      assert.equal(stage.seen('/upload'), 0, 'begun')
      assert.equal(stage.seen('/'), 0, 'begun')
    }),
  ],

  'during the drain, a request that is pipelined after an upload is answered': [
    'slow',
    'upload',
    whileDraining(async (stage) => {
      const wire = (await stage.wire()).post('/upload', 4, `body${stage.requests.head('GET', '/')}\r\n`)
      const [upload, answer] = await wire.answers(2)
      stage.expect('4 bytes', upload as Received)
      stage.expect('/', answer as Received)
    }),
  ],
})

/** Checks that three requests in one packet are answered, and that the connection then ends. */
function answersAll(path: string): See {
  return whileDraining(async (stage) => {
    const wire = (await stage.wire()).get(path, path, path)
    await wire.gone()
    const answers = await wire.answers(3)
    for (const answer of answers) stage.expect(path, answer)
    saysClose(answers[2] as Received)
  })
}

function saysClose({ headers }: Answer | Received): void {
  assert.equal(headers.connection?.toLowerCase(), 'close')
}

/** Checks that a response has “Connection: close” after the settle wait. */
function says(path: string, method = 'GET'): See {
  return whileDraining(async (stage) => saysClose(await stage.ask(path, { method })))
}

/** Waits until the server has read everything that the client has sent. */
async function arrivedAll(stage: WhiteStage, wire: Wire): Promise<void> {
  const { bytesWritten } = wire.socket
  await eventually(
    () => stage.bytesRead >= bytesWritten,
    () => `${stage.bytesRead} of ${bytesWritten} bytes were read`,
  )
}

/** Waits for as long as load balancers need to stop sending. */
function settled({ terms }: Stage): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, terms.settle + 100))
}

/** Acts after the settle wait, while a request in flight keeps the server open. */
function whileDraining(act: See): See {
  return async (stage) => {
    const letGo = await stage.hold()
    const end = stage.terminate()
    await settled(stage)
    await listening(stage)
    await act(stage)
    await letGo()
    assert.equal(await end, 0, 'the exit code')
  }
}

/**
 * Checks that the listener is open.
 * @throws {Unaskable} if it is closed. That loses requests, but another sentence is about it.
 */
async function listening({ address }: Stage): Promise<void> {
  try {
    const wire = await Wire.open(address)
    wire.abort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
    throw new Unaskable('the listener is closed by then, which “Requests and exit” is about')
  }
}
