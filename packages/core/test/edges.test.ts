import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, get, type IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { controlEndpoints, Drain, drainServer, type Refusal } from '../src/index.js'
import { progressLine } from '../src/termination/sentences.js'
import { ask, FakeClock, FakeProcess, gate, Log, listen, runsIn, sayOk, serve, short, turns } from './support.js'

/** The error for these options. */
function said(options: unknown): string {
  try {
    const drain = drainServer(createServer(), { signals: false, logger: false, ...(options as object) })
    void drain.dispose()
    return 'nothing'
  } catch (error) {
    return (error as Error).message
  }
}

describe('the error about times that do not fit into the grace period', () => {
  beforeEach(() => {
    runsIn('a cluster')
    onTestFinished(() => void vi.unstubAllEnvs())
  })

  test('names the longer of the two waits, and the first if they are equal', () => {
    expect(said({ settle: { min: 25_000, quiet: 25_000 } })).toMatch(/^`settle\.min` 25000 \+/)
    expect(said({ settle: { min: 25_000, quiet: 25_001 } })).toMatch(/^`settle\.quiet` 25001 \+/)
  })

  test('names the preset that the wait comes from, if it does', () => {
    expect(said({ behind: 'aws-alb' })).toContain("`settle.min` 30000 (for `behind: 'aws-alb'`) +")
    expect(said({ behind: 'aws-alb', settle: { min: 40_000 } })).toContain('`settle.min` 40000 +')
    expect(said({ behind: 'none', settle: { quiet: 40_000 } })).toContain('`settle.quiet` 40000 +')
    expect(said({ settle: { min: 40_000 } })).toContain('`settle.min` 40000 +')
  })

  test('says what to lower: not the wait, if no wait would fit', () => {
    const times = { closing: 5000, reserve: 1000, settle: { min: 2, quiet: 0 } }
    expect(said({ ...times, terminationGracePeriodSeconds: 6.001 })).toContain('lower `settle.min` to at most 1,')
    expect(said({ ...times, terminationGracePeriodSeconds: 6 })).toContain(': lower `closing` and `reserve`,')
    expect(said({ ...times, terminationGracePeriodSeconds: 6.002 })).toBe('nothing')
  })
})

describe('an option of the wrong kind is refused', () => {
  test.each<[unknown, string]>([
    [
      { terminationGracePeriodSeconds: '30' },
      '`terminationGracePeriodSeconds` to be a number of seconds greater than 0',
    ],
    [{ clock: null }, 'Expected `clock` to have a method `now`, got `null`'],
    [{ logger: undefined, process: null }, 'Expected `process` to have a method `register`, got `null`'],
    [{ reserve: { a: { b: { c: 1 } } } }, 'got `{ a: [Object] }`'],
    [{ signals: ['SIGKILL'] }, 'no process can catch it, got'],
    [{ signals: ['SIGSTOP'] }, 'no process can catch it, got'],
    [{ signals: ['SIGUSR1'] }, 'it is not one of them, got'],
    [{ checks: 5 }, 'Expected `checks` to be an object, got `5`'],
    [{ endpoints: { readyz: 'up/ready' } }, 'Expected `endpoints.readyz` to be a path that begins with /'],
    [{ endpoints: { readyz: 5 } }, 'Expected `endpoints.readyz` to be a path that begins with /'],
    [{ token: '  ' }, 'Expected `token` to be a string that is not empty'],
    [{ token: [] }, 'Expected `token` to be a string that is not empty'],
    [{ token: ['good', ''] }, 'Expected `token` to be a string that is not empty'],
  ])('%j', (options, message) => {
    expect(said(options)).toContain(message)
  })

  test('in place of all of them', () => {
    expect(() => new Drain(null as never)).toThrow('Expected `options` to be an object, got `null`')
  })

  test('in the environment, by its name', () => {
    onTestFinished(() => void vi.unstubAllEnvs())
    vi.stubEnv('PODRAIN_TOKEN', ' ')
    expect(said({})).toContain('Expected PODRAIN_TOKEN to be a string that is not empty')
    vi.unstubAllEnvs()
    for (const value of ['', ' ', '30s', '-1']) {
      vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', value)
      expect(said({}), value).toContain(
        `Expected the environment variable TERMINATION_GRACE_PERIOD_SECONDS to be a number`,
      )
    }
  })
})

test('signals: false listens to none', () => {
  const process = new FakeProcess()
  const drain = new Drain({ process, signals: false, logger: false })
  expect([...process.listeners]).toMatchObject([{ signals: [], errors: false }])
  void drain.dispose()
})

describe('a refused caller', () => {
  test('emits an event with the endpoint and the reason', async () => {
    const { drain, port } = await serve(sayOk, { token: 'secret' })
    const refusals: Refusal[] = []
    drain.on('refused', (refusal) => refusals.push(refusal))
    await ask(port, '/drainz')
    await ask(port, '/prestop', { headers: { via: '1.1 proxy' } })
    expect(refusals).toEqual([
      { endpoint: 'drainz', why: expect.stringContaining('`Authorization: Bearer` is not the `token`') },
      { endpoint: 'prestop', why: expect.stringContaining('came through a proxy (header via)') },
    ])
  })

  test('is logged once a minute', async () => {
    let now = 1_000_000
    vi.spyOn(performance, 'now').mockImplementation(() => now)
    const { port, log } = await serve(sayOk, { token: 'secret' })
    const lines = async (): Promise<number> => {
      await ask(port, '/drainz')
      return log.matching(/refused/).length
    }
    expect(await lines()).toBe(1)
    now += 59_999
    expect(await lines()).toBe(1)
    now += 1
    expect(await lines()).toBe(2)
  })

  test('over a unix socket has no address that could be shown', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
    onTestFinished(() => rmSync(folder, { recursive: true }))
    const [log, server, socketPath] = [new Log(), createServer(sayOk), join(folder, 'app.sock')]
    const drain = drainServer(server, { signals: false, logger: log, token: 'secret' })
    onTestFinished(() => drain.dispose())
    server.listen(socketPath)
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const [response] = (await once(get({ socketPath, path: '/drainz', agent: false }), 'response')) as [IncomingMessage]
    response.resume()
    expect(log.matching(/^warn/)).toEqual([expect.stringMatching(/refused GET \/drainz from an unknown address: /)])
  })
})

describe('/readyz', () => {
  test("is 200 when a drain begins while the checks run, with readyzWhileDraining: 'pass'", async () => {
    const [asked, checked] = [gate(), gate()]
    const check = (): Promise<void> => {
      asked.open()
      return checked.opened
    }
    const options = { checkTimeout: 10_000, readyzWhileDraining: 'pass', checks: { db: check } } as const
    const { port, drain } = await serve(sayOk, { ...options, terminationGracePeriodSeconds: 30 })
    const probe = ask(port, '/readyz')
    await asked.opened
    void drain.prestop()
    checked.open()
    expect((await probe).status).toBe(200)
    expect((await probe).json()).toEqual({ ready: true, state: 'draining', checks: { db: 'ok' } })
  })

  test('that the application has answered in the meantime is not answered twice', async () => {
    const [asked, checked] = [gate(), gate()]
    const rejections = vi.fn()
    process.on('unhandledRejection', rejections)
    onTestFinished(() => void process.off('unhandledRejection', rejections))
    const drain = new Drain({ signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    const check = (): Promise<void> => {
      asked.open()
      return checked.opened
    }
    const answer = controlEndpoints(drain, { checkTimeout: 10_000, checks: { db: check } })
    const port = await listen(
      createServer((request, response) => {
        answer(request, response)
        void asked.opened.then(() => response.writeHead(503).end('too slow'))
      }),
    )
    expect(await ask(port, '/readyz')).toMatchObject({ status: 503, body: 'too slow' })
    checked.open()
    await turns()
    expect(rejections).not.toHaveBeenCalled()
  })
})

test('a framework that cannot be closed is logged by its name, which is ‘close’ by default', async () => {
  const clock = new FakeClock()
  const { drain, server, log } = await serve(sayOk, { ...short, clock })
  drain.watch(server, { close: () => Promise.reject('not now') })
  const report = await clock.through(drain.start())
  expect(report.hooks).toMatchObject([{ name: 'close', outcome: 'failed', error: 'not now' }])
  expect(log.matching(/^error podrain: close hook "close" failed: 'not now'$/)).toHaveLength(1)
})

describe('the line that says what is open', () => {
  const status = { state: 'draining', elapsedMs: 1250, budgetMs: 27_750, inFlight: 0, oldest: null, tasks: [] }

  test('is short if nothing is open', () => {
    expect(progressLine(status)).toBe('draining for 1.3 s, 0 in flight, 27.8 s of budget left')
  })

  test('names the oldest request and all tasks', () => {
    const oldest = { method: 'GET', path: '/slow', ageMs: 900 }
    expect(progressLine({ ...status, inFlight: 2, oldest, tasks: ['mail', 'thumbnails'] })).toBe(
      'draining for 1.3 s, 2 in flight, oldest GET /slow (0.9 s), tasks: mail, thumbnails, 27.8 s of budget left',
    )
  })
})
