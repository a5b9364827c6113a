import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { Drain, type DrainReport, drainServer } from '../src/index.js'
import {
  ask,
  Child,
  Client,
  FakeClock,
  FakeProcess,
  gate,
  Log,
  listen,
  type Pod,
  sayOk,
  serve,
  short,
  turns,
} from './support.js'

async function start(options: object = {}): Promise<Pod & { clock: FakeClock; process: FakeProcess }> {
  const clock = new FakeClock()
  const process = new FakeProcess()
  const pod = await serve(sayOk, { clock, process, signals: ['SIGTERM', 'SIGINT'], ...options })
  return { ...pod, clock, process }
}

describe('the states', () => {
  test('are emitted in order, each with the previous state', async () => {
    const { drain, clock } = await start()
    const states: string[] = []
    drain.on('state', (state, previous) => {
      expect(drain.state).toBe(state)
      states.push(`${previous} → ${state}`)
    })
    await clock.through(drain.start())
    expect(states).toEqual(['serving → draining', 'draining → closing', 'closing → closed'])
  })

  test('the report event comes last, and is what start() returns', async () => {
    const { drain, clock } = await start()
    const told: unknown[] = []
    drain.on('state', (state) => told.push(state))
    drain.on('report', (report) => told.push(report))
    const report = await clock.through(drain.start())
    await expect.poll(() => told).toEqual(['draining', 'closing', 'closed', report])
  })

  test('a listener that throws does not keep other listeners from being called', async () => {
    const { drain } = await serve(sayOk)
    const heard: string[] = []
    for (const event of ['commit', 'state', 'report'] as const) {
      drain.on(event, () => {
        throw new Error('listener is broken')
      })
      drain.once(event, () => void heard.push(event))
    }
    await drain.start()
    await expect.poll(() => heard).toEqual(['commit', 'state', 'report'])
  })

  test.each([Number.NaN, -1, 'soon'])('start({ within: %s }) throws, and begins no drain', async (within) => {
    const { drain } = await serve(sayOk)
    expect(() => drain.start({ within: within as number })).toThrow(/^Expected `within` to be/)
    expect(drain.state).toBe('serving')
  })

  test('a listener that throws is logged and does not stop the drain', async () => {
    const { drain, clock, log } = await start()
    drain.on('state', () => {
      throw new Error('listener is broken')
    })
    drain.on('report', () => {
      throw new Error('reporter is broken')
    })
    expect((await clock.through(drain.start())).clean).toBe(true)
    await expect.poll(() => log.matching(/^error .*a listener of "report" failed/)).toHaveLength(1)
    expect(log.matching(/^error podrain: a listener of "state" failed: Error: listener is broken/)).toHaveLength(3)
  })
})

describe('start()', () => {
  test('twice is one drain with one report', async () => {
    const { drain, clock, log } = await start()
    const reports: DrainReport[] = []
    drain.on('report', (report) => reports.push(report))
    const first = drain.start({ reason: 'first' })
    clock.advance(100)
    const second = drain.start({ reason: 'second' })
    const report = await clock.through(first)
    expect(await second).toBe(report)
    expect(await drain.start()).toBe(report)
    expect(report.reason).toBe('first')
    await expect.poll(() => reports).toEqual([report])
    const lines = [...log.lines]
    clock.advance(20_000)
    expect(log.lines).toEqual(lines) // no check follows the end
  })

  test('reports what happened', async () => {
    const { drain, clock, port, log } = await start()
    void drain.start({ reason: 'a test' })
    await ask(port)
    await ask(port)
    const report = await clock.through(drain.start())
    expect(report).toMatchObject({
      reason: 'a test',
      answered: 2,
      cut: [],
      unfinishedTasks: [],
      hooks: [],
      undeliveredBytes: 0,
      unknownConnections: 0,
      clean: true,
    })
    expect(report).not.toHaveProperty('error')
    expect(report.settleMs).toBeGreaterThanOrEqual(short.settle.min)
    expect(report.durationMs).toBeGreaterThanOrEqual(report.settleMs)
    expect(log.matching(/^info podrain: drained in \d+\.\d s after a test; nothing cut$/)).toHaveLength(1)
  })

  test('works on the real clock', async () => {
    const { drain, port } = await serve(sayOk)
    await ask(port)
    const report = await drain.start()
    expect(report.clean).toBe(true)
    expect(report.settleMs).toBeGreaterThanOrEqual(short.settle.min)
    await expect(ask(port)).rejects.toThrow('ECONNREFUSED')
  })

  test('closes every server of the drain, including a server that listens late', async () => {
    const { drain, server, clock } = await start()
    const second = createServer(sayOk)
    drain.watch(second)
    void drain.start()
    await listen(second)
    expect(drain.listening).toBe(true)
    await clock.through(drain.start())
    expect([server.listening, second.listening]).toEqual([false, false])
  })

  test.each([
    ['watched before', (drain: Drain, server: Server) => void drain.watch(server)],
    ['watched then', () => {}],
  ])('closes a server that begins to listen while it closes, %s', async (_when, watch) => {
    const { drain, clock } = await start()
    const second = createServer(sayOk)
    watch(drain, second)
    drain.onClose(async () => {
      await listen(second) // listen() reads the address
      drain.watch(second)
    })
    expect(await clock.through(drain.start())).toMatchObject({ clean: true })
    await expect.poll(() => second.listening).toBe(false)
  })
})

describe('an error that was not caught', () => {
  test('drains without the wait for load balancers, and the exit is not 0', async () => {
    const turn = gate()
    const clock = new FakeClock()
    const process = new FakeProcess()
    const { drain, port, log } = await serve(
      (_request, response) => void turn.opened.then(() => response.end('whole')),
      { clock, process, signals: ['SIGTERM'], terminationGracePeriodSeconds: 30, settle: { min: 20_000, quiet: 50 } },
    )
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    const error = new Error('boom')
    const exit = process.crash(error)
    clock.advance(100)
    turn.open()
    await client.until(/whole/)
    expect(await clock.through(exit)).toBe(false)
    const report = await drain.start()
    expect(report).toMatchObject({ reason: 'an uncaught error', error, cut: [], clean: false })
    expect(report.settleMs).toBeLessThan(20_000)
    expect(log.matching(/^error podrain: uncaught: Error: boom/)).toHaveLength(1)
  })

  test.each([undefined, null, 'text', 0])('may be %s, and the exit is not 0', async (error) => {
    const { drain, process, clock } = await start()
    expect(await clock.through(process.crash(error))).toBe(false)
    const reason = error ?? new Error('uncaught, without a reason')
    expect(await drain.start()).toMatchObject({ error: reason, clean: false })
  })

  test('during a drain makes it unclean, and cuts nothing', async () => {
    const turn = gate()
    const clock = new FakeClock()
    const process = new FakeProcess()
    const { drain, port } = await serve((_request, response) => void turn.opened.then(() => response.end('whole')), {
      clock,
      process,
      signals: ['SIGTERM'],
    })
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    const exit = process.signal('SIGTERM')
    process.crashAgain(new Error('boom'))
    clock.advance(500)
    expect(client.closed).toBe(false)
    turn.open()
    await client.until(/whole/)
    expect(await clock.through(exit)).toBe(false)
    expect(await drain.start()).toMatchObject({ reason: 'SIGTERM', cut: [], error: new Error('boom') })
  })
})

test('SIGINT does not wait for load balancers', async () => {
  const { drain, clock, process } = await start()
  const exit = process.signal('SIGINT')
  expect(drain.state).toBe('closing')
  expect(await clock.through(exit)).toBe(true)
  expect((await drain.start()).settleMs).toBe(0)
})

describe('dispose()', () => {
  const events = ['SIGTERM', 'SIGINT', 'SIGHUP', 'uncaughtException', 'unhandledRejection', 'beforeExit']
  const listeners = (): number[] => events.map((event) => process.listenerCount(event))

  test('leaves no listener on the process', async () => {
    const before = listeners()
    const drain = new Drain({ logger: false, signals: ['SIGTERM', 'SIGINT', 'SIGHUP'] })
    expect(listeners()).not.toEqual(before)
    await drain.dispose()
    expect(listeners()).toEqual(before)
  })

  test('called again resolves when the first call has', async () => {
    const { drain } = await start()
    const turn = gate()
    let ended = 0
    drain.onClose(() => turn.opened)
    const both = [drain.dispose(), drain.dispose()].map((disposed) => disposed.then(() => ended++))
    await turns(3)
    expect(ended).toBe(0)
    turn.open()
    await Promise.all(both)
  })

  test('of one drain leaves the signals of another in place', async () => {
    const before = listeners()
    const first = new Drain({ logger: false, signals: ['SIGHUP'], errors: false })
    const withFirst = listeners()
    const second = new Drain({ logger: false })
    await second.dispose()
    expect(listeners()).toEqual(withFirst)
    await first.dispose()
    expect(listeners()).toEqual(before)
  })

  const ways = [
    'never used',
    'after requests',
    'while it drains tentatively',
    'after the hook was answered',
    'with a task that has a timeout',
    'after the whole way',
  ]
  const folder = mkdtempSync(join(tmpdir(), 'podrain-'))
  afterAll(() => rmSync(folder, { recursive: true }))
  test.each(
    ways.flatMap((way) => [
      [way, 'its defaults', {}] as const,
      [
        way,
        'a control port and socket',
        { controlPort: 0, controlSocket: join(folder, `${way.replaceAll(' ', '-')}`) },
      ] as const,
    ]),
  )(
    '%s, with %s, leaves no listener, timer, socket or server, and the process ends by itself',
    async (way, _, options) => {
      const child = new Child({ way, options }, 'leaves.mjs')
      expect(await child.exit).toEqual([0, null])
      expect(JSON.parse(child.lines.at(-1) ?? '')).toEqual({ more: [], less: [] })
      expect(readdirSync(folder)).toEqual([])
    },
  )

  test('leaves nothing on the server but its request listeners', async () => {
    const server = createServer(sayOk)
    const before = ['connection', 'close', 'upgrade'].map((event) => server.listenerCount(event))
    const drain = drainServer(server, { signals: false, logger: false })
    await drain.dispose()
    expect(['connection', 'close', 'upgrade'].map((event) => server.listenerCount(event))).toEqual(before)
    expect(drain.listening).toBe(false)
  })

  test('releases the server for good, even if requests still come', async () => {
    const { drain, server, port } = await start()
    await drain.dispose()
    expect((await ask(port)).body).toBe('ok')
    const next = new Drain({ signals: false, logger: false })
    expect(() => next.watch(server)).not.toThrow()
    await next.dispose()
  })

  test('runs the onClose hooks, the newest first, and waits for nothing else', async () => {
    const { drain, process } = await start()
    const ran: string[] = []
    drain.onClose(() => ran.push('log')).onClose(() => ran.push('pool'))
    drain.waitUntil(new Promise(() => {}))
    await drain.dispose()
    await drain.dispose()
    expect(ran).toEqual(['pool', 'log'])
    expect(drain.state).toBe('closed')
    expect(process.listeners.size).toBe(0)
  })

  test('stops waiting for a hook that hangs when the budget is over, and reports that', async () => {
    const { drain, clock } = await start()
    const reported = gate()
    const reports: DrainReport[] = []
    drain.on('report', (report) => {
      reports.push(report)
      reported.open()
    })
    drain.onClose(() => new Promise(() => {}), { name: 'pool', timeout: 60_000 })
    const disposed = drain.dispose()
    await turns(3)
    clock.advance(2900)
    await disposed
    await reported.opened
    expect(reports).toEqual([
      {
        reason: 'dispose()',
        durationMs: 0,
        startedAt: expect.any(Number),
        settleMs: 0,
        answered: 0,
        closedEarly: [],
        cut: [],
        unfinishedTasks: [],
        hooks: [{ name: 'pool', outcome: 'timed out', startedAt: expect.any(Number), durationMs: 2900 }],
        undeliveredBytes: 0,
        unknownConnections: 0,
        clean: false,
      },
    ])
  })

  test('is final: a later start() returns its report', async () => {
    const { drain } = await start()
    await drain.dispose()
    expect(await drain.start({ within: 100, ago: 50 })).toMatchObject({ reason: 'dispose()', clean: true })
    expect(drain.state).toBe('closed')
  })

  test('ends a tentative drain, and resolves the promises of its callers', async () => {
    const { drain } = await start()
    const call = drain.prestop()
    await drain.dispose()
    await call
    expect(drain.state).toBe('closed')
  })

  test('does nothing while a drain is committed', async () => {
    const { drain, clock } = await start()
    const report = drain.start()
    await drain.dispose()
    expect(drain.state).toBe('draining')
    expect((await clock.through(report)).reason).toBe('start()')
  })
})

describe('watching a server', () => {
  test('twice with one drain counts each request once', async () => {
    const turn = gate()
    const { drain, server, port } = await serve((_request, response) => void turn.opened.then(() => response.end('ok')))
    drain.watch(server).watch(server)
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    turn.open()
    await client.until(/ok/)
    await expect.poll(() => drain.inFlight).toBe(0)
  })

  test('tells a middleware that its requests are counted already', async () => {
    const counted: boolean[] = []
    const { drain, port } = await serve((request, response) => {
      counted.push(drain.track(request, response))
      response.end('ok')
    })
    await ask(port)
    expect(counted).toEqual([true])
  })

  test('stays watched until the drain is over, even if a middleware later finds it by a request', async () => {
    const drain = new Drain({ signals: false, logger: new Log() })
    onTestFinished(() => drain.dispose())
    const turn = gate()
    const reached = gate()
    const server = createServer(async (request, response) => {
      reached.open()
      await turn.opened
      drain.track(request, response)
      response.end('ok')
    })
    const port = await listen(server)
    const answered = ask(port)
    await reached.opened
    drain.watch(server)
    turn.open()
    await answered
    const closed = once(server, 'close')
    server.close()
    await closed
    const other = new Drain({ signals: false, logger: false })
    onTestFinished(() => other.dispose())
    expect(() => other.watch(server)).toThrow('already watched')
  })

  test('with two drains is refused, and the error says what to do', async () => {
    const { server } = await start()
    const process = new FakeProcess()
    expect(() => drainServer(server, { process, logger: false })).toThrow(
      /already watched by another Drain.*register podrain once, or pass the first Drain with the option `drain`/,
    )
    expect(process.listeners.size).toBe(0)
  })

  test('with a shared drain works', async () => {
    const { drain } = await start()
    const second = createServer(sayOk)
    expect(drainServer(second, { drain })).toBe(drain)
    const port = await listen(second)
    expect((await ask(port, '/readyz')).status).toBe(200)
    expect((await ask(port)).body).toBe('ok')
  })

  test('leaves the listeners that were on it, in their order, each called once', async () => {
    const server = createServer()
    const calls: string[] = []
    server.on('request', () => calls.push('first'))
    server.once('request', () => calls.push('once'))
    server.on('request', (_request, response) => {
      calls.push('last')
      response.end('ok')
    })
    const drain = drainServer(server, { signals: false, logger: false })
    const port = await listen(server)
    await ask(port)
    await ask(port)
    expect(calls).toEqual(['first', 'once', 'last', 'first', 'last'])
    await drain.dispose()
  })
})

test('a drain with logger: false says nothing', async () => {
  const spies = (['log', 'info', 'warn', 'error'] as const).map((name) => vi.spyOn(console, name))
  const clock = new FakeClock()
  const { drain } = await serve(sayOk, { logger: false, clock })
  drain.waitUntil(Promise.reject(new Error('boom')))
  await clock.through(drain.start())
  for (const spy of spies) expect(spy).not.toHaveBeenCalled()
})

test('a logger keeps its own `this`', async () => {
  const log = new Log()
  const clock = new FakeClock()
  const { drain } = await serve(sayOk, { logger: log, clock })
  await clock.through(drain.start())
  expect(log.lines.every((line) => /^(info|warn|error) podrain: /.test(line))).toBe(true)
  expect(log.lines.length).toBeGreaterThanOrEqual(2)
})

test('if a listener of the state ends the wait, the drain still waits for the onDrain hooks', async () => {
  const { drain, clock } = await start()
  const turn = gate()
  const closed = vi.fn()
  drain.on('state', (state) => void (state === 'draining' && drain.start({ settle: false })))
  drain.onDrain(() => turn.opened, { name: 'registry' })
  drain.onClose(closed)
  const report = drain.start()
  await turns()
  expect(closed).not.toHaveBeenCalled()
  turn.open()
  expect(await clock.through(report)).toMatchObject({ clean: true, hooks: [{ name: 'registry', outcome: 'ok' }, {}] })
})

describe('a mistake of the application does not break the end:', () => {
  test('an error in the middle of a drain does not end the wait for load balancers', async () => {
    const { drain, clock, process } = await start()
    const report = drain.start()
    clock.advance(50)
    process.crashAgain(new Error('boom'))
    clock.advance(100)
    expect(drain.state).toBe('draining')
    expect((await clock.through(report)).settleMs).toBeGreaterThanOrEqual(short.settle.min)
    expect((await report).clean).toBe(false)
  })

  test.each([
    ['a committed drain', (drain: Drain) => drain.start()],
    ['a tentative drain', (drain: Drain) => drain.prestop()],
  ])('a listener of lastCall that joins %s with start() closes it once', async (_name, begin) => {
    const { drain, clock } = await start()
    const states: string[] = []
    const closed = vi.fn()
    drain.on('state', (state) => states.push(state))
    drain.onClose(closed)
    drain.waitUntil(new Promise(() => {}), { name: 'mail' })
    drain.lastCall.addEventListener('abort', () => void drain.start())
    void begin(drain)
    clock.advance(2500)
    await clock.through(drain.start())
    clock.advance(10_000)
    expect(states).toEqual(['draining', 'closing', 'closed'])
    expect(closed).toHaveBeenCalledOnce()
  })

  test('a listener of lastCall that disposes of a tentative drain leaves it closed', async () => {
    const { drain, clock } = await start()
    drain.waitUntil(new Promise(() => {}), { name: 'mail' })
    drain.lastCall.addEventListener('abort', () => void drain.dispose())
    void drain.prestop()
    clock.advance(10_000)
    expect(drain.state).toBe('closed')
  })

  test('a server that cannot be closed', async () => {
    const { drain, server, clock, log, process } = await start()
    drain.onClose(() => {}, { name: 'pool' })
    server.closeAllConnections = () => {
      throw new Error('not now')
    }
    onTestFinished(() => void Reflect.deleteProperty(server, 'closeAllConnections'))
    expect(await clock.through(process.signal('SIGTERM'))).toBe(false)
    expect(drain.state).toBe('closed')
    const report = await drain.start()
    expect(report).toEqual({
      reason: 'SIGTERM',
      startedAt: expect.any(Number),
      durationMs: expect.any(Number),
      settleMs: expect.any(Number),
      answered: 0,
      closedEarly: [],
      cut: [],
      unfinishedTasks: [],
      hooks: [{ name: 'pool', outcome: 'ok', startedAt: expect.any(Number), durationMs: expect.any(Number) }],
      undeliveredBytes: 0,
      unknownConnections: 0,
      error: new Error('failed to cut connections: not now', { cause: new Error('not now') }),
      clean: false,
    })
    expect(log.matching(/^error podrain: failed to cut connections: Error: not now/)).toHaveLength(1)
  })

  test('a logger that throws', async () => {
    const broken = (): never => {
      throw new Error('the worker has exited')
    }
    const { drain, clock } = await start({ logger: { info: broken, warn: broken, error: broken } })
    drain.onClose(() => Promise.reject(new Error('no pool')), { name: 'pool' })
    const report = await clock.through(drain.start())
    expect(report).toMatchObject({ clean: false, hooks: [{ name: 'pool', outcome: 'failed' }] })
  })

  test('a hook that rejects with a value that cannot be converted to text', async () => {
    const { drain, clock } = await start()
    drain.onClose(() => Promise.reject(Object.create(null)), { name: 'pool' })
    const report = await clock.through(drain.start())
    expect(report).toMatchObject({ clean: false, hooks: [{ name: 'pool', outcome: 'failed' }] })
  })

  test('an onDrain hook that is slower than the rest ends before the onClose hooks begin', async () => {
    const { drain, clock } = await start()
    const order: string[] = []
    const deregistered = gate()
    drain.onDrain(() => deregistered.opened.then(() => order.push('deregistered')))
    drain.onClose(() => order.push('closed'))
    drain.on('state', (state) => {
      if (state === 'closing') deregistered.open()
    })
    await clock.through(drain.start({ settle: false }))
    expect(order).toEqual(['deregistered', 'closed'])
  })
})

test('a drain that follows a disposed one on the same server counts connections that were kept', async () => {
  const { server, drain, port } = await serve(sayOk, { process: new FakeProcess() })
  const client = await Client.open(port)
  await client.get('/').until(/ok$/)
  await drain.dispose()
  const next = new Drain({ signals: false, logger: new Log() })
  next.watch(server)
  await client.get('/').until(/ok.*ok$/s)
  await expect.poll(() => [drain.inFlight, next.inFlight]).toEqual([0, 0])
  client.abort()
  await next.dispose()
})

test.each([{ within: -1 }, { ago: -1 }, { within: Number.NaN }, { ago: Number.NaN }])(
  'start(%o) throws, and nothing is lost',
  async (how) => {
    const { drain } = await start()
    const [name] = Object.keys(how)
    expect(() => drain.start(how)).toThrow(`Expected \`${name}\` to be`)
    expect(drain.state).toBe('serving')
  },
)

test('the process learns how much time a drain has left', async () => {
  const { drain, clock, process } = await start()
  const [listener] = process.listeners
  expect(listener?.left?.()).toBe(0)
  const report = drain.start()
  const before = listener?.left?.() ?? 0
  expect(before).toBeGreaterThan(0)
  clock.advance(100)
  expect(listener?.left?.()).toBe(before - 100)
  await clock.through(report)
})

test('the process learns whether an exit in the middle of a drain would cut anything', async () => {
  const { drain, clock, process, log } = await start()
  const [listener] = process.listeners
  expect(listener?.cut?.()).toBe(false)
  const turn = gate()
  drain.waitUntil(turn.opened, { name: 'mail' })
  expect(listener?.cut?.()).toBe(true)
  expect(
    log.matching(/^error .*something called process\.exit\(\) before the drain was over: .*tasks: mail/),
  ).toHaveLength(1)
  turn.open()
  await clock.through(drain.start())
  expect(listener?.cut?.()).toBe(false)
  expect(log.matching(/process\.exit/)).toHaveLength(2)
})

test('a drain shows its clock', async () => {
  const { drain, clock } = await start()
  expect(drain.clock.now()).toBe(clock.now())
  clock.advance(5)
  expect(drain.clock.now()).toBe(clock.now())
})
