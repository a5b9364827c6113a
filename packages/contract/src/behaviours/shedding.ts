import { strict as assert } from 'node:assert'
import { room, type See, Unaskable } from '../behaviour.js'
import { eventually, type Stage } from '../stage.js'
import { Wire } from '../wire.js'

/** Clients learn that they have to leave, with an answer and not with a loss. */
export const shedding = room('Leading clients away', ['http1'], {
  'no response says “Connection: close” before the signal': async (stage) => {
    assert.equal((await stage.ask('/')).headers.connection, 'keep-alive')
  },

  'a response in flight at the signal says “Connection: close”': async (stage) => {
    const answer = stage.ask('/held')
    await stage.arrived
    const end = stage.terminate()
    setTimeout(() => stage.release(), stage.terms.settle * 2)
    assert.equal((await answer).headers.connection, 'close')
    assert.equal(await end, 0)
  },

  'after a response in flight at the signal the connection ends': async (stage) => {
    const wire = (await stage.wire()).get('/held')
    await stage.arrived
    const end = stage.terminate()
    setTimeout(() => stage.release(), stage.terms.settle * 2)
    // Until its end.
    await wire.gone()
    assert.match(wire.received, /held$/)
    assert.equal(wire.broken, undefined)
    assert.equal(await end, 0)
  },

  'a response that a handler gives at once says it': says('/'),
  'a response that a handler gives later says it': says('/later'),
  'a 204 says it': says('/nothing'),
  'a 304 says it': says('/same'),
  'a 404 says it': says('/nowhere'),
  'a 500 says it': says('/throws'),
  'an answer to HEAD says it': says('/', 'HEAD'),

  'after it the server ends the connection': async (stage) => {
    await whileDraining(stage, async () => {
      const wire = (await stage.wire()).get('/')
      await wire.gone()
      assert.match(wire.received, /hello$/)
      assert.equal(wire.broken, undefined)
    })
  },

  'a response with “Connection: keep-alive” of the application’s own says it': says('/keep'),
  'a response whose head the application writes at once, with “Connection: keep-alive”, says it': says('/keep-head'),
  'a response with a list of headers of the application’s own says it': says('/keep-list'),

  'a kept connection whose header had left before the signal is ended, or told with the next response': async (
    stage,
  ) => {
    const wire = (await stage.wire()).get('/begun')
    await wire.until(/first /)
    const holding = stage.ask('/silent').catch(() => 'cut')
    void stage.terminate()
    await settled(stage)
    stage.release()
    await wire.until(/0\r\n\r\n$/)
    await settled(stage)
    if (!wire.ended) {
      await wire.get('/').until(/hello$/)
      assert.match(wire.head, /connection: close/)
    }
    stage.hangUp()
    await holding
  },

  'a client of HTTP/1.0 is answered': async (stage) => {
    await whileDraining(stage, async () => {
      const wire = (await stage.wire()).send('GET / HTTP/1.0\r\n\r\n')
      await wire.gone()
      assert.match(wire.received, /hello$/)
    })
  },
})

/** Pipelined requests: sent before the answers are there. */
export const pipelining = room('Pipelined requests', ['http1'], {
  'are all answered, in their order, before the signal': async (stage) => {
    const wire = (await stage.wire()).get('/', '/later', '/nowhere', '/')
    await wire.until(/HTTP\/1\.1 /, 4)
    assert.match(wire.received, /hello[\s\S]*later[\s\S]* 404 [\s\S]*hello$/)
  },

  'that are waiting at the signal are all answered, none twice': async (stage) => {
    const wire = (await stage.wire()).get('/held', '/later', '/')
    await stage.arrived
    const end = stage.terminate()
    stage.release()
    await wire.until(/HTTP\/1\.1 200/, 3)
    assert.equal(await end, 0)
    assert.match(wire.received, /held[\s\S]*later[\s\S]*hello$/)
    assert.equal(wire.count(/HTTP\/1\.1 /), 3)
  },

  'that come while it drains are all answered, though handlers answer at once': async (stage) => {
    await whileDraining(stage, async () => {
      const wire = (await stage.wire()).get('/', '/', '/')
      await wire.gone()
      assert.equal(wire.count(/HTTP\/1\.1 200/), 3, wire.summary)
      assert.equal(wire.count(/hello/), 3)
      assert.match(wire.head, /connection: close/)
    })
  },

  'that come while it drains are all answered, though handlers take their time': async (stage) => {
    await whileDraining(stage, async () => {
      const wire = (await stage.wire()).get('/later', '/later', '/later')
      await wire.gone()
      assert.equal(wire.count(/HTTP\/1\.1 200/), 3, wire.summary)
    })
  },

  'behind a response that has said “Connection: close” are not begun, nor waited for': async (stage) => {
    const letGo = await stage.hold()
    const end = stage.terminate()
    await settled(stage)
    await listening(stage)
    const wire = (await stage.wire()).get('/begun')
    await wire.until(/first /)
    assert.match(wire.head, /connection: close/)
    wire.post('/upload', 4, 'body')
    wire.get('/')
    await arrivedAll(stage, wire)
    await letGo()
    await wire.gone()
    assert.equal(await end, 0)
    assert.match(wire.received, /last\r\n0\r\n\r\n$/)
    assert.equal(stage.seen('/upload'), 0, 'begun')
    assert.equal(stage.seen('/'), 0, 'begun')
  },

  'behind an upload are answered while it drains': async (stage) => {
    await whileDraining(stage, async () => {
      const wire = (await stage.wire()).post('/upload', 4, 'bodyGET / HTTP/1.1\r\nHost: pod\r\n\r\n')
      await wire.until(/hello$/)
      assert.match(wire.received, /4 bytes/)
    })
  },
})

/** Every response says it once the server drains and load balancers have had their time. */
function says(path: string, method = 'GET'): See {
  return (stage) =>
    whileDraining(stage, async () => {
      assert.equal((await stage.ask(path, { method })).headers.connection, 'close')
    })
}

/** The server has read what the client has sent. */
async function arrivedAll(stage: Stage, wire: Wire): Promise<void> {
  const { bytesWritten } = wire.socket
  await eventually(
    () => stage.bytesRead >= bytesWritten,
    () => `${stage.bytesRead} of ${bytesWritten} bytes were read`,
  )
}

/** Load balancers have had their time. */
function settled({ terms }: Stage): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, terms.settle + 100))
}

/** Does something while a request in flight holds the end, after the settling. */
export async function whileDraining(stage: Stage, act: () => Promise<void>): Promise<void> {
  const letGo = await stage.hold()
  const end = stage.terminate()
  await settled(stage)
  await listening(stage)
  await act()
  await letGo()
  assert.equal(await end, 0, 'the exit code')
}

/** Whoever has closed the listener by now is not asked: that loses requests, and another sentence is about it. */
async function listening({ address }: Stage): Promise<void> {
  try {
    const wire = await Wire.open(address)
    wire.abort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ECONNREFUSED') throw error
    throw new Unaskable('the listener is closed by then, which “While load balancers still send” is about')
  }
}
