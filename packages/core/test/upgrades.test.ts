import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import { type Duplex, PassThrough } from 'node:stream'
import { describe, expect, test, vi } from 'vitest'
import type { AdapterOptions } from '../src/index.js'
import { Client, FakeClock, keeping, type Pod, sayOk, serve, turns } from './support.js'

/** 1001, in a close frame. */
const goingAway = '\x88\x02\x03\xe9'
const told = new RegExp(goingAway)

interface Scene extends Pod {
  readonly clock: FakeClock
  readonly sockets: Duplex[]
}

type Grant = (request: IncomingMessage, socket: Duplex) => void

const grant: Grant = (request, socket) =>
  void socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nUpgrade: ${request.headers.upgrade}\r\nConnection: Upgrade\r\n\r\n`,
  )

/** A server that accepts upgrades, and then does nothing with the socket. */
async function start(answer: Grant = grant, options: AdapterOptions = {}): Promise<Scene> {
  const clock = new FakeClock()
  const sockets: Duplex[] = []
  const pod = await serve(sayOk, { ...keeping, clock, ...options })
  for (const event of ['upgrade', 'connect']) {
    pod.server.on(event, (request: IncomingMessage, socket: Duplex) => {
      sockets.push(socket)
      socket.on('error', () => {})
      socket.on('end', () => socket.end())
      socket.resume()
      answer(request, socket)
    })
  }
  await turns(1)
  return { ...pod, clock, sockets }
}

async function webSocket(port: number, name = 'websocket'): Promise<Client> {
  const client = await Client.open(port)
  await client.get('/chat', `Upgrade: ${name}`, 'Connection: Upgrade').until(/101 Switching.*\r\n\r\n/s)
  return client
}

describe('a WebSocket', () => {
  test.each(['websocket', 'WebSocket'])(
    '(%s) gets one close frame with 1001 when the ramp has reached it',
    async (name) => {
      vi.spyOn(Math, 'random').mockReturnValue(0.5)
      const { drain, clock, port } = await start()
      const client = await webSocket(port, name)
      expect(drain.inFlight).toBe(0)
      void drain.prestop()
      clock.advance(290)
      await turns()
      expect(client.received).not.toContain(goingAway)
      clock.advance(10)
      await client.until(told)
      clock.advance(2000)
      await turns()
      expect(client.received.split(goingAway)).toHaveLength(2)
      expect(client.closed).toBe(false)
    },
  )

  test('that opens while draining gets it when the ramp has reached it, too', async () => {
    const { drain, clock, port } = await start()
    void drain.prestop()
    clock.advance(1000)
    const client = await webSocket(port)
    clock.advance(100)
    await client.until(told)
  })

  test('does not delay the end, gets the close frame before the end, and is cut at the end', async () => {
    vi.spyOn(Math, 'random').mockReturnValue(0.999)
    const { drain, clock, port } = await start(grant, { settle: { min: 1000, quiet: 0 } })
    const client = await webSocket(port)
    const report = drain.start({ settle: false })
    expect(drain.state).toBe('closing')
    await client.until(told) // the fake clock does not move
    await turns()
    expect(client.closed).toBe(false)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
    await client.end()
  })

  test('into which a proxy pipes gets no close frame, because it could split another frame', async () => {
    const source = new PassThrough()
    const frame = '\x82\x04\x01\x02\x03\x04'
    const { drain, clock, port } = await start((request, socket) => {
      grant(request, socket)
      source.pipe(socket)
    })
    const client = await webSocket(port)
    source.write(Buffer.from([0x82, 4, 1, 2])) // half a frame
    const report = drain.start()
    clock.advance(900)
    await turns()
    source.write(Buffer.from([3, 4]))
    await client.until(new RegExp(frame))
    expect(await clock.through(report)).toMatchObject({ clean: true })
    await client.end()
    expect(client.received.endsWith(frame)).toBe(true)
  })

  describe('whose frames a proxy forwards in pieces,', () => {
    const payload = 'x'.repeat(300)
    const frame = `\x82\x7e\x01\x2c${payload}`

    /** A WebSocket on which a part of a frame has been sent when the ramp reaches it. */
    async function forwarded(length: number) {
      const scene = await start()
      const client = await webSocket(scene.port)
      const [socket] = scene.sockets
      const send = (text: string): void => void socket?.write(text, 'latin1')
      send(frame.slice(0, length))
      void scene.drain.prestop()
      scene.clock.advance(1500)
      await turns()
      return { ...scene, client, send }
    }

    test.each([1, 2, 3, 4, 100, 303])('gets no close frame within a frame, after %i bytes', async (length) => {
      const { client, send, clock } = await forwarded(length)
      for (const byte of frame.slice(length, -1)) send(byte)
      clock.advance(500)
      await turns()
      expect(client.received).not.toContain(goingAway)
      send(frame.slice(-1))
      await client.until(told)
      expect(client.received.endsWith(`\r\n\r\n${frame}${goingAway}`)).toBe(true)
    })

    test('gets none when that frame is complete, if the drain has been undone', async () => {
      const { client, send, clock, drain } = await forwarded(100)
      clock.advance(30_000)
      expect(drain.state).toBe('serving')
      send(frame.slice(100))
      await client.until(new RegExp(`${payload}$`))
      send('\x82\x04next')
      await client.until(/next$/)
      expect(client.received).not.toContain(goingAway)
    })
  })

  describe('whose method `write` a library has replaced', () => {
    /** Replaces `write` like a library that measures traffic. It accepts any typed array, as Node 22 does. */
    function replaceWrite(socket: Duplex): Duplex['write'] {
      const { write } = socket as { write: (chunk: Uint8Array | string) => boolean }
      const theirs = (chunk: Uint8Array | DataView | string): boolean =>
        write.call(
          socket,
          typeof chunk === 'string' ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength),
        )
      socket.write = theirs as Duplex['write']
      return socket.write
    }

    test('gets no close frame within a frame that is written as other typed arrays', async () => {
      const { drain, clock, port, server, sockets } = await start()
      server.on('connection', replaceWrite)
      const client = await webSocket(port)
      const view = (...bytes: number[]): DataView => new DataView(Uint8Array.from([0, ...bytes]).buffer, 1)
      sockets[0]?.write(view(0x82, 4, 1, 2))
      void drain.prestop()
      clock.advance(1500)
      await turns()
      expect(client.received).not.toContain(goingAway)
      sockets[0]?.write(view(3, 4))
      await client.until(told)
      expect(client.received.endsWith(`\x82\x04\x01\x02\x03\x04${goingAway}`)).toBe(true)
    })
  })

  describe('whose client has sent the last message', () => {
    const question = '\x81\x83\0\0\0\0why'
    const answer = '\x81\x07because'

    /** A server whose ramp takes ten seconds, and reaches this connection at the given share. */
    async function draining(shedAt = 0.5) {
      vi.spyOn(Math, 'random').mockReturnValue(shedAt)
      const scene = await start(grant, { settle: { min: 10_400, quiet: 400 } })
      const client = await webSocket(scene.port)
      const [socket] = scene.sockets as [Duplex]
      return {
        ...scene,
        client,
        /** Writes as the application. */
        write: (text: string): void => void socket.write(text, 'latin1'),
        /** Writes as the client, and waits until the server has read it. */
        says: async (text: string): Promise<void> => {
          const read = once(socket, 'data')
          client.send(text)
          await read
        },
        async untold(): Promise<void> {
          await turns()
          expect(client.received).not.toContain(goingAway)
        },
      }
    }

    test('gets the close frame behind the answer', async () => {
      const { drain, clock, client, says, untold, write } = await draining()
      void drain.prestop()
      clock.advance(4800)
      await says(question)
      clock.advance(900)
      await untold()
      write(answer)
      await client.until(told)
      expect(client.received.endsWith(`\r\n\r\n${answer}${goingAway}`)).toBe(true)
    })

    test('gets it behind the end of the answer, if the answer comes in pieces', async () => {
      const { drain, clock, client, says, untold, write } = await draining()
      void drain.prestop()
      clock.advance(4900)
      await says(question)
      clock.advance(200)
      write(answer.slice(0, 4))
      clock.advance(3000)
      await untold()
      write(answer.slice(4))
      await client.until(told)
      expect(client.received.endsWith(`\r\n\r\n${answer}${goingAway}`)).toBe(true)
    })

    test('gets it at once when the ramp has reached it, if the answer came before', async () => {
      const { drain, clock, client, says, untold, write } = await draining()
      void drain.prestop()
      clock.advance(4700)
      await says(question)
      clock.advance(100)
      write(answer)
      clock.advance(100)
      await untold()
      clock.advance(100)
      await client.until(told)
    })

    const [ping, pong] = ['\x89\x00', '\x8a\x80\0\0\0\0']

    test('because it answered a ping before the drain, gets it when the ramp has reached it', async () => {
      const { drain, clock, client, says, untold, write } = await draining(0.05)
      write(ping)
      await says(pong)
      void drain.prestop()
      clock.advance(400)
      await untold()
      clock.advance(100)
      await client.until(told)
    })

    test('because it answered a ping less than a second ago, gets it a second after the ramp has reached it', async () => {
      const { drain, clock, client, says, untold, write } = await draining()
      void drain.prestop()
      clock.advance(4200)
      write(ping)
      await says(pong)
      clock.advance(1700)
      await untold()
      clock.advance(100)
      await client.until(told)
    })

    test('because it answered a ping more than a second ago, gets it when the ramp has reached it', async () => {
      const { drain, clock, client, says, untold, write } = await draining()
      void drain.prestop()
      clock.advance(3800)
      write(ping)
      await says(pong)
      clock.advance(1100)
      await untold()
      clock.advance(100)
      await client.until(told)
    })

    test('and gets no answer, gets it a second later', async () => {
      const { drain, clock, client, says, untold } = await draining()
      void drain.prestop()
      clock.advance(4900)
      await says(question)
      clock.advance(1000)
      await untold()
      clock.advance(100)
      await client.until(told)
    })

    test('and goes on sending, gets it a second after the ramp has reached it', async () => {
      const { drain, clock, client, says, untold } = await draining()
      void drain.prestop()
      clock.advance(4600)
      for (let at = 4600; at < 5900; at += 100) {
        await says(question)
        clock.advance(100)
      }
      await untold()
      await says(question)
      clock.advance(100)
      await client.until(told)
    })

    test('gets it at the end of the ramp, answered or not', async () => {
      const { drain, clock, client, says, untold } = await draining(0.95)
      void drain.prestop()
      clock.advance(9400)
      await says(question)
      clock.advance(500)
      await untold()
      clock.advance(100)
      await client.until(told)
    })

    test('gets it at once if the drain does not wait, answered or not', async () => {
      const { drain, clock, client, says } = await draining()
      await says(question)
      const report = drain.start({ settle: false })
      await client.until(told) // the fake clock does not move
      await clock.through(report)
    })

    test('does not get it behind the answer, if the drain has been undone', async () => {
      const { drain, clock, client, says, untold, write } = await draining()
      void drain.prestop()
      clock.advance(4900)
      await says(question)
      clock.advance(200)
      await untold()
      clock.stall(30_000)
      expect(drain.state).toBe('serving')
      write(answer)
      await client.until(/because$/)
      await untold()

      void drain.prestop()
      clock.advance(4900)
      await says(question)
      clock.advance(200)
      await untold()
      write(answer)
      await client.until(told)
    })
  })

  test('that was refused, or has sent a close frame itself, gets no frame', async () => {
    for (const text of [
      'HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno',
      `HTTP/1.1 101 Yes\r\n\r\n\x88\x00`,
    ]) {
      const { drain, clock, port } = await start((_request, socket) => void socket.write(text, 'latin1'))
      const client = await Client.open(port)
      await client.get('/chat', 'Upgrade: websocket', 'Connection: Upgrade').until(/no$|Yes\r\n\r\n..$/s)
      void drain.prestop()
      clock.advance(1500)
      await turns()
      expect(client.received).not.toContain(goingAway)
    }
  })

  test('gets nothing after the close frame, and its library need not know', async () => {
    const { drain, clock, port, sockets } = await start()
    const client = await webSocket(port)
    const [socket] = sockets as [Duplex]
    void drain.prestop()
    clock.advance(1500)
    await client.until(told)
    socket.write('\x81\x04')
    await new Promise<void>((written) => void socket.write('late', 'latin1', () => written()))
    await new Promise<void>((written) => void socket.write('\x88\x00', () => written()))
    socket.end()
    await client.end()
    expect(client.received.endsWith(`\r\n\r\n${goingAway}`)).toBe(true)
  })

  test('whose client closes it is not waited for', async () => {
    const { drain, clock, port, sockets } = await start(grant, { settle: { min: 0, quiet: 0 } })
    const client = await webSocket(port)
    const [socket] = sockets
    client.abort()
    if (!socket?.closed) await once(socket as Duplex, 'close')
    const { durationMs } = await drain.start() // the fake clock does not move
    expect(durationMs).toBe(0)
    expect(clock.now()).toBe(1_000_000)
  })

  test('that the application has ended gets no frame after that', async () => {
    const errors = vi.fn()
    const { drain, clock, port } = await start((request, socket) => {
      grant(request, socket)
      socket.removeAllListeners('error').on('error', errors)
      socket.end('bye')
    })
    const client = await Client.open(port)
    client.socket.allowHalfOpen = true
    await client.get('/chat', 'Upgrade: websocket', 'Connection: Upgrade').until(/bye/)
    void drain.prestop()
    clock.advance(1500)
    await turns()
    expect(client.received).not.toContain(goingAway)
    expect(errors).not.toHaveBeenCalled()
  })

  test('that has not been accepted yet gets no frame before the response', async () => {
    const { drain, clock, port, sockets } = await start(() => {})
    const client = await Client.open(port)
    client.get('/chat', 'Upgrade: websocket', 'Connection: Upgrade')
    await expect.poll(() => sockets.length).toBe(1)
    void drain.prestop()
    clock.advance(1500)
    sockets[0]?.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    await client.until(/\r\n\r\n$/)
    expect(client.received).toMatch(/^HTTP/)
    clock.advance(100)
    await client.until(new RegExp(`\\r\\n\\r\\n${goingAway}$`))
  })
})

describe('an upgrade that is asked for while draining', () => {
  const ask = 'GET /chat HTTP/1.1\r\nHost: pod\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n'

  /** A server that has got an upgrade, and has not answered it. */
  async function asked(answer: Grant = () => {}) {
    const scene = await start(answer)
    const report = scene.drain.start()
    scene.clock.advance(900)
    const client = await Client.open(scene.port)
    client.send(ask)
    await expect.poll(() => scene.sockets.length).toBe(1)
    return { ...scene, report, client }
  }

  test('is waited for until it is answered, as a request is', async () => {
    const { drain, clock, client, report, sockets } = await asked()
    clock.advance(1900)
    expect(drain.state).toBe('draining')
    sockets[0]?.write('HTTP/1.1 101 Switching Protocols\r\n\r\n')
    clock.advance(100)
    expect(drain.state).not.toBe('draining')
    await client.until(/101 Switching/)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('and that gets no answer does not delay the end longer than an idle connection', async () => {
    const { drain, clock, report } = await asked()
    clock.advance(1990)
    expect(drain.state).toBe('draining')
    clock.advance(10)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('begins the wait for quiet again, because its client still connects to this pod', async () => {
    const { drain, clock, report } = await asked(grant)
    clock.advance(390)
    expect(drain.state).toBe('draining')
    clock.advance(110)
    expect(drain.state).not.toBe('draining')
    await clock.through(report)
  })
})

describe('a connection that is neither HTTP nor a WebSocket', () => {
  test.each([
    [
      'after an upgrade',
      'GET /chat HTTP/1.1\r\nHost: pod\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n',
      // as far as the last byte of a frame, if it were a WebSocket
      'HTTP/1.1 101 Switching Protocols\r\n\r\n\x82\x05hello',
    ],
    ['after CONNECT', 'CONNECT other:443 HTTP/1.1\r\nHost: other:443\r\n\r\n', 'HTTP/1.1 200 OK\r\n\r\nhello'],
  ])('%s gets no frame, does not delay the end, and is cut at the end', async (_name, text, answer) => {
    const { drain, clock, port } = await start((_request, socket) => void socket.write(answer, 'latin1'), {
      settle: { min: 0, quiet: 0 },
    })
    const client = await Client.open(port)
    await client.send(text).until(/hello$/)
    expect(drain.inFlight).toBe(0)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
    await client.end()
    expect(client.received).toMatch(/hello$/)
  })
})

test('an upgrade without a listener of the application is a request like any other', async () => {
  const { port } = await serve(sayOk)
  const client = await Client.open(port)
  await client.get('/', 'Upgrade: websocket', 'Connection: Upgrade').until(/\r\n\r\nok/)
})
