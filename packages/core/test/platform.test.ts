import { once } from 'node:events'
import { Agent, createServer, get } from 'node:http'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AdapterOptions, Drain, type DrainOptions, drainServer } from '../src/index.js'
import { platformVariables } from '../src/shared/platform.js'
import { ask, Child, Client, FakeClock, FakeProcess, gate, Log, listen, runsIn, sayOk } from './support.js'

beforeEach(() => {
  runsIn('no cluster')
  vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', undefined)
})
afterEach(() => void vi.unstubAllEnvs())

function settleOf(options: DrainOptions): { min: number; quiet: number } {
  const drain = new Drain({ signals: false, logger: false, ...options })
  void drain.dispose()
  const { min, quiet } = drain.times.settle
  return { min, quiet }
}

/** A server with a drain that has only the defaults, and time that stands still. */
async function serve(options: AdapterOptions = {}, handler = sayOk) {
  const [log, clock, process, server] = [new Log(), new FakeClock(), new FakeProcess(), createServer(handler)]
  const drain = drainServer(server, { clock, process, logger: log, ...options })
  onTestFinished(() => drain.dispose())
  return { drain, clock, process, log, port: await listen(server) }
}

describe('outside of a cluster', () => {
  test('SIGTERM closes at once: no load balancer and no idle connection is waited for', async () => {
    const { process, drain, port, clock } = await serve()
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    const exit = process.signal('SIGTERM')
    expect(drain.state).toBe('closing')
    await client.end() // the clock stands still
    expect(await clock.through(exit)).toBe(true)
  })

  test('a client that never stops asking does not hold it', async () => {
    const { process, port, clock } = await serve(
      {},
      (_request, response) => void setImmediate(() => response.end('ok')),
    )
    let answered = 0
    const done = gate()
    // Always one in flight: the next is sent before the last is answered.
    const poll = (): void => {
      get({ port, host: '127.0.0.1', agent: false }, (response) => {
        response.resume()
        answered++
        if (answered === 20) done.open()
      }).on('error', () => {})
      if (!over) setTimeout(poll, 1)
    }
    let over = false
    poll()
    await done.opened
    expect(await clock.through(process.signal('SIGTERM'))).toBe(true)
    over = true
  })

  test('requests in flight are answered', async () => {
    const turn = gate()
    const { process, drain, port, clock } = await serve({}, (_request, response) => {
      void turn.opened.then(() => response.end('at last'))
    })
    const answer = ask(port)
    await expect.poll(() => drain.inFlight).toBe(1)
    const exit = process.signal('SIGTERM')
    clock.advance(5000)
    turn.open()
    expect((await answer).body).toBe('at last')
    expect(await clock.through(exit)).toBe(true)
  })

  test('one line says it when a server begins to listen, and how to have the wait all the same', async () => {
    vi.stubEnv('NODE_ENV', 'development')
    const { log } = await serve()
    expect(log.lines).toEqual([
      expect.stringMatching(
        /^info podrain: outside of a cluster there is nothing to wait for: .*`behind`.*`platform: 'kubernetes'`/,
      ),
    ])
  })

  test.each<[string, DrainOptions, { min: number; quiet: number }]>([
    ['nothing', {}, { min: 0, quiet: 0 }],
    ["platform: 'none'", { platform: 'none' }, { min: 0, quiet: 0 }],
    ["platform: 'kubernetes'", { platform: 'kubernetes' }, { min: 5000, quiet: 1000 }],
    ['behind', { behind: 'ingress-nginx' }, { min: 15_000, quiet: 1000 }],
    ["behind: 'none'", { behind: 'none' }, { min: 0, quiet: 1000 }],
    ['settle.min', { settle: { min: 300 } }, { min: 300, quiet: 1000 }],
    ['settle.quiet', { settle: { quiet: 300 } }, { min: 5000, quiet: 300 }],
    ["platform: 'none' and behind", { platform: 'none', behind: 'envoy' }, { min: 5000, quiet: 1000 }],
  ])('with %s given, settle is what one expects', (_what, options, settle) => {
    expect(settleOf(options)).toEqual(settle)
  })

  test('the times that are shown say that they are not those of a cluster', () => {
    const timesOf = (options: DrainOptions): object => {
      const drain = new Drain({ signals: false, logger: false, ...options })
      void drain.dispose()
      return drain.times
    }
    expect(timesOf({})).toMatchObject({ balancers: false })
    expect(timesOf({ platform: 'kubernetes' })).not.toHaveProperty('balancers')
  })

  test('an option for production that does not fit the grace period, which only the manifest knows, is a warning', () => {
    const log = new Log()
    void new Drain({ behind: 'aws-alb', signals: false, logger: log }).dispose()
    expect(log.lines).toEqual([
      expect.stringMatching(/^warn podrain: this would be refused in a cluster: `settle\.min` 30000/),
    ])
  })

  test.each<[string, DrainOptions, string | undefined]>([
    ['the option says', { terminationGracePeriodSeconds: 30 }, undefined],
    ['the variable says', {}, '30'],
  ])('one that does not fit the grace period that %s is refused as anywhere', (_who, options, variable) => {
    vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', variable)
    expect(() => new Drain({ behind: 'aws-alb', signals: false, logger: false, ...options })).toThrow(RangeError)
  })
})

describe('inside', () => {
  test.each(platformVariables)('as %s says, load balancers are waited for', (name) => {
    vi.stubEnv(name, '30')
    expect(settleOf({})).toEqual({ min: 5000, quiet: 1000 })
    expect(settleOf({ platform: 'none' })).toEqual({ min: 0, quiet: 0 })
  })

  test('a variable that is empty says nothing', () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '')
    expect(settleOf({})).toEqual({ min: 0, quiet: 0 })
  })
})

test('a process that is restarted at each change of a file goes at once, also with a client that keeps its connection', async () => {
  vi.stubEnv('NODE_ENV', 'development')
  const child = new Child({ byDefault: true })
  await child.listening()
  const agent = new Agent({ keepAlive: true })
  onTestFinished(() => agent.destroy())
  const [response] = await once(get({ port: child.port, host: '127.0.0.1', agent }), 'response')
  await once(response.resume(), 'end')
  child.signal('SIGTERM')
  expect(await child.exit).toEqual([0, null])
  expect(child.lines).toContainEqual(
    expect.stringMatching(/^podrain: outside of a cluster there is nothing to wait for/),
  )
})
