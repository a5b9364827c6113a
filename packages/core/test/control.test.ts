import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { createSecureServer } from 'node:http2'
import net from 'node:net'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AdapterOptions, attach, controlEndpoints, Drain, drainServer } from '../src/index.js'
import { ask, Client, gate, Log, type Pod, sayOk, serve } from './support.js'

/** The address of the control port or socket, from the log. */
async function controlPort(log: Log): Promise<number> {
  await expect.poll(() => log.matching(/control endpoints on port/)).toHaveLength(1)
  return Number(/port (\d+)$/.exec(log.matching(/control endpoints on port/)[0] ?? '')?.[1])
}

async function start(options: AdapterOptions, handler = sayOk): Promise<Pod & { control: number }> {
  const pod = await serve(handler, { controlPort: 0, ...options })
  return { ...pod, control: await controlPort(pod.log) }
}

/** Sets PODRAIN_CONTROL_PORT to a free port. */
async function controlPortByVariable(): Promise<number> {
  const server = net.createServer().listen(0)
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  server.close()
  vi.stubEnv('PODRAIN_CONTROL_PORT', String(port))
  onTestFinished(() => void vi.unstubAllEnvs())
  return port
}

function socketPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'podrain.sock')
}

describe('with a control port', () => {
  test('the endpoints are there, and the application’s own port has none of them', async () => {
    const { port, control } = await start({}, (_request, response) => void response.writeHead(404).end('mine'))
    for (const path of ['/readyz', '/livez', '/drainz', '/prestop']) {
      expect(await ask(port, path), path).toMatchObject({ status: 404, body: 'mine' })
      expect(await ask(control, path), path).toMatchObject({ status: 200 })
    }
    expect(await ask(control, '/readyz')).toMatchObject({ status: 503 })
    expect(await ask(control, '/other')).toMatchObject({ status: 404, body: '' })
  })

  test('a request to the application is waited for, and a request to the control port is not counted', async () => {
    const answer = gate()
    const { drain, port, control } = await start({}, (_request, response) => {
      void answer.opened.then(() => response.end('at last'))
    })
    const asked = ask(port)
    await expect.poll(() => drain.inFlight).toBe(1)
    expect((await ask(control, '/drainz')).json()).toMatchObject({ inFlight: 1 })
    const hook = ask(control, '/prestop')
    await expect.poll(() => drain.state).toBe('draining')
    answer.open()
    expect((await asked).body).toBe('at last')
    expect((await hook).json()).toMatchObject({ inFlight: 0 })
  })

  test('/livez and /drainz are answered to the end, when the application accepts no more connections', async () => {
    const { drain, server, port, control } = await start({})
    const closing = gate()
    drain.onClose(() => closing.opened)
    const ended = drain.start()
    await expect.poll(() => server.listening).toBe(false)
    await expect(ask(port)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    expect(await ask(control, '/livez')).toMatchObject({ status: 200 })
    expect((await ask(control, '/drainz')).json()).toMatchObject({ state: 'closing' })
    expect(await ask(control, '/readyz')).toMatchObject({ status: 503 })
    closing.open()
    expect(await ended).toMatchObject({ clean: true })
    await expect(ask(control, '/livez')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  test('an idle keep-alive connection to it does not delay the end', async () => {
    const { drain, control } = await start({})
    const client = await Client.open(control)
    await client.get('/livez').until(/"live":true/)
    expect(await drain.start()).toMatchObject({ clean: true, cut: [] })
    await client.end()
  })

  test('the hook is answered in plain HTTP even if the application uses TLS and HTTP/2', async () => {
    const log = new Log()
    const server = createSecureServer()
    const drain = drainServer(server, { controlPort: 0, signals: false, logger: log, settle: { min: 0, quiet: 0 } })
    onTestFinished(() => drain.dispose())
    const control = await controlPort(log)
    expect((await ask(control, '/readyz')).json()).toMatchObject({ ready: false, reason: 'not listening' })
    server.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    expect(await ask(control, '/readyz')).toMatchObject({ status: 200 })
    expect(await ask(control, '/prestop')).toMatchObject({ status: 200 })
  })

  test('it has no /metrics without the option `metrics`', async () => {
    const { control } = await start({})
    expect(await ask(control, '/metrics')).toMatchObject({ status: 404 })
  })

  test('a port in use is logged with its number, and the application goes on', async () => {
    const taken = createServer().listen(0)
    onTestFinished(() => void taken.close())
    await once(taken, 'listening')
    const { port } = taken.address() as net.AddressInfo
    const pod = await serve(sayOk, { controlPort: port })
    await expect.poll(() => pod.log.matching(/^error/)).toHaveLength(1)
    expect(pod.log.matching(/^error/)[0]).toContain(
      `cannot listen on \`controlPort\` ${port}, so no hook and no probe of this drain is answered there: another server has this port`,
    )
    expect(await ask(pod.port)).toMatchObject({ body: 'ok' })
  })

  test('a second drain that takes the same port from a variable is told the variable, and how to share a drain', async () => {
    const port = await controlPortByVariable()
    const first = await serve(sayOk, {})
    expect(await controlPort(first.log)).toBe(port)
    const second = await serve(sayOk, {})
    expect(second.log.matching(/^error/)).toEqual([
      `error podrain: cannot listen on PODRAIN_CONTROL_PORT ${port}, so no hook and no probe of this drain is answered there: ` +
        'another drain of this process listens there: give that drain to this adapter as `drain`, or set another `controlPort` in the code',
    ])
  })

  test('two applications with one drain have the port of a variable together', async () => {
    const port = await controlPortByVariable()
    const { drain, log } = await serve(sayOk, {})
    expect(await controlPort(log)).toBe(port)
    attach({ drain }, { server: createServer() })
    expect(log.matching(/^info .*already, with the options of the first adapter of this drain$/)).toHaveLength(1)
    expect(log.matching(/^error/)).toEqual([])
    expect(await ask(port, '/readyz')).toMatchObject({ status: 200 })
  })

  test('port and socket do not keep the process alive after dispose()', async () => {
    const script = `
      const { drainServer } = require('@podrain/core')
      const drain = drainServer(require('node:http').createServer(), { controlPort: 0, controlSocket: ${JSON.stringify(socketPath())} })
      setTimeout(() => drain.dispose(), 50)`
    const child = execFile(process.execPath, ['-e', script], { cwd: join(__dirname, '..') })
    onTestFinished(() => void child.kill('SIGKILL'))
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('and a middleware that knows no server yet, the pod is ready', async () => {
    const log = new Log()
    const { drain } = attach({ controlPort: 0, signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    expect(await ask(await controlPort(log), '/readyz')).toMatchObject({ status: 200 })
  })

  test('a silent client of it does not keep the process alive', async () => {
    const script = `
      const net = require('node:net')
      const { drainServer } = require('@podrain/core')
      const logger = { info: (line) => console.log(line), warn() {}, error() {} }
      drainServer(require('node:http').createServer(), { controlPort: 0, signals: false, logger })`
    const child = execFile(process.execPath, ['-e', script], { cwd: join(__dirname, '..') })
    onTestFinished(() => void child.kill('SIGKILL'))
    expect(await once(child, 'exit')).toEqual([0, null])
  })

  test('it serves metrics to the end, and the application’s port does not', async () => {
    let scrapes = 0
    const metrics = { contentType: 'text/plain; version=0.0.4', metrics: async () => `scrapes ${++scrapes}\n` }
    const { drain, port, control } = await start(
      { metrics },
      (_request, response) => void response.writeHead(404).end(),
    )
    expect(await ask(control, '/metrics')).toMatchObject({ status: 200, body: 'scrapes 1\n' })
    expect((await ask(control, '/metrics?x')).headers['content-type']).toBe('text/plain; version=0.0.4')
    expect(await ask(control, '/metrics', { method: 'POST' })).toMatchObject({ status: 404 })
    expect(await ask(port, '/metrics')).toMatchObject({ status: 404 })
    const closing = gate()
    drain.onClose(() => closing.opened)
    const ended = drain.start()
    await expect.poll(() => drain.state).toBe('closing')
    expect(await ask(control, '/metrics')).toMatchObject({ status: 200, body: 'scrapes 3\n' })
    closing.open()
    await ended
  })

  test('metrics that are not text cause a 500, and do not end the process', async () => {
    const metrics = { contentType: 'text/plain', metrics: () => ({ not: 'text' }) as unknown as string }
    const { control, log } = await start({ metrics })
    expect(await ask(control, '/metrics')).toMatchObject({ status: 500 })
    expect(log.matching(/^error .*\/metrics failed: TypeError/)).toHaveLength(1)
  })

  test('metrics that fail cause a 500 and a log line', async () => {
    const metrics = { contentType: 'text/plain', metrics: () => Promise.reject(new Error('a collector failed')) }
    const { log, control } = await start({ metrics })
    expect(await ask(control, '/metrics')).toMatchObject({ status: 500 })
    expect(log.matching(/^error podrain: \/metrics failed: Error: a collector failed/)).toHaveLength(1)
    expect(await ask(control, '/livez')).toMatchObject({ status: 200 })
  })

  test('it is closed with its attachment, and the drain goes on', async () => {
    const log = new Log()
    const { drain, release } = attach({ controlPort: 0, signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    const control = await controlPort(log)
    expect(await ask(control, '/readyz')).toMatchObject({ status: 200 })
    release()
    await expect(ask(control, '/readyz')).rejects.toThrow('ECONNREFUSED')
    expect(drain.state).toBe('serving')
  })

  test('a drain that is over opens no port', async () => {
    const log = new Log()
    const drain = new Drain({ signals: false, logger: log })
    await drain.dispose()
    attach({ drain, controlPort: 0 })
    const later = createServer().listen(0, '127.0.0.1') // a listener of the drain would have been added first
    onTestFinished(() => void later.close())
    await once(later, 'listening')
    expect(log.matching(/control endpoints/)).toEqual([])
  })
})

describe('with a control socket', () => {
  /** One request over the socket. */
  async function askSocket(path: string, route: string): Promise<number | undefined> {
    const [response] = (await once(get({ socketPath: path, path: route, agent: false }), 'response')) as [
      IncomingMessage,
    ]
    response.resume()
    return response.statusCode
  }

  test('the hook needs no token, and the path is always /prestop', async () => {
    const path = socketPath()
    const { port, log, drain } = await serve(sayOk, {
      controlSocket: path,
      token: 'secret',
      endpoints: { prestop: false, readyz: '/up' },
    })
    await expect.poll(() => log.matching(/control endpoints on/)).toHaveLength(1)
    expect(await ask(port, '/prestop')).toMatchObject({ body: 'ok' })
    expect(await askSocket(path, '/prestop')).toBe(200)
    expect(drain.state).toBe('draining')
    expect(await ask(port, '/up')).toMatchObject({ status: 503 })
  })

  test('only the user of the process may write to it, and it is removed with the drain', async () => {
    const path = socketPath()
    const { log, drain } = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => log.matching(/control endpoints on/)).toHaveLength(1)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await drain.start()
    expect(existsSync(path)).toBe(false)
  })

  test('a file that a killed process has left behind is replaced', async () => {
    const path = socketPath()
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => console.log('up'))`
    const killed = execFile(process.execPath, ['-e', script])
    await once(killed.stdout as Readable, 'data')
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    expect(existsSync(path)).toBe(true)
    const { log } = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => log.matching(/control endpoints on/)).toHaveLength(1)
    expect(await askSocket(path, '/livez')).toBe(200)
  })

  test('a socket of another process stays, with an error in the log', async () => {
    const path = socketPath()
    const other = net.createServer().listen(path)
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    const { log } = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => log.matching(/^error/)).toHaveLength(1)
    expect(log.matching(/^error/)[0]).toContain(`cannot listen on \`controlSocket\` ${path}`)
    expect(other.listening).toBe(true)
  })

  test('a file that is not a socket stays, with an error in the log', async () => {
    const path = socketPath()
    writeFileSync(path, 'precious')
    const { port, log, drain } = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => log.matching(/^error/)).toHaveLength(1)
    expect(log.matching(/^error/)[0]).toContain('there is a file, and it is not a socket')
    expect(await ask(port)).toMatchObject({ body: 'ok' })
    await drain.start()
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  test('a missing folder is an error in the log, and the application goes on', async () => {
    const { port, log } = await serve(sayOk, { controlSocket: join(socketPath(), 'no', 'such') })
    await expect.poll(() => log.matching(/^error/)).toHaveLength(1)
    expect(await ask(port)).toMatchObject({ body: 'ok' })
  })

  test('of two drains in one process, the first one keeps the socket, even when the second ends', async () => {
    const path = socketPath()
    const first = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => first.log.matching(/control endpoints on/)).toHaveLength(1)
    const second = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => second.log.matching(/^error/)).toHaveLength(1)
    await second.drain.start()
    expect(await askSocket(path, '/livez')).toBe(200)
    expect(first.drain.state).toBe('serving')
  })

  test('its folder has only the socket, and nothing afterwards', async () => {
    const path = socketPath()
    const { log, drain } = await serve(sayOk, { controlSocket: path })
    await expect.poll(() => log.matching(/control endpoints on/)).toHaveLength(1)
    expect(readdirSync(dirname(path))).toEqual(['podrain.sock'])
    await drain.start()
    expect(readdirSync(dirname(path))).toEqual([])
  })
})

test.each([
  ['in the application', {}, ['/readyz', '/livez', '/prestop', '/drainz']],
  ['on a control port', { controlPort: 0 }, []],
])('an adapter for a framework knows which paths are answered %s', (_where, options, paths) => {
  const { drain, paths: known } = attach({ signals: false, logger: false, ...options })
  onTestFinished(() => drain.dispose())
  expect([...known.keys()].sort()).toEqual(paths.sort())
})

test('a control socket whose folder was missing can be opened by the next drain, when the folder is there', async () => {
  const folder = join(dirname(socketPath()), 'later')
  const controlSocket = join(folder, 'podrain.sock')
  const first = await serve(sayOk, { controlSocket })
  await expect.poll(() => first.log.matching(/cannot listen on `controlSocket`.*(EACCES|ENOENT)/)).toHaveLength(1)
  mkdirSync(folder)
  const second = await serve(sayOk, { controlSocket })
  await expect.poll(() => second.log.matching(/control endpoints on .*podrain\.sock/)).toHaveLength(1)
})

test('a second drain with the same control socket logs that another drain listens there, and does not remove the socket', async () => {
  const controlSocket = socketPath()
  const first = await serve(sayOk, { controlSocket })
  await expect.poll(() => first.log.matching(/control endpoints on .*podrain\.sock/)).toHaveLength(1)
  const { log } = await serve(sayOk, { controlSocket })
  expect(log.matching(/cannot listen on `controlSocket`.*: another drain of this process listens there/)).toHaveLength(
    1,
  )
  expect(existsSync(controlSocket)).toBe(true)
})

describe('a control port by variable is held by all adapters of the process:', () => {
  const checks = { db: () => Promise.reject(new Error('down')) }
  function drainOf(): { drain: Drain; log: Log } {
    const log = new Log()
    const drain = new Drain({ signals: false, logger: log })
    onTestFinished(() => drain.dispose())
    return { drain, log }
  }

  test('it stays when the first application of a drain closes, and asks the checks of the next one', async () => {
    const port = await controlPortByVariable()
    const { drain, log } = drainOf()
    const first = attach({ drain }, false)
    const second = attach({ drain, checks }, false)
    expect(await controlPort(log)).toBe(port)
    expect((await ask(port, '/readyz')).status).toBe(200)
    first.release()
    expect((await ask(port, '/readyz')).status).toBe(503)
    second.release()
    await expect(ask(port, '/readyz')).rejects.toThrow('ECONNREFUSED')
    expect(drain.state).toBe('serving')
  })

  test('the next drain answers there when the first one is over', async () => {
    const port = await controlPortByVariable()
    const first = await serve(sayOk, {})
    await controlPort(first.log)
    const second = await serve(sayOk, {})
    await first.drain.dispose()
    expect(await controlPort(second.log)).toBe(port)
    expect(await ask(port, '/prestop')).toMatchObject({ status: 200 })
    expect(second.drain.state).toBe('draining')
  })

  test('a taken port is one error of each drain, and no line says that it answers', async () => {
    const other = net.createServer().listen(0)
    onTestFinished(() => void other.close())
    await once(other, 'listening')
    vi.stubEnv('PODRAIN_CONTROL_PORT', String((other.address() as net.AddressInfo).port))
    onTestFinished(() => void vi.unstubAllEnvs())
    const one = drainOf()
    const two = drainOf()
    for (const { drain } of [one, one, two]) attach({ drain }, false)
    for (const { log } of [one, two]) {
      await expect.poll(() => log.matching(/^error .*another server has this port/)).toHaveLength(1)
      expect(log.matching(/control endpoints/)).toEqual([])
    }
  })

  test('checks and endpoints of a second adapter do not count there, which is a warning', async () => {
    await controlPortByVariable()
    const { drain, log } = drainOf()
    attach({ drain, checkTimeout: 500 }, false)
    await controlPort(log)
    attach({ drain, checks, checkTimeout: 500, endpoints: { readyz: '/up' } }, false)
    expect(log.matching(/^warn/)).toEqual([
      expect.stringMatching(/first adapter of this drain: `endpoints`, `checks` of this adapter does not count there/),
    ])
  })

  test.each([
    ['only the second has one', {}, { token: 'secret' }],
    ['only the first has one', { token: 'secret' }, {}],
  ])('adapters of one drain need the same token: refused if %s', async (_, first, second) => {
    await controlPortByVariable()
    const { drain } = drainOf()
    attach({ drain, ...first }, false)
    expect(() => attach({ drain, ...second }, { server: createServer() })).toThrow('to have the same `token`')
    attach({ drain, ...first }, false)
  })

  test('a preload is not asked as long as the application has an adapter, and says nothing of it', async () => {
    const port = await controlPortByVariable()
    const own = drainOf()
    const preload = drainOf()
    attach({ drain: preload.drain, checks }, 'stand-in')
    expect(await controlPort(preload.log)).toBe(port)
    const { release } = attach({ drain: own.drain }, false)
    expect(await controlPort(own.log)).toBe(port)
    expect((await ask(port, '/readyz')).status).toBe(200)
    release()
    expect((await ask(port, '/readyz')).status).toBe(503)
    for (const { log } of [own, preload]) expect(log.matching(/^error/)).toEqual([])
  })
})

describe('an application that answers the control endpoints by controlEndpoints()', () => {
  async function served(): Promise<{ port: number; log: Log; drain: Drain }> {
    const log = new Log()
    const drain = new Drain({ signals: false, logger: log, settle: { min: 0, quiet: 0 } })
    onTestFinished(() => drain.dispose())
    const answer = controlEndpoints(drain)
    const server = createServer((request, response) => void (answer(request, response) || response.end('mine')))
    drain.watch(server)
    server.listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    return { log, drain, port: (server.address() as net.AddressInfo).port }
  }

  test('has them on the control port of the variable only', async () => {
    const control = await controlPortByVariable()
    const { port, log } = await served()
    expect(await controlPort(log)).toBe(control)
    expect((await ask(port, '/readyz')).body).toBe('mine')
    expect(await ask(control, '/prestop')).toMatchObject({ status: 200 })
  })

  test('has no /prestop if the variable turns it off', async () => {
    vi.stubEnv('PODRAIN_ENDPOINTS_PRESTOP', 'false')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { port, drain } = await served()
    expect((await ask(port, '/prestop')).body).toBe('mine')
    expect(drain.state).toBe('serving')
    expect(await ask(port, '/readyz')).toMatchObject({ status: 200 })
  })
})

test('a middleware without a server says at the start that /readyz on the control port cannot wait for it', async () => {
  const log = new Log()
  const { drain } = attach({ controlPort: 0, signals: false, logger: log })
  onTestFinished(() => drain.dispose())
  await controlPort(log)
  expect(log.matching(/^warn .*\/readyz on the control port is 200 before .*watch\(server\)/)).toHaveLength(1)
  const known = new Log()
  const { drain: other, watch } = attach({ controlPort: 0, signals: false, logger: known })
  onTestFinished(() => other.dispose())
  watch(createServer())
  await controlPort(known)
  expect(known.matching(/^warn/)).toEqual([])
})

test('/readyz on a control port is 503 until the server comes that an adapter expects later', async () => {
  const log = new Log()
  const { drain, watch } = attach({ controlPort: 0, signals: false, logger: log }, 'later')
  onTestFinished(() => drain.dispose())
  const control = await controlPort(log)
  expect((await ask(control, '/readyz')).json()).toMatchObject({ ready: false, reason: 'not listening' })
  const server = createServer(sayOk).listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  watch(server)
  expect(await ask(control, '/readyz')).toMatchObject({ status: 200 })
})
