import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { kubeletGet } from '../src/cluster/kubelet/request.js'

interface Visit {
  readonly socket: Socket
  readonly bytes: string
}

const open: Array<() => void> = []
afterEach(() => {
  for (const close of open.splice(0)) close()
})

/** A raw server that keeps every request and answers it with bytes. */
async function rawServer(answer: (visit: Visit, index: number) => void) {
  const visits: Visit[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let bytes = ''
    socket.setEncoding('latin1').on('data', (text: string) => {
      bytes += text
      if (!bytes.endsWith('\r\n\r\n')) return
      const visit = { socket, bytes }
      bytes = ''
      visits.push(visit)
      answer(visit, visits.length - 1)
    })
    socket.on('error', () => {})
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    visits,
    hook: (path = '/prestop') => kubeletGet({ host: '127.0.0.1', port, path, userAgent: 'kube-lifecycle/1.26' }),
    probe: (timeout = 5000) =>
      kubeletGet({ host: '127.0.0.1', port, path: '/readyz', userAgent: 'kube-probe/1.26', timeout }),
  }
}

const ok = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

test('the hook arrives as the very bytes a real kubelet sends', async () => {
  const { port, visits, hook } = await rawServer(({ socket }) => socket.write(ok))
  expect(await hook('/prestop?why=test')).toBe(200)
  expect(visits.map(({ bytes }) => bytes)).toEqual([
    `GET /prestop?why=test HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: kube-lifecycle/1.26\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n`,
  ])
})

test('a readiness probe arrives as the very bytes a real kubelet sends, each on a socket of its own', async () => {
  const { port, visits, probe } = await rawServer(({ socket }) => socket.write(ok))
  await probe()
  await probe()
  const bytes = `GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: kube-probe/1.26\r\nAccept: */*\r\nConnection: close\r\n\r\n`
  expect(visits.map((visit) => visit.bytes)).toEqual([bytes, bytes])
  expect(visits[0]?.socket).not.toBe(visits[1]?.socket)
})

test("the hook's socket stays open and idle after the answer, even if the app promised only a second", async () => {
  const { visits, hook, probe } = await rawServer(({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok')
  })
  await hook()
  await probe() // had the kubelet closed the hook's socket, the FIN would have arrived before this exchange
  expect(visits[0]?.socket.readableEnded).toBe(false)
  expect(visits[0]?.socket.destroyed).toBe(false)
})

test('a redirect on the same host is followed on the same socket, with a Referer', async () => {
  const { port, visits, hook } = await rawServer(({ socket }, index) => {
    socket.write(index === 0 ? 'HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n' : ok)
  })
  expect(await hook('/a')).toBe(200)
  expect(visits[1]?.bytes).toBe(
    `GET /b HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nUser-Agent: kube-lifecycle/1.26\r\nAccept: */*\r\nReferer: http://127.0.0.1:${port}/a\r\nAccept-Encoding: gzip\r\n\r\n`,
  )
  expect(visits[1]?.socket).toBe(visits[0]?.socket)
})

test('a redirect to another host is not followed and counts as an answer', async () => {
  const { visits, hook } = await rawServer(({ socket }) => {
    socket.write('HTTP/1.1 302 Found\r\nLocation: http://example.invalid/\r\nContent-Length: 0\r\n\r\n')
  })
  expect(await hook()).toBe(302)
  expect(visits).toHaveLength(1)
})

test('redirects without end make the hook fail after ten requests', async () => {
  const { visits, hook } = await rawServer(({ socket }) => {
    socket.write('HTTP/1.1 302 Found\r\nLocation: /again\r\nContent-Length: 0\r\n\r\n')
  })
  await expect(hook()).rejects.toThrow('stopped after 10 redirects')
  expect(visits).toHaveLength(10)
})

test('an answer longer than 10 KiB by its own word is not read: the socket is closed at once', async () => {
  const { visits, hook } = await rawServer(({ socket }) => {
    socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10241\r\n\r\n')
  })
  expect(await hook()).toBe(200)
  if (visits[0]?.socket.destroyed === false) await once(visits[0].socket, 'close')
})

test('an answer of unknown length is read up to 10 KiB, then its socket is closed', async () => {
  const { visits, hook } = await rawServer(({ socket }) => {
    socket.write(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2710\r\n${'x'.repeat(10_000)}\r\n`)
    socket.write(`2710\r\n${'x'.repeat(10_000)}\r\n`)
  })
  expect(await hook()).toBe(200)
  if (visits[0]?.socket.destroyed === false) await once(visits[0].socket, 'close')
})

test('a body cut in the middle is still an answer to the hook: its status was there', async () => {
  const { hook } = await rawServer(({ socket }) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'))
  expect(await hook()).toBe(200)
})

test('a socket closed without an answer makes the hook fail', async () => {
  const { hook, visits } = await rawServer(({ socket }) => socket.destroy())
  await expect(hook()).rejects.toThrow()
  expect(visits).toHaveLength(1)
})

test('a probe that is not answered, or not to its end, fails when its time is up', async () => {
  const { probe } = await rawServer(({ socket }, index) => {
    if (index === 1) socket.write('HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok')
  })
  await expect(probe(50)).rejects.toThrow('no whole answer within 50 ms')
  await expect(probe(50)).rejects.toThrow('no whole answer within 50 ms')
})
