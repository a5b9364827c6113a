import { describe, expect, test } from 'vitest'
import { Client, FakeClock, gate, serve, slow, turns } from './support.js'

/** A client whose response has begun with keep-alive before the drain. */
async function start(before: (client: Client) => Promise<unknown> = async () => {}) {
  const clock = new FakeClock()
  const turn = gate()
  const pod = await serve(
    (request, response) => {
      request.resume()
      if (request.url !== '/slow') return void response.end(`at ${request.url}`)
      response.write('at once, ')
      void turn.opened.then(() => response.end('and at last'))
    },
    { ...slow, keepAliveCap: 2000, clock },
  )
  const client = await Client.open(pod.port)
  await before(client)
  client.get('/slow')
  await client.until(/at once, /)
  return { ...pod, clock, client, turn }
}

/** Sends text, and waits until the server has read it. */
async function read(client: Client, text: string): Promise<void> {
  client.send(text)
  await turns()
}

describe('a client that has sent half a header behind a request that was in flight when the drain began', () => {
  test.each([
    ['the first of its connection', 'before the drain', undefined],
    ['the first of its connection', 'while it drains', undefined],
    ['a later one', 'while it drains', (client: Client) => client.get('/').until(/at \/$/)],
  ])('(%s, %s) is answered when it sends the rest at the last moment', async (_, when, before) => {
    const { client, drain, clock, turn } = await start(before)
    if (when === 'before the drain') await read(client, 'GET /next HT')
    const report = drain.start({ settle: false })
    await turns()
    if (when === 'while it drains') await read(client, 'GET /next HT')
    turn.open()
    await client.until(/and at last/)
    await expect
      .poll(() => {
        clock.advance(1)
        return drain.state
      })
      .toBe('closing')
    await turns()
    client.send('TP/1.1\r\nHost: pod\r\n\r\n')
    await client.until(/at \/next/)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('gets the farewell at once if it has sent nothing more', async () => {
    const { client, drain, clock, turn } = await start()
    const report = drain.start({ settle: false })
    turn.open()
    await client.until(/and at last/)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
    await client.end()
  })
})
