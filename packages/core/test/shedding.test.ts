import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import type { Drain } from '../src/index.js'
import { ask, Client, FakeClock, gate, sayOk, serve, slow as times, turns } from './support.js'

/** Idle connections are kept for up to 5 s. */
const slow = { ...times, keepAliveCap: 5000 }

describe('while serving', () => {
  test('no response says Connection: close', async () => {
    const { port } = await serve(sayOk)
    const client = await Client.open(port)
    for (let count = 1; count <= 20; count++) await client.get('/').until(/\r\n\r\nok/, count)
    expect(client.received).not.toMatch(/connection: close/i)
    expect(client.closed).toBe(false)
  })
})

describe('while draining', () => {
  test('the listener stays open and new connections are answered', async () => {
    const { drain, port, server } = await serve(sayOk, { terminationGracePeriodSeconds: 30 })
    void drain.prestop()
    for (let count = 0; count < 10; count++) {
      expect(await ask(port)).toMatchObject({ status: 200, body: 'ok' })
    }
    expect(server.listening).toBe(true)
    expect(drain.state).toBe('draining')
  })

  test('/livez responds with 200, and /readyz with 503', async () => {
    const { drain, port } = await serve(sayOk, { terminationGracePeriodSeconds: 30 })
    expect((await ask(port, '/readyz')).status).toBe(200)
    void drain.prestop()
    expect((await ask(port, '/livez')).status).toBe(200)
    expect((await ask(port, '/readyz')).status).toBe(503)
  })

  test('every response says Connection: close once settle.min has passed', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    const old = await Promise.all([...Array(10)].map(() => Client.open(port)))
    for (const client of old) await client.get('/').until(/\r\n\r\nok/)
    void drain.prestop()
    clock.advance(1000)
    for (const client of old) {
      await client.get('/').until(/connection: close/i)
      await client.end()
      expect(client.received).toMatch(/ok$/)
    }
    for (let count = 0; count < 10; count++) expect((await ask(port)).headers.connection).toBe('close')
  })

  test.each([
    ['GET', 'GET / HTTP/1.1\r\nHost: pod\r\n\r\n'],
    ['GET whose headers have no space', 'GET / HTTP/1.1\r\nHost:pod\r\nAccept:*/*\r\n\r\n'],
    ['GET of a full URL', 'GET http://pod/?a=%20 HTTP/1.1\r\nHost: pod\r\n\r\n'],
    ['POST with a length', 'POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nbody'],
    ['POST in chunks', 'POST / HTTP/1.1\r\nHost: pod\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n'],
  ])(
    'the response to a %s says Connection: close, and so does the second response on the connection',
    async (_name, text) => {
      const clock = new FakeClock()
      const { drain, port } = await serve((request, response) => request.resume().on('end', () => response.end('ok')), {
        ...slow,
        clock,
      })
      const fresh = await Client.open(port)
      const used = await Client.open(port)
      await used.send(text).until(/\r\n\r\nok/)
      void drain.prestop()
      const usedWhileDraining = await Client.open(port)
      await usedWhileDraining.send(text).until(/\r\n\r\nok/)
      clock.advance(1000)
      for (const client of [fresh, used, usedWhileDraining]) {
        await client.send(text).until(/connection: close/i)
        await client.end()
        expect(client.received).toMatch(/\r\n\r\nok$/)
      }
    },
  )

  test('unusual white space in headers delays Connection: close by at most one response', async () => {
    const clock = new FakeClock()
    const { drain, port, server } = await serve(sayOk, { ...slow, clock })
    server.keepAliveTimeout = 600_000 // or Node ends it
    const client = await Client.open(port)
    void drain.prestop()
    clock.advance(1000)
    const text = 'GET / HTTP/1.1\r\nHost:   pod   \r\nAccept:    */*\r\n\r\n'
    await client.send(text).until(/\r\n\r\nok/)
    client.send(text)
    await client.end()
    expect(client.received).toMatch(/connection: close/i)
  })

  test('and by none if such headers came before the ramp reached the connection', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    const client = await Client.open(port)
    void drain.prestop()
    const text = 'GET / HTTP/1.1\r\nHost:   pod   \r\nAccept:    */*\r\n\r\n'
    for (let count = 1; count <= 4; count++) await client.send(text).until(/\r\n\r\nok/, count)
    expect(client.received).not.toMatch(/connection: close/i)
    clock.advance(1000)
    client.send(text)
    await client.end()
    expect(client.received).toMatch(/connection: close\r\n[\s\S]*ok$/i)
  })

  test('and the response to a probe behind such a request says it', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    const client = await Client.open(port)
    void drain.prestop()
    await client.send('GET / HTTP/1.1\r\nHost:   pod   \r\n\r\n').until(/\r\n\r\nok/)
    await expect.poll(() => drain.inFlight).toBe(0)
    client.send('GET / HTTP/1.1\r\nHost:   pod   \r\nUser-Agent: kube-probe/1.35\r\n\r\n')
    await client.until(/connection: close[\s\S]*ok$/i)
    await client.end()
  })

  test.each([
    ['settle.min is 0', 0, (drain: Drain) => drain.start()],
    ['nobody waits for load balancers', 1000, (drain: Drain) => drain.start({ settle: false })],
    ['that is known only later', 1000, (drain: Drain) => [drain.start(), drain.start({ settle: false })]],
  ])('if %s, an open response says Connection: close at once', async (_name, min, begin) => {
    const clock = new FakeClock()
    const turn = gate()
    const { drain, port } = await serve((_request, response) => void turn.opened.then(() => response.end('ok')), {
      ...slow,
      settle: { min, quiet: 500 },
      clock,
    })
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    begin(drain)
    turn.open() // the fake clock does not move
    await client.until(/connection: close/i)
    await clock.through(drain.start())
  })

  test.each([
    ['with a length', (answer: () => void) => answer(), (size: number) => [`Content-Length: ${size}`, '', '']],
    [
      'in chunks',
      (answer: () => void) => void setImmediate(answer),
      (size: number) => ['Transfer-Encoding: chunked', `4\r\nhere\r\n${size.toString(16)}\r\n`, '\r\n0\r\n\r\n'],
    ],
  ])(
    'an upload %s that is refused by its header is read to its end, or its client would be reset while it sends',
    async (_how, schedule, framing) => {
      const clock = new FakeClock()
      const { drain, port } = await serve(
        ({ method }, response) =>
          schedule(() => response.writeHead(method === 'POST' ? 401 : 200, { 'content-length': 2 }).end('ok')),
        { ...slow, clock },
      )
      const client = connect({ port, host: '127.0.0.1' }).pause() // it reads what it has sent for when it has sent it
      onTestFinished(() => void client.destroy())
      await once(client, 'connect')
      void drain.prestop()
      clock.advance(1000)
      const body = Buffer.alloc(20_000_000)
      const [header, before, after] = framing(body.length)
      client.write(`POST / HTTP/1.1\r\nHost: pod\r\n${header}\r\n\r\n${before}`)
      await new Promise<void>((resolve, reject) => client.write(body, (error) => (error ? reject(error) : resolve())))
      client.write(`${after}GET / HTTP/1.1\r\nHost: pod\r\n\r\n`)
      let received = ''
      for await (const piece of client) received += piece
      expect(received).toMatch(/^HTTP\/1.1 401[\s\S]*ok[\s\S]*200[\s\S]*connection: close[\s\S]*ok$/i)
      expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 2 })
    },
  )

  test('the response to a complete upload says it, even if the body comes in pieces', async () => {
    const clock = new FakeClock()
    const { drain, port, server } = await serve(
      (request, response) => void request.resume().on('end', () => response.end('ok')),
      { ...slow, clock },
    )
    void drain.prestop()
    clock.advance(1000)
    for (const [headers, first, second] of [
      ['Content-Length: 10', 'first', 'other'],
      ['Transfer-Encoding: chunked', '5\r\nfirst\r\n', '5\r\nother\r\n0\r\n\r\n'],
    ]) {
      const client = await Client.open(port)
      const arrived = once(server, 'request')
      client.send(`POST / HTTP/1.1\r\nHost: pod\r\n${headers}\r\n\r\n${first}`)
      await arrived
      await client.send(second as string).end()
      expect(client.received).toMatch(/connection: close[\s\S]*ok/i)
    }
    await clock.through(drain.start())
  })

  test('the share of responses that say it grows with the time', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    const share = async (): Promise<number> => {
      const replies = await Promise.all([...Array(100)].map(() => ask(port)))
      return replies.filter((reply) => reply.headers.connection === 'close').length
    }
    void drain.prestop()
    expect(await share()).toBe(0)
    clock.advance(250)
    const halfway = await share() // 50 ± 5 standard deviations
    expect(halfway).toBeGreaterThan(24)
    expect(halfway).toBeLessThan(76)
    clock.advance(250) // `quiet` before the wait may be over: nobody who is led away prolongs it
    expect(await share()).toBe(100)
  })

  test('a response that was open before the drain says Connection: close too', async () => {
    const clock = new FakeClock()
    const turn = gate()
    const { drain, port } = await serve((_request, response) => void turn.opened.then(() => response.end('ok')), {
      ...slow,
      clock,
    })
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(1100)
    turn.open()
    await client.until(/connection: close/i)
    await client.end()
    expect(client.received).toMatch(/ok$/)
  })

  test('a pipelined request is answered, too', async () => {
    const clock = new FakeClock()
    const turn = gate()
    const { drain, port } = await serve(
      (request, response) => void turn.opened.then(() => response.end(`at ${request.url}`)),
      { ...slow, clock },
    )
    const client = await Client.open(port)
    void drain.prestop()
    clock.advance(1000)
    for (const [index, path] of ['/a', '/b', '/c'].entries()) {
      client.get(path)
      await expect.poll(() => drain.inFlight, { interval: 2 }).toBe(index + 1)
      clock.advance(200) // time to look at it
    }
    turn.open()
    await client.end()
    expect(client.received.match(/at \/[abc]/g)).toEqual(['at /a', 'at /b', 'at /c'])
    expect(client.received.match(/connection: close/gi)).toHaveLength(1)
  })

  test.each([
    ['later', (answer: () => void) => setImmediate(answer)],
    ['at once', (answer: () => void) => answer()],
  ])('pipelined requests are all answered by a handler that answers %s', async (_when, schedule) => {
    const clock = new FakeClock()
    const { drain, port } = await serve((request, response) => schedule(() => response.end(`at ${request.url}`)), {
      ...slow,
      clock,
    })
    const client = await Client.open(port)
    void drain.prestop()
    clock.advance(1000)
    client.send(['/a', '/b', '/c'].map((path) => `GET ${path} HTTP/1.1\r\nHost: pod\r\n\r\n`).join(''))
    await client.end()
    expect(client.received.match(/at \/[abc]/g)).toEqual(['at /a', 'at /b', 'at /c'])
  })

  test('an HTTP/1.0 client is answered', async () => {
    const { drain, port } = await serve(sayOk, { terminationGracePeriodSeconds: 30 })
    void drain.prestop()
    const client = await Client.open(port)
    await client.send('GET / HTTP/1.0\r\n\r\n').end()
    expect(client.received).toMatch(/^HTTP\/1\.1 200 .*ok$/s)
  })
})

describe('after a drain that was undone', () => {
  /** A client whose request was open when the drain was undone. */
  async function undone(text: string) {
    const clock = new FakeClock()
    const turn = gate()
    const { drain, port } = await serve(
      ({ url }, response) => void turn.opened.then(() => response.writeHead(200, { 'content-length': 2 }).end(url)),
      { ...slow, clock },
    )
    const client = await Client.open(port)
    client.send(text)
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(30_000)
    expect(drain.state).toBe('serving')
    return { client, drain, turn }
  }

  test('a request that was pipelined behind an open request is answered, too', async () => {
    const { client, drain, turn } = await undone('GET /a HTTP/1.1\r\nHost: pod\r\n\r\n')
    client.get('/b')
    await expect.poll(() => drain.inFlight).toBe(2)
    turn.open()
    await client.until(/\/a[\s\S]*\/b$/)
    expect(client.received).not.toMatch(/connection: close/i)
  })

  test('a client whose upload was still coming keeps its connection', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve((request, response) => request.resume().on('end', () => response.end('ok')), {
      ...slow,
      clock,
    })
    const client = await Client.open(port)
    client.send('POST / HTTP/1.1\r\nHost: pod\r\nContent-Length: 4\r\n\r\nab')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(30_000)
    expect(drain.state).toBe('serving')
    await client.send('cd').until(/\r\n\r\nok$/)
    expect(client.received).not.toMatch(/connection: close/i)
  })

  test('the connection of a client that sent Connection: close is closed', async () => {
    const { client, turn } = await undone('GET /a HTTP/1.1\r\nHost: pod\r\nConnection: close\r\n\r\n')
    turn.open()
    await client.end()
    expect(client.received).toMatch(/connection: close[\s\S]*\/a$/i)
  })

  test('responses do not say Connection: close any more', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    void drain.prestop()
    clock.advance(29_999)
    expect((await ask(port)).headers.connection).toBe('close')
    clock.advance(101)
    expect(drain.state).toBe('serving')
    const client = await Client.open(port)
    for (let count = 1; count <= 5; count++) await client.get('/').until(/\r\n\r\nok/, count)
    expect(client.received).not.toMatch(/connection: close/i)
  })
})

describe('when the time is up and requests still come', () => {
  /** A client that has just connected. */
  async function late() {
    const clock = new FakeClock()
    const turn = { reached: gate(), answer: gate() }
    const pod = await serve(
      (request, response) => {
        if (request.url !== '/slow') return void response.end('ok')
        turn.reached.open()
        void turn.answer.opened.then(() => response.end('at last'))
      },
      { ...slow, settle: { min: 1000, quiet: 24_000 }, clock },
    )
    const report = pod.drain.start()
    clock.advance(1000)
    await ask(pod.port)
    clock.advance(22_950)
    const client = await Client.open(pod.port)
    await ask(pod.port, '/livez') // the client has been accepted before
    clock.advance(100)
    await expect.poll(() => pod.server.listening).toBe(false)
    return { clock, client, report, turn }
  }

  test('a client that has just connected, and whose request is on its way, is answered', async () => {
    const { client, clock, report } = await late()
    clock.advance(20)
    await turns()
    await client.get('/').until(/connection: close[\s\S]*ok$/i)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 2 })
  })

  test('its request may take longer than `farewellTime`', async () => {
    const { client, clock, report, turn } = await late()
    client.get('/slow')
    await turn.reached.opened
    for (let step = 0; step < 10; step++) {
      clock.advance(100)
      await turns(3)
    }
    turn.answer.open()
    await client.until(/at last$/)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('a client in the backlog is answered, too', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    const report = drain.start()
    clock.advance(990)
    const socket = connect({ port, host: '127.0.0.1' })
    onTestFinished(() => void socket.destroy())
    socket.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
    await new Promise<void>((resolve) => process.nextTick(resolve)) // by now it has asked the kernel
    clock.advance(110)
    expect(drain.state).toBe('closing')
    const [answer] = await once(socket, 'data')
    expect(String(answer)).toMatch(/^HTTP\/1.1 200/)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1 })
  })

  test('and so are many clients that have connected at once, of which Node accepts one per turn', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock })
    const report = drain.start()
    clock.advance(990)
    const answers = Array.from({ length: 100 }, () => {
      const socket = connect({ port, host: '127.0.0.1' })
      onTestFinished(() => void socket.destroy())
      socket.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
      return once(socket, 'data')
    })
    await new Promise<void>((resolve) => process.nextTick(resolve)) // by now they have asked the kernel
    clock.advance(110)
    expect(drain.state).toBe('closing')
    for (const [answer] of await Promise.all(answers)) expect(String(answer)).toMatch(/^HTTP\/1.1 200/)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 100 })
  })

  test('a client that has connected and sends nothing gets a FIN', async () => {
    const { client, clock, report } = await late()
    let reset = false
    client.socket.on('error', () => {
      reset = true
    })
    await clock.through(report)
    await client.end()
    expect(reset).toBe(false)
  })
})

describe('an idle keep-alive connection', () => {
  test('is kept for its keep-alive time, and a request on it is answered', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock, keepAliveCap: 3000 })
    const client = await Client.open(port)
    await client.get('/').until(/\r\n\r\nok/)
    void drain.start()
    clock.advance(2990)
    await turns()
    expect(client.closed).toBe(false)
    expect(drain.state).toBe('draining')
    await client.get('/').until(/\r\n\r\nok/, 2)
    const report = await clock.through(drain.start())
    expect(report).toMatchObject({ clean: true, cut: [], answered: 1 })
  })

  test('does not delay the end beyond its keep-alive time', async () => {
    const clock = new FakeClock()
    const { drain, port, server } = await serve(sayOk, { ...slow, clock, keepAliveCap: 10_000 })
    expect(server.keepAliveTimeout).toBe(5000)
    const client = await Client.open(port)
    await client.get('/').until(/\r\n\r\nok/)
    void drain.start()
    clock.advance(4999)
    expect(drain.state).toBe('draining')
    clock.advance(101)
    expect(drain.state).not.toBe('draining')
    await clock.through(drain.start())
    await client.end()
  })

  test('is kept no longer than the cap, even if the server’s keep-alive time is longer', async () => {
    const clock = new FakeClock()
    const { drain, port, server } = await serve(sayOk, { ...slow, clock, keepAliveCap: 2000 })
    server.keepAliveTimeout = 72_000
    const client = await Client.open(port)
    await client.get('/').until(/\r\n\r\nok/)
    void drain.start()
    clock.advance(1999)
    expect(drain.state).toBe('draining')
    clock.advance(101)
    expect(drain.state).not.toBe('draining')
    await clock.through(drain.start())
  })

  test('whose client does not close its side is waited for only during `farewellTime`', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(sayOk, { ...slow, clock, keepAliveCap: 0 })
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    onTestFinished(() => void socket.destroy())
    socket.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
    await once(socket, 'data')
    const ended = once(socket, 'end')
    socket.resume()
    const report = drain.start()
    clock.advance(1100)
    await turns()
    for (let step = 0; step < 48; step++) {
      clock.advance(10)
      await turns(1)
    }
    expect(drain.state).toBe('closing')
    await ended
    for (let step = 0; step < 5; step++) {
      clock.advance(10)
      await turns(1)
    }
    const { durationMs, settleMs } = await report // the fake clock does not move
    expect(durationMs - settleMs).toBeGreaterThanOrEqual(500)
  })

  test('that has closed is not waited for', async () => {
    const clock = new FakeClock()
    const { drain, port, server } = await serve(sayOk, { ...slow, clock, keepAliveCap: 0 })
    const client = await Client.open(port)
    await client.get('/').until(/\r\n\r\nok/)
    client.abort()
    const open = (): Promise<number> =>
      new Promise((resolve) => server.getConnections((_error, count) => resolve(count)))
    await expect.poll(open).toBe(0)
    const report = drain.start()
    clock.advance(1000)
    const { durationMs, settleMs } = await report // the fake clock does not move
    expect(durationMs - settleMs).toBe(0)
  })

  test('is closed without a reset', async () => {
    const { drain, port } = await serve(sayOk)
    const client = await Client.open(port)
    let reset = false
    client.socket.on('error', () => {
      reset = true
    })
    await client.get('/').until(/\r\n\r\nok/)
    const [report] = await Promise.all([drain.start(), client.end()])
    expect(reset).toBe(false)
    expect(report.clean).toBe(true)
  })
})

describe('a connection without a complete request does not delay the end and is not cut:', () => {
  test.each([
    ['a socket that never sent a byte', '', 0],
    ['half a header', 'GET /half HTTP/1.1\r\nHost: po', 0],
    ['half a body', 'POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: 100\r\n\r\nhalf', 1],
  ])('%s', async (_name, text, inFlight) => {
    const clock = new FakeClock()
    const { drain, port } = await serve((request, response) => request.resume().on('end', () => response.end('ok')), {
      ...slow,
      clock,
      keepAliveCap: 2000,
    })
    const client = await Client.open(port)
    if (text !== '') client.send(text)
    // By then the server has read what the other client has sent before.
    await ask(port)
    await expect.poll(() => drain.inFlight).toBe(inFlight)
    const report = await clock.through(drain.start())
    expect(report).toMatchObject({ clean: true, cut: [] })
    expect(report.settleMs).toBeLessThan(10_000) // the cut is at 24 s
    await client.end()
    expect(drain.inFlight).toBe(0)
  })

  test.each([
    [1500, 2000],
    [900, 0], // however short idle connections are kept: a packet that was lost takes as long
  ])('an upload that trickles, a byte every %s ms, is waited for and answered', async (pause, keepAliveCap) => {
    const clock = new FakeClock()
    const { drain, port } = await serve((request, response) => request.resume().on('end', () => response.end('ok')), {
      ...slow,
      clock,
      keepAliveCap,
    })
    const client = await Client.open(port)
    client.send('POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: 5\r\n\r\n')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.start()
    for (let count = 1; count <= 5; count++) {
      expect(drain.state).toBe('draining')
      clock.advance(pause)
      client.send('x')
      // The response to another client shows that the server has read up to here.
      await ask(port, '/livez')
      await turns(5)
    }
    await client.until(/\r\n\r\nok/)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
  })
})

test('a slow reader gets its 20 MB completely if the drain begins during the response', async () => {
  const size = 20_000_000
  const { drain, port } = await serve(
    (_request, response) => response.writeHead(200, { 'content-length': size }).end(Buffer.alloc(size, 'x')),
    { terminationGracePeriodSeconds: 30 },
  )
  const client = await Client.open(port)
  client.socket.on('data', () => {
    client.socket.pause()
    setImmediate(() => client.socket.resume())
  })
  await client.get('/large').until(/\r\n\r\nx/)
  const report = drain.start({ settle: false })
  expect(drain.inFlight).toBe(1)
  await client.end()
  const body = client.received.slice(client.received.indexOf('\r\n\r\n') + 4)
  expect(body).toHaveLength(size)
  expect(await report).toMatchObject({ clean: true, cut: [], answered: 1 })
})
