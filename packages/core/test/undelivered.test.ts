import { describe, expect, test } from 'vitest'
import { Child, Client } from './support.js'

describe('a client that has stopped reading', () => {
  /** A response that has closed in Node, and whose bytes the kernel still holds. */
  async function stalled(options: object, more: object = {}): Promise<{ child: Child; client: Client }> {
    const child = await Child.start({ options, ...more })
    const client = await Client.open(child.port)
    client.socket.pause()
    client.get('/large')
    await child.line(/^large response closed/)
    return { child, client }
  }

  test.each([
    ['127.0.0.1'],
    ['::'], // the address of most services; IPv4 clients are in the table for IPv6
  ])('of a server on %s is waited for, and gets every byte before the process exits', async (host) => {
    const { child, client } = await stalled({ terminationGracePeriodSeconds: 60 }, { host })
    child.signal('SIGTERM')
    await child.line(/^close hooks/)
    // Without the wait the process would have exited by now, because hooks are the last step before.
    await child.line(/^tick 25$/)
    expect(child.exited).toBe(false)
    expect(child.lines).not.toContain('state closed')
    client.socket.resume()
    await client.end()
    const body = client.received.slice(client.received.indexOf('\r\n\r\n') + 4)
    expect(body).toHaveLength(1_000_000)
    expect(await child.exit).toEqual([0, null])
    expect(child.lines).toContainEqual(expect.stringMatching(/nothing cut$/))
  })

  test.each([
    ['', {}],
    [', also where the application itself has closed the server', { closesItself: true }],
  ])(
    'and never reads again is waited for until the deadline: the process exits with 1 and logs the number of bytes%s',
    async (_, more) => {
      const { child } = await stalled({ terminationGracePeriodSeconds: 3, reserve: 1500 }, more)
      child.signal('SIGTERM')
      expect(await child.exit).toEqual([1, null])
      expect(child.lines).toContainEqual(expect.stringMatching(/^podrain: drained in .*; [1-9]\d* bytes not taken/))
    },
  )
})

test('a client of another process with the same port, on another address, is not waited for', async () => {
  const child = await Child.start({ options: { terminationGracePeriodSeconds: 60 } })
  const other = new Child({ host: '127.0.0.2', port: child.port })
  await other.listening()
  const client = await Client.open(child.port, '127.0.0.2')
  client.socket.pause()
  client.get('/large')
  await other.line(/^large response closed/)
  child.signal('SIGTERM')
  expect(await child.exit).toEqual([0, null])
  expect(child.lines).toContainEqual(expect.stringMatching(/nothing cut$/))
  expect(client.closed).toBe(false)
})
