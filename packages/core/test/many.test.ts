import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Client, FakeClock, gate, type Pod, sayOk, serve, turns } from './support.js'

/** More connections than three turns of the event loop handle. */
const many = 700

/** A server with connections that have each carried a request, and the server's sockets. */
async function crowd(options: object = {}, handler = sayOk): Promise<Pod & { clients: Client[]; sockets: Socket[] }> {
  const pod = await serve(handler, { terminationGracePeriodSeconds: 30, closing: 5000, ...options })
  const sockets: Socket[] = []
  pod.server.on('connection', (socket) => sockets.push(socket))
  const clients: Client[] = []
  while (clients.length < many) {
    const some = await Promise.all(Array.from({ length: 100 }, () => Client.open(pod.port)))
    await Promise.all(some.map((client) => client.get('/').until(/ok$/)))
    clients.push(...some)
  }
  return { ...pod, clients, sockets }
}

describe('a server with many connections', () => {
  test('closes all of them in order, and serves other clients in between', async () => {
    const { drain, clients, sockets } = await crowd()
    const ended = (): number => sockets.filter(({ writableEnded }) => writableEnded).length
    const seen = new Set<number>()
    let closed = false
    const closing = drain.start().then((report) => {
      closed = true
      return report
    })
    while (!closed) {
      seen.add(ended())
      await turns(1)
    }
    expect((await closing).clean).toBe(true)
    await Promise.all(clients.map((client) => client.end()))
    expect(seen).toContain(0)
    // They do not close in one turn.
    expect([...seen].filter((count) => count > 0 && count < many).length).toBeGreaterThan(1)
  })

  test('does not say Connection: close on connections that the drain has not reached yet, because clients may have pipelined', async () => {
    const turn = gate()
    const { drain, port } = await crowd({}, async (request, response) => {
      if (request.url === '/held') await turn.opened
      response.end('ok')
    })
    const last = await Client.open(port)
    last.get('/held')
    await expect.poll(() => drain.inFlight).toBe(1)
    const report = drain.start({ settle: false })
    turn.open()
    await last.until(/connection: keep-alive[\s\S]*ok$/i)
    expect(await report).toMatchObject({ clean: true, answered: 1 })
  })

  test('counts and answers requests on connections that the drain has not reached yet', async () => {
    const turn = gate()
    const { drain, clients } = await crowd({}, (request, response) => {
      if (request.url === '/') response.end('ok')
      else void turn.opened.then(() => response.end('whole'))
    })
    for (const client of clients) client.get('/late')
    const closing = drain.start()
    await expect.poll(() => drain.inFlight).toBe(many)
    turn.open()
    await Promise.all(clients.map((client) => client.until(/whole$/)))
    expect(await closing).toMatchObject({ clean: true, cut: [], answered: many })
    expect(drain.inFlight).toBe(0)
  })

  test('waits for a request in flight on a connection that the drain has not reached yet', async () => {
    const clock = new FakeClock()
    const { drain, clients } = await crowd({ clock }, (request, response) => {
      if (request.url === '/') response.end('ok')
    })
    const last = clients.at(-1) as Client
    last.get('/held')
    await expect.poll(() => drain.inFlight).toBe(1)
    const report = drain.start({ settle: false })
    expect(drain.state).toBe('draining')
    last.abort()
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
  })

  test('waits for quiet after a request on a connection that the drain has not reached yet, and names the request', async () => {
    const clock = new FakeClock()
    const options = { clock, settle: { min: 0, quiet: 500 }, keepAliveCap: 0, progress: 600 }
    const { drain, clients, log } = await crowd(options)
    const last = clients.at(-1) as Client
    last.get('/late')
    const report = drain.start()
    clock.advance(300)
    await last.until(/ok.*ok$/s)
    await turns()
    clock.advance(300)
    expect(drain.state).toBe('draining')
    expect(log.matching(/the last came 0.3 s ago, GET \/late/)).toHaveLength(1)
    expect(await clock.through(report)).toMatchObject({ clean: true, answered: 1 })
  })

  test('serves all of them as before when the drain is undone before it has reached them, and drains them the next time', async () => {
    const clock = new FakeClock()
    const { drain, clients } = await crowd({ clock })
    void drain.prestop()
    clock.advance(30_000)
    expect(drain.state).toBe('serving')
    await Promise.all(clients.map((client) => client.get('/').until(/ok.*keep-alive.*ok$/is)))
    expect(drain.inFlight).toBe(0)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true })
    await Promise.all(clients.map((client) => client.end()))
  })

  test('answers requests on connections that have not been closed yet', async () => {
    const turn = gate()
    const { drain, clients, sockets } = await crowd({}, (request, response) => {
      if (request.url === '/') response.end('ok')
      else void turn.opened.then(() => response.end('whole'))
    })
    const last = clients.at(-1) as Client
    const closing = drain.start()
    while (!sockets.some(({ writableEnded }) => writableEnded)) await turns(1)
    last.get('/late')
    await expect.poll(() => drain.inFlight).toBe(1)
    await expect.poll(() => sockets.filter(({ writableEnded }) => writableEnded).length).toBe(many - 1)
    turn.open()
    await last.until(/whole$/)
    expect(await closing).toMatchObject({ clean: true, cut: [] })
  })

  test('cuts all connections whose clients do not close their side', async () => {
    const { drain, port, server } = await serve(sayOk, { terminationGracePeriodSeconds: 30, closing: 5000 })
    const sockets: Socket[] = []
    server.on('connection', (socket) => sockets.push(socket))
    await Promise.all(
      Array.from({ length: many }, async () => {
        const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
        onTestFinished(() => void socket.destroy())
        socket.write('GET / HTTP/1.1\r\nHost: pod\r\n\r\n')
        await once(socket, 'data')
      }),
    )
    expect(await drain.start()).toMatchObject({ clean: true, cut: [] })
    expect(sockets).toHaveLength(many)
    expect(sockets.filter(({ destroyed }) => !destroyed)).toEqual([])
  })
})
