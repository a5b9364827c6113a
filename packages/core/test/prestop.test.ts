import { getEventListeners } from 'node:events'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AskOptions, ask, Client, FakeClock, FakeProcess, gate, type Pod, serve, slow, turns } from './support.js'

/** A request for `/prestop` like the kubelet's, and whether it has been answered. */
function hook(port: number, options: AskOptions = {}) {
  const caller = {
    status: 0,
    reply: ask(port, '/prestop', { headers: { 'user-agent': 'kube-lifecycle/1.33' }, ...options }).then((reply) => {
      caller.status = reply.status
      return reply
    }),
  }
  return caller
}

interface Scene extends Pod {
  readonly clock: FakeClock
  readonly process: FakeProcess
}

/** An application with its own page for unknown paths, and `/slow`, which responds when the test calls `turn`. */
async function start(options: object = {}, turn = gate()): Promise<Scene> {
  const clock = new FakeClock()
  const process = new FakeProcess()
  const pod = await serve(
    (request, response) => {
      if (request.url === '/slow') return void turn.opened.then(() => response.end('at last'))
      if (request.url === '/') return void response.end('ok')
      response.writeHead(404).end('no such page here')
    },
    { ...slow, clock, process, signals: ['SIGTERM', 'SIGINT'], ...options },
  )
  return { ...pod, clock, process }
}

describe('GET /prestop', () => {
  test('is answered when load balancers have stopped sending', async () => {
    const { drain, port, clock } = await start()
    const { reply, ...caller } = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(999)
    await turns()
    expect(caller.status).toBe(0)
    clock.advance(101)
    expect(await reply).toMatchObject({ status: 200, headers: { connection: 'close' } })
    expect((await reply).json()).toMatchObject({ state: 'draining', committed: false, inFlight: 0 })
  })

  test('is answered only when requests and tasks have finished', async () => {
    const turn = gate()
    const mail = gate()
    const { drain, port, clock } = await start({}, turn)
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    drain.waitUntil(mail.opened)
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(10_000)
    turn.open()
    await client.until(/at last/)
    clock.advance(1000)
    await turns()
    expect(caller.status).toBe(0)
    mail.open()
    expect((await clock.through(caller.reply)).status).toBe(200)
  })

  test('is answered in time for closing when a request does not end', async () => {
    const { drain, port, clock } = await start()
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(23_900)
    await turns()
    expect(caller.status).toBe(0)
    clock.advance(200)
    const reply = await caller.reply
    expect(reply.status).toBe(200)
    expect(reply.json()).toMatchObject({ inFlight: 1, oldest: { path: '/slow' } })
    expect(client.closed).toBe(false)
  })

  test('joins a drain that has begun, and its deadline', async () => {
    const { drain, port, clock } = await start()
    let drains = 0
    drain.onDrain(() => drains++)
    const first = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(600)
    const second = hook(port)
    const third = hook(port)
    const other = drain.prestop()
    await ask(port, '/livez')
    await turns()
    clock.advance(500)
    const replies = await Promise.all([first.reply, second.reply, third.reply])
    await other
    expect(replies.map((reply) => reply.status)).toEqual([200, 200, 200])
    expect(replies[2]?.json().budgetMs).toBe(29_000 - 1100)
    expect(drains).toBe(1)
  })

  test('is answered at once when the drain has settled', async () => {
    const { drain, port, clock } = await start()
    void drain.prestop()
    clock.advance(1100)
    const kubelet = hook(port)
    await expect.poll(() => kubelet.status).toBe(200)
    const someone = hook(port, { headers: {} })
    await expect.poll(() => someone.status).toBe(200)
  })

  test('whose caller disconnects changes nothing', async () => {
    const { drain, port, clock, server } = await start()
    const client = await Client.open(port)
    client.get('/prestop', 'User-Agent: kube-lifecycle/1.33')
    await expect.poll(() => drain.state).toBe('draining')
    client.abort()
    const other = hook(port)
    await ask(port, '/livez')
    expect(drain.state).toBe('draining')
    expect(drain.status().budgetMs).toBe(29_000)
    expect(server.listening).toBe(true)
    clock.advance(1100)
    expect((await other.reply).status).toBe(200)
    expect(drain.inFlight).toBe(0)
  })

  test('lets 8 callers wait, and answers more at once', async () => {
    const { drain, port } = await start()
    const waiting = [...Array(8)].map(() => hook(port))
    await expect.poll(() => drain.state).toBe('draining')
    for (let round = 0; round < 3; round++) await ask(port, '/livez')
    expect(waiting.every((caller) => caller.status === 0)).toBe(true)
    expect(await hook(port).reply).toMatchObject({ status: 503 })
    expect(await hook(port).reply).toMatchObject({ status: 503 })
    expect(waiting.every((caller) => caller.status === 0)).toBe(true)
    await drain.dispose()
    await Promise.all(waiting.map((caller) => caller.reply))
  })

  test('lets another caller wait when a waiting caller disconnects', async () => {
    const { drain, port } = await start()
    const leaving = await Promise.all([...Array(8)].map(() => Client.open(port)))
    for (const client of leaving) client.get('/prestop')
    await expect.poll(() => drain.state).toBe('draining')
    for (let round = 0; round < 3; round++) await ask(port, '/livez')
    for (const client of leaving) client.abort()
    await expect
      .poll(async () => {
        const caller = hook(port)
        await ask(port, '/livez')
        await turns()
        return caller.status
      })
      .toBe(0)
    await drain.dispose()
  })

  test('with HEAD is 405 and drains nothing', async () => {
    const { drain, port } = await start()
    expect(await ask(port, '/prestop', { method: 'HEAD' })).toMatchObject({ status: 405, headers: { allow: 'GET' } })
    expect(drain.state).toBe('serving')
  })

  test('with POST goes to the application', async () => {
    const { drain, port } = await start()
    expect(await ask(port, '/prestop', { method: 'POST' })).toMatchObject({ status: 404, body: 'no such page here' })
    expect(drain.state).toBe('serving')
  })
})

describe('/prestop alone', () => {
  test('never closes the listener and runs no close hook', async () => {
    const { drain, port, clock, server } = await start()
    let closed = false
    drain.onClose(() => {
      closed = true
    })
    void drain.prestop()
    for (let second = 1; second < 30; second++) {
      clock.advance(1000)
      expect(drain.state).toBe('draining')
      expect(drain.committed).toBe(false)
      expect(await ask(port)).toMatchObject({ status: 200 })
    }
    expect(server.listening).toBe(true)
    expect(closed).toBe(false)
  })

  test('that reaches a process late is undone when the grace period of the pod has passed', async () => {
    const { drain, clock } = await start()
    const settled = drain.prestop({ ago: 20_000 })
    expect(drain.status().budgetMs).toBe(9000)
    await clock.through(settled)
    clock.advance(10_000)
    expect(drain.state).toBe('serving')
    expect(() => drain.prestop({ ago: Number.NaN })).toThrow(/^Expected `ago` to be/)
  })

  test('is undone when the grace period has passed without a signal', async () => {
    const { drain, port, clock, log } = await start()
    const resumed = gate()
    drain.onResume(() => resumed.open())
    const states: string[] = []
    drain.on('state', (state) => states.push(state))
    const { signal, lastCall } = drain
    void drain.prestop()
    expect(signal.aborted).toBe(true)
    clock.advance(29_900)
    expect(drain.state).toBe('draining')
    expect((await ask(port, '/readyz')).status).toBe(503)
    clock.advance(200)
    await resumed.opened
    expect(drain.state).toBe('serving')
    expect((await ask(port, '/readyz')).status).toBe(200)
    expect(log.matching(/^info podrain: draining because of the preStop hook: /)).toHaveLength(1)
    expect(drain.signal).not.toBe(signal)
    expect(drain.signal.aborted).toBe(false)
    expect(drain.lastCall).not.toBe(lastCall)
    expect(drain.lastCall.aborted).toBe(false)
    expect(drain.status().budgetMs).toBe(29_000)
    expect(states).toEqual(['draining', 'serving'])
    expect(log.matching(/^warn podrain: no signal followed/)).toHaveLength(1)
  })

  test('that was undone leaves a later signal the whole budget', async () => {
    const { drain, clock, process } = await start()
    void drain.prestop()
    clock.advance(30_100)
    expect(drain.state).toBe('serving')
    const exit = process.signal('SIGTERM')
    expect(drain.state).toBe('draining')
    expect(drain.status().budgetMs).toBe(29_000)
    clock.advance(900)
    expect(drain.state).toBe('draining')
    expect(await clock.through(exit)).toBe(true)
  })

  test('is not undone when a signal has committed the drain', async () => {
    const { drain, clock, process } = await start()
    const states: string[] = []
    drain.on('state', (state) => states.push(state))
    void drain.prestop()
    clock.advance(1100)
    expect(await clock.through(process.signal('SIGTERM'))).toBe(true)
    clock.advance(60_000)
    expect(states).toEqual(['draining', 'closing', 'closed'])
  })
})

describe('SIGTERM', () => {
  test('after /prestop has answered does not start the waits again', async () => {
    const { drain, port, clock, process } = await start()
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(1100)
    expect((await caller.reply).status).toBe(200)
    const exit = process.signal('SIGTERM')
    expect(drain.state).toBe('closing')
    expect(await clock.through(exit)).toBe(true)
    expect(await drain.start()).toMatchObject({ reason: 'SIGTERM', clean: true })
  })

  test('after /prestop counts the budget from /prestop', async () => {
    const { drain, port, clock, process } = await start()
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    const begun = clock.now()
    void drain.prestop()
    clock.advance(24_100)
    let ended = 0
    drain.onClose(() => {
      ended = clock.now()
    })
    const exit = process.signal('SIGTERM')
    expect(drain.state).toBe('closing')
    expect(await clock.through(exit)).toBe(false)
    expect((await drain.start()).cut).toMatchObject([{ path: '/slow' }])
    expect(ended - begun).toBeLessThan(29_000)
  })

  // 3000 is more, 500 less than the 2 s that are left.
  test.each([3000, 500])('while /prestop is pending goes straight to closing (closing: %i)', async (closing) => {
    const { drain, port, clock, process, server } = await start({ closing })
    let ended = 0
    drain.onClose(() => {
      ended = clock.now()
    })
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    const signalled = clock.now()
    const exit = process.signal('SIGTERM')
    expect(drain.state).toBe('closing')
    await expect.poll(() => server.listening).toBe(false)
    expect(await clock.through(exit)).toBe(true)
    expect((await caller.reply).status).toBe(200)
    expect(ended - signalled).toBeLessThan(2000)
  })

  test('while /prestop is pending still lets a request finish that needs a moment more', async () => {
    const turn = gate()
    const { drain, port, clock, process } = await start({}, turn)
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    const exit = process.signal('SIGTERM')
    await turns()
    clock.advance(500)
    await turns()
    turn.open()
    await client.until(/at last/)
    expect(await clock.through(exit)).toBe(true)
    await caller.reply
  })

  test('while /prestop is pending leaves open requests less than 2 s', async () => {
    const { drain, port, clock, process } = await start()
    const client = await Client.open(port)
    client.get('/slow')
    await expect.poll(() => drain.inFlight).toBe(1)
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(10_000)
    const signalled = clock.now()
    let ended = 0
    drain.onClose(() => {
      ended = clock.now()
    })
    expect(await clock.through(process.signal('SIGTERM'))).toBe(false)
    expect(ended - signalled).toBeLessThan(2000)
    expect((await drain.start()).cut).toMatchObject([{ path: '/slow' }])
    await caller.reply
  })

  test('while /prestop is pending ends the process in time, even if an onDrain hook hangs', async () => {
    const { drain, port, clock, process } = await start()
    drain.onDrain(() => new Promise(() => {}), { name: 'registry', timeout: 20_000 })
    const caller = hook(port)
    await expect.poll(() => drain.state).toBe('draining')
    const signalled = clock.now()
    let ended = Number.NaN
    drain.onClose(() => {
      ended = clock.now()
    })
    expect(await clock.through(process.signal('SIGTERM'))).toBe(false)
    expect(ended - signalled).toBeLessThan(2000)
    expect((await drain.start()).hooks[0]).toMatchObject({ name: 'registry', outcome: 'timed out' })
    await caller.reply
  })
})

describe('who may drain', () => {
  test.each([
    'X-Forwarded-For',
    'X-Forwarded-Proto',
    'X-Forwarded-Host',
    'Forwarded',
    'Via',
    'X-Real-IP',
    'X-Envoy-External-Address',
    'x-envoy-expected-rq-timeout-ms',
    'X-Forwarded',
    'X_Forwarded_For',
    'X-Original-Forwarded-For',
    'X-Client-IP',
    'X-Cluster-Client-IP',
    'True-Client-IP',
    'X-Amzn-Trace-Id',
    'X-Amz-Cf-Id',
    'CloudFront-Viewer-Address',
    'X-Cloud-Trace-Context',
    'X-Appengine-User-IP',
    'X-Azure-ClientIP',
    'CF-Connecting-IP',
    'CF-Ray',
    'CDN-Loop',
    'Fastly-Client-IP',
    'Fly-Client-IP',
    'X-Vercel-Id',
    'X-NF-Client-Connection-IP',
    'Proxy-Client-IP',
    'WL-Proxy-Client-IP',
    'X-ProxyUser-Ip',
    'Client-IP',
    'Forwarded-For',
    'X-Scheme',
    'X-Varnish',
    'X-Kong-Request-Id',
    'X-Request-Start',
    'Disguised-Host',
    'X-Goog-IAP-JWT-Assertion',
    'X-Goog-Authenticated-User-Email',
    'X-AppGW-Trace-Id',
    'X-ARR-LOG-ID',
    'X-Akamai-Edgescape',
    'Akamai-Origin-Hop',
    'Incap-Client-IP',
    'X-Sucuri-ClientIP',
    'Ali-CDN-Real-IP',
    'EagleEye-TraceId',
    'CDN-RequestId',
  ])('a request with %s came through a proxy and gets the application’s response', async (header) => {
    const { drain, port, log } = await start()
    for (const path of ['/prestop', '/drainz', '/prestop/?x=1']) {
      expect(await ask(port, path, { headers: { [header]: '192.0.2.1' } })).toMatchObject({
        status: 404,
        body: 'no such page here',
      })
    }
    expect(drain.state).toBe('serving')
    // Once for each endpoint: a poll of /drainz must not hide that the hook is refused.
    for (const path of ['/drainz', '/prestop']) {
      const refusals = log.matching(new RegExp(`^warn podrain: refused GET ${path} from .*127\\.0\\.0\\.1: `))
      expect(refusals).toHaveLength(1)
      expect(refusals[0]).toContain(`header ${header.toLowerCase()}`)
    }
    expect(log.matching(/^warn/)).toHaveLength(2)
    expect((await ask(port, '/readyz', { headers: { [header]: '192.0.2.1' } })).status).toBe(200)
  })

  test.each([
    ['Origin', 'https://evil.example'],
    ['Referer', 'http://localhost:3000/'],
    ['Cookie', 'session=1'],
    ['Sec-Fetch-Site', 'cross-site'],
    ['Sec-Fetch-Mode', 'no-cors'],
    ['Sec-Fetch-Dest', 'image'],
    ['Sec-CH-UA', '"Chromium";v="140"'],
    ['User-Agent', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0.0.0 Safari/537.36'],
  ])('a request with %s came from a browser, which any page can have send it', async (header, value) => {
    const { drain, port, log } = await start()
    for (const path of ['/prestop', '/drainz']) {
      expect(await ask(port, path, { headers: { [header]: value } })).toMatchObject({
        status: 404,
        body: 'no such page here',
      })
      const told = new RegExp(
        `^warn podrain: refused GET ${path} .* from a browser \\(header ${header.toLowerCase()}\\); any page could send it; ask with curl$`,
      )
      expect(log.matching(told)).toHaveLength(1)
    }
    expect(drain.state).toBe('serving')
  })

  test.each<[string, Record<string, string>]>([
    ['the kubelet', { 'user-agent': 'kube-lifecycle/1.34', accept: '*/*' }],
    [
      'the kubelet through a mesh',
      { 'x-request-id': '4f6c', traceparent: '00-1-2-01', b3: '1-2-1', 'x-b3-traceid': '1', 'l5d-client-id': 'a' },
    ],
    [
      'fetch() of Node in an exec hook',
      { 'user-agent': 'node', 'accept-language': '*', 'sec-fetch-mode': 'cors', 'accept-encoding': 'gzip, deflate' },
    ],
    [
      'PowerShell in an exec hook',
      { 'user-agent': 'Mozilla/5.0 (Windows NT; Windows NT 10.0; en-US) WindowsPowerShell/5.1.20348.1' },
    ],
  ])('%s is admitted', async (_, headers) => {
    const { port } = await start()
    expect((await ask(port, '/drainz', { headers })).status).toBe(200)
  })

  test.each(['bearer secret', 'BEARER secret', 'Bearer   secret'])(
    'the right token is admitted as "%s"',
    async (authorization) => {
      const { port } = await start({ token: 'secret' })
      expect((await ask(port, '/drainz', { headers: { authorization } })).status).toBe(200)
    },
  )

  test.each([
    ['no token', undefined],
    ['a wrong token', 'Bearer wrong'],
    ['a token that only begins well', 'Bearer secre'],
    ['another scheme', 'Basic secret'],
    ['the bare token', 'secret'],
    ['a scheme that runs into the token', 'Bearersecret'],
    ['a scheme that only ends well', 'Forbearer secret'],
    ['the right words behind another scheme', 'Basic Bearer secret'],
    ['the scheme alone', 'Bearer '],
  ])('with a token set, %s gets the application’s response', async (_name, authorization) => {
    const { drain, port, log } = await start({ token: 'secret' })
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    for (const path of ['/prestop', '/drainz']) {
      expect(await ask(port, path, { headers })).toMatchObject({ status: 404, body: 'no such page here' })
    }
    expect(drain.state).toBe('serving')
    expect(log.matching(/^warn podrain: refused GET \/prestop .*token/)).toHaveLength(1)
    expect(log.lines.join('\n')).not.toContain('secre')
    expect((await ask(port, '/readyz', { headers })).status).toBe(200)
  })

  test('the right token is admitted', async () => {
    const { drain, port, clock } = await start({ token: 'secret' })
    const headers = { authorization: 'Bearer secret' }
    expect(await ask(port, '/drainz', { headers })).toMatchObject({ status: 200 })
    const caller = hook(port, { headers })
    await expect.poll(() => drain.state).toBe('draining')
    clock.advance(1100)
    expect((await caller.reply).status).toBe(200)
  })

  test('of several tokens each is admitted, so that one can be replaced', async () => {
    const { port } = await start({ token: ['old', 'new'] })
    for (const [token, status] of [
      ['old', 200],
      ['new', 200],
      ['other', 404],
    ] as const) {
      expect((await ask(port, '/drainz', { headers: { authorization: `Bearer ${token}` } })).status, token).toBe(status)
    }
  })

  test('the token comes from PODRAIN_TOKEN without the option', async () => {
    vi.stubEnv('PODRAIN_TOKEN', 'from the environment')
    onTestFinished(() => void vi.unstubAllEnvs())
    const { port } = await start()
    expect((await ask(port, '/drainz')).status).toBe(404)
    const headers = { authorization: 'Bearer from the environment' }
    expect((await ask(port, '/drainz', { headers })).status).toBe(200)
  })

  test('the log line of a refusal says what the manifest must contain', async () => {
    const { port, log } = await start({ token: 'secret' })
    await ask(port, '/prestop')
    await ask(port, '/drainz', { headers: { via: '1.1 proxy' } })
    expect(log.matching(/^warn/)).toEqual([
      expect.stringContaining('httpHeaders: [{ name: Authorization, value: Bearer <token> }]'),
      expect.stringContaining('keep this path out of the Ingress'),
    ])
  })

  test('the right token through a proxy is not admitted', async () => {
    const { drain, port } = await start({ token: 'secret' })
    const headers = { authorization: 'Bearer secret', 'x-forwarded-for': '192.0.2.1' }
    expect((await ask(port, '/prestop', { headers })).status).toBe(404)
    expect(drain.state).toBe('serving')
  })
})

describe('drain.prestop()', () => {
  test('resolves when its caller has disconnected, and the drain goes on', async () => {
    const { drain, clock } = await start()
    const gone = new AbortController()
    const call = drain.prestop({ signal: gone.signal })
    gone.abort()
    await call
    expect(drain.state).toBe('draining')
    await drain.prestop({ signal: AbortSignal.abort() })
    clock.advance(1100)
    await drain.prestop()
    expect(drain.committed).toBe(false)
  })

  test('leaves no listener on the signal of a caller that it has answered', async () => {
    const { drain, clock } = await start()
    const { signal } = new AbortController()
    const call = drain.prestop({ signal })
    expect(getEventListeners(signal, 'abort')).toHaveLength(1)
    clock.advance(1100)
    await call
    expect(getEventListeners(signal, 'abort')).toEqual([])
  })

  test('resolves at once when the drain is over', async () => {
    const { drain, clock } = await start()
    await clock.through(drain.start({ settle: false }))
    await drain.prestop()
    expect(drain.state).toBe('closed')
  })
})
