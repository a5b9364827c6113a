import { EventEmitter, once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { AdapterOptions, DrainReport } from '../src/index.js'
import {
  ask,
  Client,
  FakeClock,
  FakeProcess,
  gate,
  type Log,
  listen,
  type Pod,
  sayOk,
  serve,
  slow,
  turns,
} from './support.js'

async function draining(handler = sayOk): Promise<Pod & { clock: FakeClock }> {
  const clock = new FakeClock()
  const pod = await serve(handler, { ...slow, clock })
  void pod.drain.start()
  return { ...pod, clock }
}

describe('the wait for load balancers', () => {
  test('lasts settle.min when nothing arrives, and not longer', async () => {
    const { drain, clock, server } = await draining()
    clock.advance(999)
    expect(drain.state).toBe('draining')
    expect(server.listening).toBe(true)
    clock.advance(101)
    const report = await clock.through(drain.start())
    expect(report.settleMs).toBeGreaterThanOrEqual(1000)
    expect(report.settleMs).toBeLessThanOrEqual(1100)
    expect(server.listening).toBe(false)
  })

  test('ends though each turn of the event loop takes longer than the time between two checks', async () => {
    const { drain, clock } = await draining()
    for (let count = 0; count < 6; count++) clock.stall(250)
    expect(drain.state).not.toBe('draining')
    await clock.through(drain.start())
  })

  test('begins again with each request until no request came for settle.quiet', async () => {
    const { drain, clock, port } = await draining()
    for (let count = 0; count < 10; count++) {
      clock.advance(400)
      expect((await ask(port)).status).toBe(200)
    }
    clock.advance(499)
    expect(drain.state).toBe('draining')
    clock.advance(101)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 10 })
  })

  test.each(['kube-probe/1.33', 'Prometheus/3.5.0', 'GoogleHC/1.0', 'ELB-HealthChecker/2.0', 'Envoy/HC'])(
    'is not prolonged by %s',
    async (userAgent) => {
      const { drain, clock, port } = await draining()
      for (let count = 0; count < 3; count++) {
        clock.advance(300)
        expect((await ask(port, '/metrics', { headers: { 'user-agent': userAgent } })).status).toBe(200)
      }
      clock.advance(200)
      expect(drain.state).not.toBe('draining')
      expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 0 })
    },
  )

  test('is not shortened by a request that is excluded late, if another one has come since', async () => {
    const exchanges: [IncomingMessage, ServerResponse][] = []
    const { drain, clock, port } = await draining((request, response) => {
      if (request.url === '/scrape') exchanges.push([request, response])
      else response.end('ok')
    })
    clock.advance(300)
    const scraper = await Client.open(port)
    scraper.get('/scrape')
    await expect.poll(() => drain.inFlight).toBe(1)
    clock.advance(600)
    await ask(port)
    await expect.poll(() => drain.inFlight).toBe(1)
    const [exchange] = exchanges as [[IncomingMessage, ServerResponse]]
    drain.exclude(...exchange)
    clock.advance(490) // 1390 ms: from the newest request on it was not quiet for long enough yet
    expect(drain.state).toBe('draining')
    clock.advance(110)
    expect(drain.state).not.toBe('draining')
    exchange[1].end()
    await clock.through(drain.start())
  })

  test('is prolonged by a client whose user agent only contains a probe’s name', async () => {
    const { drain, clock, port } = await draining()
    clock.advance(900)
    await ask(port, '/', { headers: { 'user-agent': 'curl/8 (like kube-probe/1.33)' } })
    clock.advance(400)
    expect(drain.state).toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ answered: 1 })
  })

  test.each(['/readyz', '/livez', '/drainz'])('is not prolonged by requests for %s from any client', async (path) => {
    const { drain, clock, port } = await draining()
    for (let count = 0; count < 3; count++) {
      clock.advance(300)
      expect((await ask(port, path)).body).toContain('"state":"draining"')
    }
    clock.advance(200)
    expect(drain.state).not.toBe('draining')
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 0 })
  })

  test('is skipped by start({ settle: false }), but requests in flight are waited for', async () => {
    const clock = new FakeClock()
    const turn = gate()
    const { drain, port, server } = await serve(
      (_request, response) => void turn.opened.then(() => response.end('ok')),
      { ...slow, clock },
    )
    const client = await Client.open(port)
    client.get('/')
    await expect.poll(() => drain.inFlight).toBe(1)
    const report = drain.start({ settle: false, reason: 'a test' })
    clock.advance(10_000)
    expect(drain.state).toBe('draining')
    expect(server.listening).toBe(true)
    turn.open()
    await client.until(/\r\n\r\nok/)
    expect(await clock.through(report)).toMatchObject({ reason: 'a test', clean: true, answered: 1 })
  })

  test('ends at once when a second start() skips it', async () => {
    const { drain } = await draining()
    expect(drain.state).toBe('draining')
    void drain.start({ settle: false })
    expect(drain.state).toBe('closing')
  })
})

describe('a request in flight', () => {
  test('keeps the server listening until it is answered', async () => {
    const turn = gate()
    const { drain, clock, port, server } = await draining((request, response) => {
      if (request.url !== '/slow') return void response.end('ok')
      void turn.opened.then(() => response.end('at last'))
    })
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    clock.advance(20_000)
    expect(server.listening).toBe(true)
    expect((await ask(port)).body).toBe('ok')
    turn.open()
    await client.until(/at last/)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, answered: 2 })
  })

  test('that outlives the budget is cut and named, without its query string', async () => {
    const { drain, clock, port, log } = await draining(() => {})
    const client = await Client.open(port)
    client.get('/slow/report?token=secret')
    await expect.poll(() => drain.inFlight).toBe(1)
    const begun = clock.now()
    let ended = 0
    drain.onClose(() => {
      ended = clock.now()
    })
    clock.advance(23_900)
    expect(client.closed).toBe(false)
    const report = await clock.through(drain.start())
    await client.end()
    expect(report).toMatchObject({ clean: false, cut: [{ method: 'GET', path: '/slow/report' }] })
    expect(report.cut[0]?.ageMs).toBeGreaterThanOrEqual(24_000)
    expect(ended - begun).toBeLessThan(29_000)
    expect(log.matching(/^error podrain: drained .*cut 1 in flight: GET \/slow\/report \(\d+\.\d s\)/)).toHaveLength(1)
    expect(log.lines.join('\n')).not.toContain('secret')
    expect(drain.inFlight).toBe(0)
  })

  test('is cut when half of the time for closing is over, because the rest is for hooks', async () => {
    const { drain, clock, port } = await draining(() => {})
    drain.onClose(() => {})
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    clock.advance(24_000)
    await turns()
    for (let step = 0; step < 24; step++) {
      clock.advance(100)
      await turns(3)
    }
    expect(client.closed).toBe(false)
    clock.advance(110)
    await client.end()
    await clock.through(drain.start())
  })

  test('is cut earlier by the time that the signal reaches the drain late', async () => {
    const clock = new FakeClock()
    const { drain, port } = await serve(() => {}, { ...slow, clock })
    const client = await Client.open(port)
    client.get('/hangs')
    await expect.poll(() => drain.inFlight).toBe(1)
    const report = drain.start({ ago: 10_000 })
    expect(drain.status().budgetMs).toBe(19_000)
    clock.advance(13_900)
    expect(drain.state).toBe('draining')
    clock.advance(100)
    expect(drain.state).toBe('closing')
    expect(await clock.through(report)).toMatchObject({ clean: false, cut: [{ path: '/hangs' }] })
  })

  test('whose body is still coming at the deadline is cut and named too', async () => {
    const received = new EventEmitter()
    const { drain, clock, port } = await draining((request) => request.on('data', () => received.emit('more')))
    const client = await Client.open(port)
    client.send('POST /upload HTTP/1.1\r\nHost: pod\r\nContent-Length: 1000000\r\n\r\n')
    await expect.poll(() => drain.inFlight).toBe(1)
    const sending = setInterval(() => client.send('some more'), 1)
    const ended = drain.start()
    for (let passed = 0; passed < 20_000; passed += 500) {
      clock.advance(500)
      await once(received, 'more')
    }
    const report = await clock.through(ended)
    clearInterval(sending)
    expect(report).toMatchObject({ clean: false, cut: [{ method: 'POST', path: '/upload' }] })
    client.abort()
  })

  test('sees lastCall before it is cut', async () => {
    const turn = gate()
    const { drain, clock, port } = await draining(() => {})
    drain.lastCall.addEventListener('abort', () => turn.open())
    const client = await Client.open(port)
    client.get('/poll')
    await expect.poll(() => drain.inFlight).toBe(1)
    clock.advance(23_900)
    expect(drain.lastCall.aborted).toBe(false)
    expect(client.closed).toBe(false)
    clock.advance(200)
    await turn.opened
    expect(drain.lastCall.aborted).toBe(true)
    expect((await clock.through(drain.start())).cut).toHaveLength(1)
  })

  test('that is answered at the last call is not cut', async () => {
    const clock = new FakeClock()
    const pod: Pod = await serve(
      (_request, response) => pod.drain.lastCall.addEventListener('abort', () => response.end('nothing new')),
      { ...slow, clock },
    )
    const client = await Client.open(pod.port)
    client.get('/poll')
    await expect.poll(() => pod.drain.inFlight).toBe(1)
    void pod.drain.start()
    clock.advance(24_000)
    await client.until(/nothing new/)
    expect(await clock.through(pod.drain.start())).toMatchObject({ clean: true, cut: [] })
  })
})

describe('a task', () => {
  test('is waited for', async () => {
    const mail = gate()
    const { drain, clock } = await draining()
    drain.waitUntil(mail.opened, { name: 'mail' })
    clock.advance(20_000)
    expect(drain.state).toBe('draining')
    expect(drain.status().tasks).toEqual(['mail'])
    mail.open()
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, unfinishedTasks: [] })
  })

  test('may be added while draining, by another task', async () => {
    const first = gate()
    const second = gate()
    const { drain, clock } = await draining()
    drain.waitUntil(first.opened.then(() => drain.waitUntil(second.opened, { name: 'second' })))
    clock.advance(5000)
    first.open()
    await turns()
    clock.advance(5000)
    expect(drain.state).toBe('draining')
    second.open()
    expect((await clock.through(drain.start())).clean).toBe(true)
  })

  test('that ends soon after the last call is not reported', async () => {
    const mail = gate()
    const { drain, clock } = await draining()
    drain.waitUntil(mail.opened, { name: 'mail' })
    clock.advance(24_000)
    expect(drain.state).toBe('closing')
    await turns()
    clock.advance(1000)
    await turns()
    mail.open()
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, unfinishedTasks: [] })
  })

  test('that outlives the budget is named', async () => {
    const { drain, clock, log } = await draining()
    drain.waitUntil(new Promise(() => {}), { name: 'thumbnails' })
    clock.advance(23_900)
    expect(await clock.through(drain.start())).toMatchObject({ clean: false, unfinishedTasks: ['thumbnails'] })
    expect(log.matching(/^error .*left unfinished: thumbnails/)).toHaveLength(1)
  })

  test('that fails is logged with its name, and the drain is clean', async () => {
    const { drain, clock, log } = await draining()
    drain.waitUntil(Promise.reject(new Error('no such mailbox')), { name: 'mail' })
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, unfinishedTasks: [] })
    expect(log.matching(/^error podrain: task "mail" failed: Error: no such mailbox/)).toHaveLength(1)
  })

  test('whose `then` throws fails', async () => {
    const { drain, clock, log } = await draining()
    const then = (): never => {
      throw new Error('no reply')
    }
    drain.waitUntil({ then } as PromiseLike<unknown>, { name: 'mail' })
    expect(await clock.through(drain.start())).toMatchObject({ unfinishedTasks: [] })
    expect(log.matching(/^error .*task "mail" failed: Error: no reply/)).toHaveLength(1)
  })

  test('with its own timeout is no longer waited for after that, and is named', async () => {
    const { drain, clock, log } = await draining()
    drain.waitUntil(new Promise(() => {}), { name: 'thumbnails', timeout: 3000 })
    clock.advance(2900)
    expect(drain.status().tasks).toEqual(['thumbnails'])
    const hook = drain.prestop()
    clock.advance(200)
    await hook
    expect(drain.status().tasks).toEqual([])
    expect(log.matching(/^error podrain: task "thumbnails" did not end within 3000 ms/)).toHaveLength(1)
    expect(await clock.through(drain.start())).toMatchObject({ clean: false, unfinishedTasks: ['thumbnails'] })
  })

  test('that ends within its timeout, or late but before the end, is not reported', async () => {
    const { drain, clock } = await draining()
    const [early, late] = [gate(), gate()]
    drain.waitUntil(early.opened, { name: 'early', timeout: 3000 })
    drain.waitUntil(late.opened, { name: 'late', timeout: 1000 })
    drain.waitUntil(new Promise<void>((resolve) => clock.after(4000, resolve)), { name: 'other' })
    clock.advance(2000)
    early.open()
    late.open()
    await turns()
    clock.advance(3000)
    expect(await clock.through(drain.start())).toMatchObject({ clean: true, unfinishedTasks: [] })
  })

  test('with a timeout longer than any timer is waited for', async () => {
    const { drain } = await serve(sayOk)
    vi.useFakeTimers({ toFake: ['setTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    drain.waitUntil(new Promise(() => {}), { name: 'mail', timeout: Number.POSITIVE_INFINITY })
    vi.advanceTimersByTime(2 ** 31)
    expect(drain.status().tasks).toEqual(['mail'])
  })

  test('whose timeout is not a number is refused with its name', async () => {
    const { drain } = await serve(sayOk)
    expect(() => drain.waitUntil(Promise.resolve(), { name: 'mail', timeout: -1 })).toThrow(
      'Expected `timeout` of task "mail" to be 0 or more milliseconds, got `-1`',
    )
  })

  test('that is not a promise is refused with its name', async () => {
    const { drain } = await serve(sayOk)
    // @ts-expect-error a function is the usual mistake
    expect(() => drain.waitUntil(() => {}, { name: 'mail' })).toThrow(
      'expected a promise for task "mail", got function',
    )
  })
})

describe('the log', () => {
  test('says at an interval what is still open and how much time is left', async () => {
    const clock = new FakeClock()
    const { drain, port, log } = await serve(() => {}, { ...slow, clock, progress: 2000 })
    const client = await Client.open(port)
    client.get('/slow?secret')
    await expect.poll(() => drain.inFlight).toBe(1)
    drain.waitUntil(new Promise(() => {}), { name: 'mail' })
    void drain.start({ reason: 'a test' })
    expect(log.matching(/^info podrain: draining because of a test: .*1 in flight/)).toHaveLength(1)
    clock.advance(10_400) // looked at every 100 ms
    const lines = log.matching(
      /^info podrain: draining for \d+\.\d s, 1 in flight, oldest GET \/slow \(\d+\.\d s\), tasks: mail, \d+\.\d s of budget left$/,
    )
    expect(lines).toHaveLength(5)
  })

  test('says nothing at an interval with progress: false', async () => {
    const clock = new FakeClock()
    const { drain, port, log } = await serve(() => {}, { ...slow, clock, progress: false })
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.start()
    clock.advance(20_000)
    expect(log.matching(/draining/)).toHaveLength(1)
  })
})

describe('the report', () => {
  async function ended(options: AdapterOptions): Promise<{ log: Log; report: DrainReport }> {
    const { drain, log } = await serve(sayOk, options)
    drain.onClose(() => Promise.reject(new Error('gone away')), { name: 'pool' }).onClose(() => {}, { name: 'cache' })
    return { log, report: await drain.start({ reason: 'a test' }) }
  }

  test('is one sentence in the log', async () => {
    const { log } = await ended({})
    expect(log.lines.at(-1)).toMatch(/^error podrain: drained in \d\.\d s after a test; hooks: pool failed$/)
  })

  test('is one line of JSON with the sentence and every field, with reportFormat: ‘json’', async () => {
    const { log, report } = await ended({ reportFormat: 'json' })
    const line = log.lines.at(-1) ?? ''
    expect(line).not.toContain('\n')
    expect(JSON.parse(line.slice('error '.length))).toEqual({
      message: expect.stringMatching(/^podrain: drained in \d\.\d s after a test; hooks: pool failed$/),
      drain: {
        ...report,
        durationMs: Math.round(report.durationMs),
        settleMs: Math.round(report.settleMs),
        hooks: [
          { name: 'cache', outcome: 'ok', startedAt: expect.any(Number), durationMs: expect.any(Number) },
          {
            name: 'pool',
            outcome: 'failed',
            startedAt: expect.any(Number),
            durationMs: expect.any(Number),
            error: 'gone away',
          },
        ],
      },
    })
  })

  test('contains the message of an uncaught error', async () => {
    const process = new FakeProcess()
    const { log } = await serve(sayOk, { reportFormat: 'json', signals: ['SIGTERM'], process })
    expect(await process.crash(new TypeError('x is not a function'))).toBe(false)
    expect(JSON.parse(log.lines.at(-1)?.slice('error '.length) ?? '')).toMatchObject({
      drain: { reason: 'an uncaught error', error: 'x is not a function', clean: false },
    })
  })
})

test('status() shows what the drain waits for', async () => {
  const clock = new FakeClock()
  const { drain, port } = await serve(() => {}, { ...slow, clock })
  expect(drain.status()).toEqual({
    state: 'serving',
    committed: false,
    inFlight: 0,
    tasks: [],
    oldest: null,
    budgetMs: 29_000,
  })
  const client = await Client.open(port)
  client.get('/slow?q=1')
  await expect.poll(() => drain.inFlight).toBe(1)
  drain.waitUntil(new Promise(() => {}))
  void drain.start()
  clock.advance(4000)
  expect(drain.status()).toEqual({
    state: 'draining',
    committed: true,
    inFlight: 1,
    tasks: ['task'],
    oldest: { method: 'GET', path: '/slow', ageMs: 4000 },
    budgetMs: 25_000,
  })
})

describe('what a drain says it waits for', () => {
  test('is the signal only if there is nothing else', async () => {
    const { drain, port, clock, log } = await (async () => {
      const clock = new FakeClock()
      return { ...(await serve(() => {}, { ...slow, clock, progress: 2000 })), clock }
    })()
    const client = await Client.open(port)
    client.get('/hold')
    await expect.poll(() => drain.inFlight).toBe(1)
    void drain.prestop()
    clock.advance(2100)
    expect(log.matching(/1 in flight, oldest GET \/hold/)).toHaveLength(1)
    expect(log.matching(/waiting for the signal/)).toEqual([])
    client.abort()
    await expect.poll(() => drain.inFlight).toBe(0)
    clock.advance(2100)
    expect(log.matching(/waiting for the signal; without one the pod serves again in \d/)).toHaveLength(1)
  })
})

test.each([
  ['ends at this moment', 1000],
  ['has ended before', 1050],
])(
  'an idle connection whose keep-alive time %s is not in the progress line, and one that is kept is',
  async (_when, ms) => {
    const clock = new FakeClock()
    const { drain, port, server, log } = await serve(sayOk, {
      ...slow,
      settle: { min: 0, quiet: 0 },
      clock,
      keepAliveCap: 2000,
      progress: ms,
    })
    const other = createServer(sayOk)
    drain.watch(other)
    server.keepAliveTimeout = 1000
    other.keepAliveTimeout = 2000
    for (const each of [port, await listen(other)]) await (await Client.open(each)).get('/').until(/ok$/)
    await expect.poll(() => drain.inFlight).toBe(0)
    const report = drain.start()
    clock.stall(ms)
    expect(log.matching(/idle connection/)).toEqual([
      expect.stringMatching(/waiting for 1 idle connection, kept for \d\.\d s/),
    ])
    await clock.through(report)
  },
)

test('the progress line of a drain without load balancers shows what is in flight, and no load balancers', async () => {
  const clock = new FakeClock()
  const { drain, port, log } = await serve(() => {}, { ...slow, clock, progress: 2000 })
  const client = await Client.open(port)
  client.get('/hold')
  await expect.poll(() => drain.inFlight).toBe(1)
  const report = drain.start({ settle: false })
  clock.advance(2100)
  expect(log.matching(/1 in flight, oldest GET \/hold \(\d\.\d s\), \d+\.\d s of budget left/)).toHaveLength(1)
  client.abort()
  await clock.through(report)
})
