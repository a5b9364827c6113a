import { EventEmitter, once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { Traffic } from '../src/http/traffic.js'
import { type AdapterOptions, Drain, drainServer } from '../src/index.js'
import {
  ask,
  Client,
  FakeClock,
  FakeProcess,
  gate,
  type Log,
  type Pod,
  sayOk,
  serve,
  short,
  slow,
  turns,
} from './support.js'

const hang = (): Promise<never> => new Promise(() => {})

/** A pod with one request that gets no response. */
async function hung(options: AdapterOptions = {}): Promise<Pod & { clock: FakeClock; client: Client }> {
  const clock = new FakeClock()
  const pod = await serve(() => {}, { ...slow, clock, ...options })
  const client = await Client.open(pod.port)
  client.get('/hung')
  await expect.poll(() => pod.drain.inFlight).toBe(1)
  return { ...pod, clock, client }
}

/** How long the drain waited for the client, by the drain's clock. */
async function cutAfter({ clock, client, drain }: Awaited<ReturnType<typeof hung>>, within?: number): Promise<number> {
  const begun = clock.now()
  const report = drain.start({ settle: false, ...(within === undefined ? {} : { within }) })
  while (!client.closed) {
    clock.advance(1)
    await turns(1)
  }
  const cut = clock.now() - begun
  await clock.through(report)
  return cut
}

describe('a request that is never answered', () => {
  test.each([150, 1000, 3000])(
    'is cut when nearly all of `within` (%i ms) has passed, if no hooks follow',
    async (within) => {
      const cut = await cutAfter(await hung(), within)
      expect(cut).toBeGreaterThanOrEqual(0.9 * within)
      expect(cut).toBeLessThanOrEqual(1.1 * within)
    },
  )

  test('leaves a hook its timeout', async () => {
    const pod = await hung()
    let left = 0
    const look = (): void => {
      left = pod.drain.status().budgetMs
    }
    pod.drain.onClose(look, { timeout: 200 })
    expect(await cutAfter(pod, 1000)).toBeGreaterThanOrEqual(700)
    expect(left).toBeGreaterThanOrEqual(200)
  })

  test('leaves half of the time to hooks without a limit, and each of them gets a share', async () => {
    const pod = await hung()
    const ran: string[] = []
    for (const name of ['logs', 'pool', 'cache', 'queue']) {
      pod.drain.onClose(() => ran.push(name) && hang(), { name, timeout: Number.POSITIVE_INFINITY })
    }
    const cut = await cutAfter(pod, 1000)
    expect(cut).toBeGreaterThanOrEqual(450)
    expect(cut).toBeLessThanOrEqual(550)
    const report = await pod.drain.start()
    expect(ran).toEqual(['queue', 'cache', 'pool', 'logs'])
    for (const { durationMs } of report.hooks) expect(durationMs).toBeGreaterThanOrEqual(100)
  })

  test('leaves a framework its time to close', async () => {
    const pod = await hung()
    pod.drain.watch(pod.server, { close: hang, name: 'framework' })
    expect(await cutAfter(pod, 1000)).toBeLessThanOrEqual(550)
    const report = await pod.drain.start()
    expect(report.hooks).toMatchObject([{ name: 'framework', outcome: 'timed out' }])
  })
})

describe("the framework's close", () => {
  test('begins with the last call, and responses that it ends are sent completely', async () => {
    const clock = new FakeClock()
    let stream: ServerResponse | undefined
    const rest = 'x'.repeat(2_000_000)
    const { drain, server, port } = await serve(
      (_request, response) => {
        stream = response
        response.write('first')
      },
      { ...slow, clock },
    )
    let began: string | undefined
    drain.watch(server, {
      name: 'framework',
      async close() {
        began = `${drain.state}, last call ${drain.lastCall.aborted}`
        stream?.end(rest)
        // As frameworks do. Since Node 19, this closes the connections that count as idle for Node.
        server.close()
        server.closeIdleConnections()
      },
    })
    const client = await Client.open(port)
    await client.get('/stream').until(/first/)
    const report = drain.start()
    clock.advance(23_900)
    await turns()
    expect(began).toBeUndefined()
    client.socket.pause()
    clock.advance(200)
    await expect.poll(() => began).toBe('closing, last call true')
    await turns()
    client.socket.resume()
    await client.until(/x\r\n0\r\n\r\n$/)
    expect(await clock.through(report)).toMatchObject({ clean: true, cut: [] })
    expect(client.received.split('x').length - 1).toBe(rest.length)
    expect(Object.hasOwn(server, 'closeIdleConnections')).toBe(false)
  })
})

describe('each step of the closing survives the failure of another:', () => {
  /** Drains with something broken. Returns the hooks that ran, and the report. */
  async function close(breaks: (pod: Pod & { clock: FakeClock }) => void, options: AdapterOptions = {}) {
    const clock = new FakeClock()
    const pod = { ...(await serve(sayOk, { ...slow, clock, ...options })), clock }
    const ran: string[] = []
    pod.drain.onClose(() => ran.push('pool'))
    breaks(pod)
    const report = await pod.clock.through(pod.drain.start())
    expect(pod.drain.state).toBe('closed')
    expect(ran).toEqual(['pool'])
    expect(pod.server.listening).toBe(false)
    return { ...pod, report }
  }

  test('a request without a socket of its own', async () => {
    const { report } = await close(({ server }) => {
      const socket = Object.assign(new EventEmitter(), { server, destroyed: false, bytesRead: 0 })
      const response = Object.assign(new EventEmitter(), {
        req: { headers: {}, method: 'GET', url: '/' },
        shouldKeepAlive: true,
      })
      const request = {
        httpVersionMajor: 1,
        httpVersion: '1.1',
        socket,
        headers: {},
        method: 'GET',
        url: '/',
        once() {},
      }
      try {
        server.emit('request', request, response)
      } catch {
        // The application throws, too.
      }
    })
    expect(report.hooks).toMatchObject([{ outcome: 'ok' }])
  })

  test('a server whose connections cannot be closed', async () => {
    const { report, log } = await close(({ server }) => {
      server.closeAllConnections = () => {
        throw new Error('not now')
      }
      onTestFinished(() => void Reflect.deleteProperty(server, 'closeAllConnections'))
    })
    expect(report).toMatchObject({ clean: false, error: { message: 'failed to cut connections: not now' } })
    expect(log.matching(/^error podrain: failed to cut connections/)).toHaveLength(1)
  })

  test('a connection that cannot be ended, while others get their farewell', async () => {
    const clock = new FakeClock()
    const { drain, server, port } = await serve(sayOk, { ...slow, clock })
    const ran = gate()
    drain.onClose(() => ran.open())
    const [odd, fine] = [await Client.open(port), await Client.open(port)]
    server.once('connection', () => {})
    const accepted: { end(): unknown; destroy(): unknown }[] = []
    server.on('request', (request) => accepted.push(request.socket))
    await odd.get('/').until(/ok$/)
    await fine.get('/').until(/ok$/)
    const [first] = accepted
    if (!first) throw new Error('no request')
    first.end = () => {
      throw new Error('odd')
    }
    const report = await clock.through(drain.start())
    await ran.opened
    await fine.end()
    expect(report).toMatchObject({
      clean: false,
      error: { message: 'failed to close idle connections: odd' },
      cut: [],
    })
  })

  test.each(['now', 'after'] as const)('a clock that fails (%s)', async (method) => {
    let broken = false
    const clock = new FakeClock()
    const odd = {
      now: () => {
        if (broken && method === 'now') throw new Error('no time')
        return clock.now()
      },
      after: (ms: number, fn: () => void) => {
        if (broken && method === 'after') throw new Error('no timers')
        return clock.after(ms, fn)
      },
    }
    const { drain, server } = await serve(sayOk, { ...slow, settle: { min: 50, quiet: 10 }, clock: odd })
    const ran: string[] = []
    drain.onClose(() => ran.push('pool'))
    const report = drain.start()
    broken = true
    clock.advance(100)
    expect((await report).clean).toBe(true)
    expect(ran).toEqual(['pool'])
    expect(server.listening).toBe(false)
  })

  test('a logger whose promises fail', async () => {
    const failing = (): Promise<void> => Promise.reject(new Error('the collector has gone'))
    const { report } = await close(() => {}, { logger: { info: failing, warn: failing, error: failing } })
    await turns()
    expect(report.clean).toBe(true)
  })

  test('listeners of all events', async () => {
    const boom = (): never => {
      throw new Error('boom')
    }
    const { report } = await close(({ drain }) => {
      for (const event of ['state', 'commit', 'report'] as const) drain.on(event, boom)
      drain.onDrain(boom, { name: 'registry' })
      drain.settledWhen(boom)
    })
    expect(report.hooks).toMatchObject([{ name: 'registry', outcome: 'failed' }, { outcome: 'ok' }])
  })
})

describe('a drain without load balancers', () => {
  /** Clients that send each next request, on a new connection, as soon as they have a response. */
  function clients(port: number, count: number): { stop(): void; answered(): number } {
    let [goes, answered] = [true, 0]
    for (let n = 0; n < count; n++) {
      void (async () => {
        while (goes) {
          const { status } = await ask(port).catch(() => ({ status: 0 }))
          if (status === 200) answered++
          else await turns(5)
        }
      })()
    }
    const stop = (): void => {
      goes = false
    }
    onTestFinished(stop)
    return { stop, answered: () => answered }
  }

  /** A pod under load, which always has a request in flight. */
  async function busy() {
    const clock = new FakeClock()
    const process = new FakeProcess()
    const waiting: (() => void)[] = []
    // Each is answered by the next one: there is always one left.
    const pod = await serve(
      (request, response) => {
        if (request.url !== '/') return void response.end('ok')
        waiting.push(() => response.end('ok'))
        if (waiting.length > 1) waiting.shift()?.()
      },
      { ...slow, clock, process, signals: ['SIGINT'] },
    )
    const load = clients(pod.port, 3)
    await expect.poll(load.answered).toBeGreaterThan(5)
    return { ...pod, clock, process, load, answerAll: () => setInterval(() => waiting.shift()?.(), 1).unref() }
  }

  test.each([
    ['SIGINT', ({ process }: Awaited<ReturnType<typeof busy>>) => process.signal('SIGINT')],
    ['an uncaught error', ({ process }: Awaited<ReturnType<typeof busy>>) => process.crash(new Error('boom'))],
    ['start({ settle: false })', ({ drain }: Awaited<ReturnType<typeof busy>>) => drain.start({ settle: false })],
  ])('is not prolonged by new requests: %s', async (_why, end) => {
    const pod = await busy()
    const over = end(pod)
    const closed = once(pod.server, 'close')
    while (pod.server.listening) {
      pod.clock.advance(10)
      await turns(2)
    }
    expect(pod.drain.state).toBe('draining') // long before the cut
    pod.answerAll()
    const report = pod.drain.start()
    await pod.clock.through<unknown>(over)
    await closed
    pod.load.stop()
    expect((await report).cut).toEqual([])
    expect((await report).settleMs).toBeLessThan(24_000) // the cut
  })
})

test('a drain without load balancers accepts all connections in the backlog before it stops listening', async () => {
  const clock = new FakeClock()
  const [old, late] = [gate(), gate()]
  const { drain, server, port } = await serve(
    ({ url }, response) => {
      const turn = url === '/old' ? old : url === '/late' ? late : undefined
      if (turn) void turn.opened.then(() => response.end('ok'))
      else response.end('ok')
    },
    { ...slow, clock },
  )
  const [first, second] = [await Client.open(port), await Client.open(port)]
  first.get('/old')
  await expect.poll(() => drain.inFlight).toBe(1)
  const report = drain.start({ settle: false })
  clock.advance(100)
  second.get('/late')
  await expect.poll(() => drain.inFlight).toBe(2)
  old.open()
  await first.until(/ok$/)
  const waiting = Array.from({ length: 20 }, () => Client.on(connect(port, '127.0.0.1')).get('/'))
  await new Promise(process.nextTick) // the kernel has them now, and Node accepts one in a turn
  clock.advance(200)
  expect(drain.state).toBe('draining')
  while (server.listening) await turns(1)
  await Promise.all(waiting.map((client) => client.until(/ok$/)))
  late.open()
  expect(await clock.through(report)).toMatchObject({ clean: true, cut: [], answered: 22 })
})

describe('hooks that undo one another', () => {
  test('run in order: onDrain hooks after a resume wait for the onResume hooks', async () => {
    const clock = new FakeClock()
    const { drain } = await serve(sayOk, { ...slow, clock })
    const [registry, joining] = [new Set(['me']), gate()]
    drain.onDrain(() => registry.delete('me'))
    drain.onResume(async () => {
      await joining.opened
      registry.add('me')
    })
    void drain.prestop()
    clock.advance(30_100)
    expect(drain.state).toBe('serving')
    await turns()
    const report = drain.start()
    await turns()
    joining.open()
    expect(await clock.through(report)).toMatchObject({ clean: true, hooks: [{ outcome: 'ok' }] })
    expect([...registry]).toEqual([])
  })

  test('run in order: onResume hooks wait for slow onDrain hooks', async () => {
    const clock = new FakeClock()
    const { drain } = await serve(sayOk, { ...slow, clock })
    const [registry, leaving] = [new Set(['me']), gate()]
    drain.onDrain(
      async () => {
        await leaving.opened
        registry.delete('me')
      },
      { timeout: 60_000 },
    )
    drain.onResume(() => registry.add('me'))
    void drain.prestop()
    clock.advance(30_100)
    await turns()
    expect(drain.state).toBe('serving')
    leaving.open()
    await turns()
    expect([...registry]).toEqual(['me'])
  })

  test('that have not begun when the time is over make the report unclean', async () => {
    const clock = new FakeClock()
    const { drain } = await serve(sayOk, { ...slow, clock })
    drain.onDrain(() => {}, { name: 'leave' }).onResume(hang, { name: 'join', timeout: 60_000 })
    void drain.prestop()
    clock.advance(30_100)
    await turns()
    const report = await clock.through(drain.start({ settle: false, within: 1000 }))
    expect(report).toMatchObject({ clean: false, hooks: [{ name: 'leave', outcome: 'timed out' }] })
  })
})

test('a hook that hangs keeps no process alive beyond the end of the drain', async () => {
  const clock = new FakeClock()
  const held = new Set<object>()
  const holding = {
    now: () => clock.now(),
    after(ms: number, fn: () => void, hold?: boolean) {
      const timer = {}
      if (hold) held.add(timer)
      const end = (): void => void held.delete(timer)
      const cancel = clock.after(ms, () => {
        end()
        fn()
      })
      return () => {
        end()
        cancel()
      }
    },
  }
  const { drain } = await serve(sayOk, { ...slow, clock: holding })
  drain.onDrain(hang, { name: 'leave', timeout: Number.POSITIVE_INFINITY }).onResume(hang, { timeout: 60_000 })
  void drain.prestop()
  clock.advance(30_100)
  await turns()
  const report = await clock.through(drain.start({ settle: false, within: 1000 }))
  expect(report.hooks).toMatchObject([{ name: 'leave', outcome: 'timed out' }])
  await turns()
  expect(held.size).toBe(0)
})

test('a drain that is undone serves again even if resuming one connection fails', async () => {
  const clock = new FakeClock()
  const { drain, port, log } = await serve(sayOk, { ...slow, clock })
  const broken = vi.spyOn(Traffic.prototype, 'resume').mockImplementation(() => {
    throw new Error('odd')
  })
  void drain.prestop()
  clock.advance(30_100)
  expect(drain.state).toBe('serving')
  expect(log.matching(/failed to serve as before: Error: odd/)).toHaveLength(1)
  broken.mockRestore()
  expect((await ask(port, '/readyz')).status).toBe(200)
})

test('any number of attachments to one drain causes no warning about leaked listeners', async () => {
  const warnings: string[] = []
  const warn = ({ message }: Error): void => void warnings.push(message)
  process.on('warning', warn)
  onTestFinished(() => void process.off('warning', warn))
  const drain = new Drain({ signals: false, logger: false })
  onTestFinished(() => drain.dispose())
  for (let count = 0; count < 30; count++) drainServer(createServer(), { drain, controlPort: 0 })
  await turns()
  expect(warnings).toEqual([])
})

describe('the progress line says what is waited for:', () => {
  /** The newest progress line, from `waiting for` on. */
  function waits(log: Log): string | undefined {
    return /waiting for (.*), \d+\.\d s of budget left$/.exec(log.matching(/draining for/).at(-1) ?? '')?.[1]
  }

  async function draining(options: AdapterOptions = {}, committed = true) {
    const clock = new FakeClock()
    const pod = await serve(sayOk, { ...slow, clock, progress: 100, ...options })
    const start = (): void => void (committed ? pod.drain.start() : pod.drain.prestop())
    return { ...pod, clock, start }
  }

  test('load balancers, and for how long', async () => {
    const { clock, log, start } = await draining()
    start()
    clock.advance(200)
    expect(waits(log)).toBe('load balancers, 0.8 s more')
  })

  test('load balancers that still send, by settledWhen()', async () => {
    const { clock, log, drain, start } = await draining()
    drain.settledWhen(() => false)
    start()
    clock.advance(1200)
    expect(waits(log)).toBe('load balancers, which still list this pod, 0.8 s more')
  })

  test('idle connections', async () => {
    const { clock, log, port, start, server, drain } = await draining({ keepAliveCap: 5000 })
    const busy = await Client.open(port)
    await busy.get('/').until(/ok$/) // from now on it would be promised to be kept, too, if it were idle
    server.removeAllListeners('request').on('request', (request, response) => {
      if (request.url !== '/held') sayOk(request, response)
    })
    busy.get('/held')
    await expect.poll(() => drain.inFlight).toBe(1)
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    await turns()
    start()
    clock.advance(1500)
    expect(waits(log)).toBe('1 idle connection, kept for 3.5 s more as promised')
  })

  test('idle connections, until their keep-alive time is over', async () => {
    const { clock, log, drain, port, start } = await draining({ keepAliveCap: 5000 })
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    await turns()
    drain.waitUntil(hang())
    start()
    clock.advance(4900)
    expect(waits(log)).toBe('1 idle connection, kept for 0.1 s more as promised')
    clock.advance(100)
    expect(log.matching(/draining for 5\.0 s, .*tasks: task, 24\.0 s of budget left/)).toHaveLength(1)
  })

  test('load balancers and idle connections', async () => {
    const { clock, log, port, start } = await draining({ keepAliveCap: 5000 })
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    await turns()
    start()
    clock.advance(200)
    expect(waits(log)).toBe('load balancers, 0.8 s more and 1 idle connection, kept for 4.8 s more as promised')
  })

  test('the client that still sends', async () => {
    const { clock, log, port, start } = await draining({ settle: { min: 100, quiet: 300 } })
    start()
    clock.advance(80)
    await ask(port, '/healthz?token=secret', { headers: { 'user-agent': 'Uptime/1.0' } })
    await turns()
    clock.advance(100)
    expect(waits(log)).toBe('0.3 s without a request: the last came 0.1 s ago, GET /healthz, agent Uptime/1.0')
    expect(log.lines.join('\n')).not.toContain('secret')
  })

  test('the signal', async () => {
    const { clock, log, start } = await draining({}, false)
    start()
    clock.advance(2000)
    expect(waits(log)).toBe('the signal; without one the pod serves again in 28.0 s')
  })
})

test('the progress line of a closing drain says what is still open, and no longer what it waits for', async () => {
  const clock = new FakeClock()
  const process = new FakeProcess()
  const { drain, port, log } = await serve(() => {}, { ...slow, clock, process, signals: ['SIGTERM'] })
  const report = drain.start()
  clock.advance(23_900)
  const client = await Client.open(port)
  client.get('/late')
  await expect.poll(() => drain.inFlight).toBe(1)
  clock.advance(100)
  expect(drain.state).toBe('closing')
  for (const { again } of process.listeners) again({ signal: 'SIGTERM' })
  expect(log.matching(/second SIGTERM/)).toEqual([
    'error podrain: second SIGTERM, exiting now: closing for 24.0 s, 1 in flight, oldest GET /late (0.1 s), 5.0 s of budget left',
  ])
  await clock.through(report)
})

test('a drain whose progress line fails ends nevertheless, and logs the failure', async () => {
  const clock = new FakeClock()
  const { drain, log } = await serve(sayOk, { ...slow, clock, progress: 200 })
  const report = drain.start()
  const broken = vi.spyOn(Traffic.prototype, 'open').mockImplementation(() => {
    throw new Error('odd')
  })
  clock.advance(600)
  broken.mockRestore()
  expect(log.matching(/^error podrain: failed to say what is still open: Error: odd/)).toHaveLength(1)
  expect(await clock.through(report)).toMatchObject({
    clean: false,
    error: { message: 'failed to say what is still open: odd' },
  })
})

test('an onClose hook may close the server once more without an error', async () => {
  const { drain, server } = await serve(sayOk, { ...short, signals: false })
  const { close } = server
  drain.onClose(async () => {
    await promisify(server.close).call(server)
    server.close()
  })
  expect(await drain.start({ settle: false })).toMatchObject({ clean: true, hooks: [{ outcome: 'ok' }] })
  expect(server.close, 'the server has its own method again').toBe(close)
  await expect(promisify(server.close).call(server)).rejects.toThrow('Server is not running')
})

test.each([
  [{}, /^error podrain: failed to keep connections from the framework: TypeError/],
  [{ settle: false }, /^error podrain: failed to stop listening: TypeError/],
])(
  'a server whose methods cannot be replaced is drained nevertheless, and the failure is logged (%o)',
  async (how, line) => {
    const clock = new FakeClock()
    const { drain, server, port, log } = await serve(sayOk, { ...slow, clock })
    Object.defineProperty(server, 'closeIdleConnections', { value: server.closeIdleConnections.bind(server) })
    const client = await Client.open(port)
    await client.get('/').until(/ok$/)
    const report = await clock.through(drain.start(how))
    expect(log.matching(line)).toHaveLength(1)
    expect(report).toMatchObject({ clean: false, error: { message: expect.stringMatching(/^failed to /) } })
    server.close()
  },
)

test('a connection whose check fails is logged once, however often it is checked', async () => {
  const clock = new FakeClock()
  const { drain, server, port, log } = await serve(sayOk, { ...slow, clock })
  const accepted = once(server, 'connection')
  const client = await Client.open(port)
  await client.get('/').until(/ok$/)
  const [socket] = await accepted
  Object.defineProperty(socket, 'writableEnded', {
    get() {
      throw new Error('odd')
    },
  })
  const report = await clock.through(drain.start())
  expect(report).toMatchObject({ clean: false, error: { message: 'failed to check connections: odd' } })
  expect(log.matching(/^error podrain: failed to check connections: Error: odd/)).toHaveLength(1)
})
