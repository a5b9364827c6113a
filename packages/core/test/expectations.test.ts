import type { IncomingMessage, ServerResponse } from 'node:http'
import { describe, expect, test } from 'vitest'
import { Client, FakeClock, gate, serve, slow } from './support.js'

type Handle = (request: IncomingMessage, response: ServerResponse) => void

const header = (length: number, expects = '100-continue'): string =>
  `POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: ${length}\r\nExpect: ${expects}\r\n\r\n`

/** A server whose application handles `Expect` itself, and a client that waits for 100 Continue. */
async function start(handle: Handle, { early = false, text = header(5) } = {}) {
  const clock = new FakeClock()
  const pod = await serve((_request, response) => response.end('ok'), { ...slow, keepAliveCap: 2000, clock })
  for (const event of ['checkContinue', 'checkExpectation']) pod.server.on(event, handle)
  await Promise.resolve()
  const client = await Client.open(pod.port)
  const begin = (): void => {
    void pod.drain.start()
    clock.advance(900)
  }
  if (early) begin()
  client.send(text)
  await expect.poll(() => pod.drain.inFlight).toBe(1)
  if (!early) begin()
  return { ...pod, clock, client }
}

describe.each([
  ['before the drain', false],
  ['while draining', true],
])('an upload that waits to be told to send, begun %s,', (_when, early) => {
  test.each([
    ['and reads it then', (request: IncomingMessage) => request.resume()],
    ['and has begun to read it before', () => {}],
  ])('is waited for as long as the application takes %s', async (name, readLater) => {
    const turn = gate()
    const { clock, client, drain } = await start(
      (request, response) => {
        if (name.includes('before')) request.resume()
        request.on('end', () => response.end('whole'))
        void turn.opened.then(() => {
          response.writeContinue()
          readLater(request)
        })
      },
      { early },
    )
    clock.advance(15_000)
    expect(drain.state).toBe('draining')
    turn.open()
    await client.until(/100 Continue/)
    clock.advance(1000)
    await client.send('hello').until(/whole/)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1, cut: [] })
  })

  test('is waited for even if the application first sends 102 Processing', async () => {
    const turn = gate()
    const { clock, client, drain } = await start(
      (request, response) => {
        response.writeProcessing()
        request.on('end', () => response.end('whole')).resume()
        void turn.opened.then(() => response.writeContinue())
      },
      { early },
    )
    clock.advance(15_000)
    expect(drain.state).toBe('draining')
    turn.open()
    await client.until(/100 Continue/)
    await client.send('hello').until(/whole/)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1 })
  })

  test('and that stops after 100 Continue counts as stalled like any other upload', async () => {
    const { clock, client, drain } = await start(
      (request, response) => {
        request.resume()
        response.writeContinue()
      },
      { early },
    )
    await client.until(/100 Continue/)
    clock.advance(900)
    expect(drain.state).toBe('draining')
    clock.advance(2200)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
  })

  test('and that is refused late gets its response', async () => {
    const turn = gate()
    const { clock, client, drain } = await start(
      (_request, response) => void turn.opened.then(() => response.writeHead(417).end('no')),
      { early, text: header(5, 'much') },
    )
    clock.advance(15_000)
    expect(drain.state).toBe('draining')
    turn.open()
    await client.until(/417[\s\S]*no/)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 1 })
  })

  test('and that gets no response is cut, and named', async () => {
    const { clock, drain } = await start(() => {}, { early })
    const ended = drain.start()
    clock.advance(20_000)
    const report = await clock.through(ended)
    expect(report.clean).toBe(false)
    expect(report.cut).toMatchObject([{ method: 'POST', path: '/upload' }])
  })
})

test('an upload that is sent in part without waiting, and then stops, counts as stalled', async () => {
  const { clock, client, drain } = await start((request) => void request.resume(), { early: true, text: header(50) })
  clock.advance(100)
  client.send('hello')
  await expect.poll(() => client.socket.bytesWritten).toBeGreaterThan(50)
  for (let passed = 0; passed < 6000 && drain.state === 'draining'; passed += 100) {
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect(drain.state).not.toBe('draining')
  expect(await clock.through(drain.start())).toMatchObject({ clean: true, cut: [] })
})
