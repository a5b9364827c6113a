import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createServer as createHttp2Server } from 'node:http2'
import { createRequire } from 'node:module'
import { Server } from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { Drain } from '../src/index.js'
import { ask, Client, FakeClock, gate, Log, sayOk, serve, slow, turns } from './support.js'

/** A draining server with one request in flight and one idle connection. */
async function draining() {
  const held = gate()
  const pod = await serve(async (request, response) => {
    if (request.url === '/held') await held.opened
    response.end('ok')
  })
  const busy = await Client.open(pod.port)
  const idle = await Client.open(pod.port)
  await idle.get('/').until(/ok$/)
  busy.get('/held')
  await expect.poll(() => pod.drain.inFlight).toBe(1)
  const report = pod.drain.start()
  onTestFinished(() => held.open())
  return { ...pod, report, busy, idle, held }
}

describe('an application that closes all connections while the drain goes on', () => {
  test('is named at once, with the remedy, and the requests that it cut are in the report', async () => {
    const { server, report, busy, idle, held, log } = await draining()
    function closeAll(): void {
      server.closeAllConnections()
    }
    closeAll()
    await Promise.all([busy.end(), idle.end()])
    held.open()
    expect(log.matching(/^error .*all connections of a server were closed while load balancers may still/)).toEqual([
      expect.stringMatching(
        /requests in flight on them were cut\. `closeAllConnections\(\)` was called at closeAll \(.*early-close\.test\.ts:\d+:\d+\)\. Remove the call/,
      ),
    ])
    expect(await report).toMatchObject({
      clean: false,
      closedEarly: [expect.stringMatching(/early-close\.test\.ts/)],
      cut: [{ method: 'GET', path: '/held' }],
    })
    expect(log.matching(/; closed too early at .*early-close\.test\.ts.*; cut 1 in flight: GET \/held/)).toHaveLength(1)
  })

  test('again and again is reported with all that it cut', async () => {
    const { server, port, report, drain, held } = await draining()
    const closeAll = (): void => server.closeAllConnections()
    closeAll()
    const later = await Client.open(port)
    await expect.poll(() => drain.inFlight).toBe(0)
    later.get('/held')
    await expect.poll(() => drain.inFlight).toBe(1)
    closeAll()
    held.open()
    const { closedEarly, cut } = await report
    expect(cut.map(({ path }) => path)).toEqual(['/held', '/held'])
    expect(closedEarly).toHaveLength(1)
  })

  test('has cut nothing if every request had been answered, but the report is not clean', async () => {
    const { server, report, busy, held } = await draining()
    held.open()
    await busy.until(/ok$/)
    server.closeAllConnections()
    expect(await report).toMatchObject({ clean: false, cut: [] })
  })
})

test('an application that closes idle connections while the drain goes on is named: a request may have been on its way', async () => {
  const { server, report, busy, idle, held, log } = await draining()
  server.closeIdleConnections()
  await idle.end()
  expect(busy.closed).toBe(false)
  held.open()
  await busy.until(/ok$/)
  expect(log.matching(/^error .*on its way on one of them was lost\. `closeIdleConnections\(\)`/)).toHaveLength(1)
  expect(await report).toMatchObject({ clean: false, cut: [], closedEarly: [expect.stringMatching(/early-close/)] })
})

describe('an application that closes its server while the drain goes on', () => {
  test('is named once, although it closes the server twice and Node closes idle connections with it', async () => {
    const { server, report, held, log } = await draining()
    const closed = new Promise<Error | undefined>((resolve) => {
      expect(server.close()).toBe(server)
      server.close((error) => resolve(error))
    })
    expect(log.matching(/^error .*a server was closed while.*`close\(\)` was called at/)).toHaveLength(1)
    held.open()
    expect(await closed).toMatchObject({ code: 'ERR_SERVER_NOT_RUNNING' })
    expect(await report).toMatchObject({ clean: false, closedEarly: [expect.stringMatching(/early-close/)] })
    expect(log.matching(/called at/)).toHaveLength(1)
  })

  test('is named again if it listens again, and closes it again', async () => {
    const { server, report, held, log } = await draining()
    for (let time = 0; time < 2; time++) {
      server.close()
      server.listen(0, '127.0.0.1')
      await expect.poll(() => server.listening).toBe(true)
    }
    held.open()
    await report
    expect(log.matching(/called at/)).toHaveLength(2)
  })
})

test('an application that closes all connections through a library is named, at the place that calls the library', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'node_modules', 'closer', 'index.js')
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, 'module.exports = (server) => server.closeAllConnections()')
  const { server, report, held } = await draining()
  createRequire(file)(file)(server)
  held.open()
  expect(await report).toMatchObject({ closedEarly: [expect.stringMatching(/early-close\.test\.ts/)] })
})

test('the methods of a server are restored when the drain is over, or undone', async () => {
  const clock = new FakeClock()
  const server = createServer()
  const own = (): string[] => Object.getOwnPropertyNames(server).filter((name) => name.startsWith('close'))
  const drain = new Drain({ ...slow, clock, signals: false, logger: new Log() }).watch(server)
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  await expect.poll(() => server.listening).toBe(true)
  const replaced = server.closeAllConnections
  server.closeAllConnections = replaced
  void drain.prestop()
  expect(own()).toEqual(expect.arrayContaining(['close', 'closeAllConnections', 'closeIdleConnections']))
  clock.advance(31_000)
  await turns()
  expect(drain.state).toBe('serving')
  expect(own()).toEqual(['closeAllConnections'])
  expect(server.closeAllConnections).toBe(replaced)
  await clock.through(drain.start())
  expect(own()).toEqual(['closeAllConnections'])
})

test('a server that cannot close its connections one by one cannot while the drain goes on either', async () => {
  const clock = new FakeClock()
  const server = createHttp2Server()
  const methods = ['close', 'closeAllConnections', 'closeIdleConnections'].filter((name) => name in server)
  const drain = new Drain({ ...slow, clock, signals: false, logger: new Log() }).watch(server)
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  await expect.poll(() => server.listening).toBe(true)
  void drain.prestop()
  const now = ['close', 'closeAllConnections', 'closeIdleConnections'].filter((name) => name in server)
  expect(now).toEqual(methods)
  await clock.through(drain.start())
})

test('a method that a library has put on the server while the drain goes on stays there when it is over', async () => {
  const clock = new FakeClock()
  const { server, drain } = await serve(() => {}, { ...slow, clock })
  void drain.prestop()
  const { close } = server
  const theirs: typeof close = (callback) => close.call(server, callback)
  server.close = theirs
  clock.advance(31_000)
  expect(drain.state).toBe('serving')
  expect(server.close).toBe(theirs)
})

test('a server whose methods cannot be replaced is not guarded, and serves again when the drain is undone', async () => {
  const clock = new FakeClock()
  const { server, drain, port, log } = await serve(sayOk, { ...slow, clock })
  Object.defineProperty(server, 'closeAllConnections', { value: server.closeAllConnections, configurable: true })
  void drain.prestop()
  clock.advance(31_000)
  expect(drain.state).toBe('serving')
  expect((await ask(port)).body).toBe('ok')
  expect(log.matching(/^error/)).toEqual([])
})

test('a server of HTTP/2, which can only be closed, is guarded as far as it goes', async () => {
  const server = createHttp2Server()
  const log = new Log()
  const drain = new Drain({ ...slow, clock: new FakeClock(), signals: false, logger: log }).watch(server)
  onTestFinished(() => drain.dispose())
  server.listen(0, '127.0.0.1')
  await expect.poll(() => server.listening).toBe(true)
  void drain.prestop()
  server.close()
  expect(log.matching(/`close\(\)` was called at/)).toHaveLength(1)
})

test('a server that was closed without a call of its methods is reported, too, without the place', async () => {
  const { server, report, held, log } = await draining()
  Server.prototype.close.call(server)
  await expect.poll(() => log.matching(/`close\(\)` was called at an unknown place\. Remove/)).toHaveLength(1)
  held.open()
  expect(await report).toMatchObject({ clean: false, closedEarly: ['an unknown place'] })
})

test('an application that closes all connections and then its server is named for both', async () => {
  const { server, report, held, log } = await draining()
  server.closeAllConnections()
  server.close()
  held.open()
  expect(log.matching(/`closeAllConnections\(\)` was called at/)).toHaveLength(1)
  expect(log.matching(/`close\(\)` was called at/)).toHaveLength(1)
  expect(await report).toMatchObject({ clean: false, cut: [{ path: '/held' }] }) // once
})

test.each([
  ['by a library alone', ['closer/index.js'], /closer/],
  ['where nothing says where that was', [], /^an unknown place$/],
])('all connections are closed %s, and the report says what is known of the place', async (_, files, place) => {
  const { server, report, held } = await draining()
  const { prepareStackTrace } = Error
  const ours = ['@podrain/core/early-close.js', '@podrain/core/replace.js']
  Error.prepareStackTrace = (error) =>
    [`${error}`, ...[...ours, ...files].map((file) => `    at close (/app/node_modules/${file}:1:1)`)].join('\n')
  server.closeAllConnections()
  Error.prepareStackTrace = prepareStackTrace
  held.open()
  expect(await report).toMatchObject({ closedEarly: [expect.stringMatching(place)] })
})

test('an application that closes its server and then all connections is named for both, with what that cut', async () => {
  const { server, report, held, log } = await draining()
  server.close()
  server.closeAllConnections()
  held.open()
  expect(log.matching(/`close\(\)` was called at/)).toHaveLength(1)
  expect(log.matching(/`closeAllConnections\(\)` was called at/)).toHaveLength(1)
  expect(await report).toMatchObject({ clean: false, cut: [{ path: '/held' }] })
})
