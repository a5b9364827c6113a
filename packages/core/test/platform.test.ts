import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { Agent, createServer, get } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { type AdapterOptions, Drain, type DrainOptions, drainServer } from '../src/index.js'
import { type Platform, platformOf, platforms } from '../src/shared/platform.js'
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

/** A server with a drain that has the defaults and a fake clock. */
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
    await client.end() // the fake clock does not move
    expect(await clock.through(exit)).toBe(true)
  })

  test('a client that sends requests without a pause does not delay the end', async () => {
    const { process, port, clock } = await serve(
      {},
      (_request, response) => void setImmediate(() => response.end('ok')),
    )
    let answered = 0
    const done = gate()
    // One request is always in flight: the next one is sent before the last one is answered.
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

  test('one line says that when a server begins to listen, and how to turn the wait on', async () => {
    vi.stubEnv('NODE_ENV', 'development')
    const { log } = await serve()
    expect(log.lines).toEqual([
      expect.stringMatching(
        /^info podrain: outside of a cluster no load balancer is waited for: .*`behind`.*`platform: 'kubernetes'`/,
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
  ])('with %s, the settle times are as expected', (_what, options, settle) => {
    expect(settleOf(options)).toEqual(settle)
  })

  test('`times` shows that no load balancer is waited for', () => {
    const timesOf = (options: DrainOptions): object => {
      const drain = new Drain({ signals: false, logger: false, ...options })
      void drain.dispose()
      return drain.times
    }
    expect(timesOf({})).toMatchObject({ balancers: false })
    expect(timesOf({ platform: 'kubernetes' })).not.toHaveProperty('balancers')
  })

  test.each([
    [46_000, [/^warn podrain: a grace period of 46000 s is 13 hours: is it in milliseconds\?/]],
    [3600, []],
    [10_001, []],
  ])('a grace period of %i seconds that looks like milliseconds causes a warning', (seconds, lines) => {
    const log = new Log()
    void new Drain({ terminationGracePeriodSeconds: seconds, signals: false, logger: log }).dispose()
    expect(log.lines).toEqual(lines.map((line) => expect.stringMatching(line)))
  })

  test('options that do not fit into the default grace period cause a warning, because only the manifest has the real one', () => {
    const log = new Log()
    void new Drain({ behind: 'aws-alb', signals: false, logger: log }).dispose()
    expect(log.lines).toEqual([
      expect.stringMatching(/^warn podrain: in a cluster podrain would refuse these options: `settle\.min` 30000/),
    ])
  })

  test.each<[string, DrainOptions, string | undefined]>([
    ['the option says', { terminationGracePeriodSeconds: 30 }, undefined],
    ['the variable says', {}, '30'],
  ])('options that do not fit into a grace period that %s are refused', (_who, options, variable) => {
    vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', variable)
    expect(() => new Drain({ behind: 'aws-alb', signals: false, logger: false, ...options })).toThrow(RangeError)
  })
})

describe('the environment', () => {
  const variables = (Object.entries(platforms) as Array<[Platform, (typeof platforms)[Platform]]>)
    .filter(([name]) => name !== 'systemd')
    .flatMap(([name, { variables }]) => variables.map((variable) => [variable, name] as const))

  test.each(variables)('that has %s shows %s', (variable, platform) => {
    expect(platformOf({ [variable]: '30' })).toBe(platform)
  })

  test.each<[string, Record<string, string>, Platform]>([
    ['nothing', {}, 'none'],
    ['a variable that is empty', { KUBERNETES_SERVICE_HOST: '' }, 'none'],
    ['the grace period alone', { TERMINATION_GRACE_PERIOD_SECONDS: '30' }, 'kubernetes'],
    ['the grace period, and a platform', { TERMINATION_GRACE_PERIOD_SECONDS: '30', NOMAD_ALLOC_ID: '6f0b' }, 'nomad'],
    ['Knative, which is on Kubernetes', { K_SERVICE: 'shop', KUBERNETES_SERVICE_HOST: '10.96.0.1' }, 'kubernetes'],
    ['a service of systemd', { SYSTEMD_EXEC_PID: '42', INVOCATION_ID: '0af3' }, 'systemd'],
    ['a process below one', { SYSTEMD_EXEC_PID: '41', INVOCATION_ID: '0af3' }, 'none'],
    ['a terminal of a desktop', { INVOCATION_ID: '0af3' }, 'none'],
  ])('that has %s shows the expected platform', (_what, environment, platform) => {
    expect(platformOf(environment, 42)).toBe(platform)
  })

  test('counts less than the option', () => {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.96.0.1')
    expect(settleOf({ platform: 'none' })).toEqual({ min: 0, quiet: 0 })
  })
})

/** The shares of the grace period, in milliseconds, and whether load balancers are waited for. */
function timesOf(options: DrainOptions) {
  const drain = new Drain({ signals: false, logger: false, ...options })
  void drain.dispose()
  const { gracePeriod, reserve, closing, settle, balancers = true } = drain.times
  return { gracePeriod, reserve, closing, min: settle.min, balancers }
}

describe('the grace period', () => {
  test.each<[Platform, number, { reserve: number; closing: number; min: number }]>([
    ['kubernetes', 30_000, { reserve: 1000, closing: 5000, min: 5000 }],
    ['ecs', 30_000, { reserve: 1000, closing: 5000, min: 5000 }],
    ['cloud-run', 10_000, { reserve: 1000, closing: 2000, min: 5000 }],
    ['cloud-foundry', 10_000, { reserve: 1000, closing: 2000, min: 5000 }],
    ['nomad', 5000, { reserve: 1000, closing: 1000, min: 2500 }],
    ['fly', 5000, { reserve: 1000, closing: 1000, min: 2500 }],
    ['heroku', 30_000, { reserve: 1000, closing: 5000, min: 5000 }],
    ['koyeb', 30_000, { reserve: 1000, closing: 5000, min: 5000 }],
  ])('of %s is %i ms, and is shared out so that all steps fit', (platform, gracePeriod, shares) => {
    expect(timesOf({ platform })).toEqual({ gracePeriod, ...shares, balancers: true })
  })

  test.each(Object.keys(platforms) as Platform[])('of 1 s is shared out on %s, or refused in a pod', (platform) => {
    const options: DrainOptions = { platform, terminationGracePeriodSeconds: 1 }
    if (platform === 'kubernetes' || platform === 'none') {
      expect(() => timesOf({ ...options, settle: { quiet: 0 } })).toThrow(RangeError)
    } else {
      const { reserve, closing, min } = timesOf(options)
      expect(reserve + closing + min).toBeLessThan(1000)
    }
  })

  test('comes from the option, else from the variable for all platforms, else from the platform’s variable, else from its default', () => {
    const graceOf = (options: DrainOptions = {}): number => timesOf({ platform: 'railway', ...options }).gracePeriod
    expect(graceOf()).toBe(30_000)
    vi.stubEnv('RAILWAY_DEPLOYMENT_DRAINING_SECONDS', '20')
    expect(graceOf()).toBe(20_000)
    vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', '40')
    expect(graceOf()).toBe(40_000)
    expect(graceOf({ terminationGracePeriodSeconds: 50 })).toBe(50_000)
  })

  test.each(['0', '', 'soon', 'Infinity'])('is the default if the variable of the platform is %j', (text) => {
    vi.stubEnv('WEBSITES_CONTAINER_STOP_TIME_LIMIT', text)
    expect(timesOf({ platform: 'azure-app-service' }).gracePeriod).toBe(5000)
  })

  test.each<[DrainOptions, string]>([
    [
      { platform: 'nomad', behind: 'aws-alb' },
      "`settle.min` 30000 (for `behind: 'aws-alb'`) + `closing` 1000 + `reserve` 1000 = 32000 ms, but " +
        '`terminationGracePeriodSeconds` 5 (the default of nomad) gives 5000 ms: lower `settle.min` to at most 3000, or ' +
        'raise `terminationGracePeriodSeconds` (here and as `kill_timeout`) to at least 32',
    ],
    [
      { platform: 'cloud-run', settle: { min: 8000 } },
      '`settle.min` 8000 + `closing` 2000 + `reserve` 1000 = 11000 ms, but `terminationGracePeriodSeconds` 10 (the default ' +
        'of cloud-run) gives 10000 ms: lower `settle.min` to at most 7000',
    ],
    [
      { platform: 'docker', terminationGracePeriodSeconds: 20, behind: 'aws-alb' },
      "`settle.min` 30000 (for `behind: 'aws-alb'`) + `closing` 4000 + `reserve` 1000 = 35000 ms, but " +
        '`terminationGracePeriodSeconds` 20 gives 20000 ms: lower `settle.min` to at most 15000, or raise ' +
        '`terminationGracePeriodSeconds` (here and as `stop_grace_period`) to at least 35',
    ],
  ])('that is too short for %o is refused, with the setting of the platform', (options, message) => {
    expect(() => new Drain({ signals: false, logger: false, ...options })).toThrow(new RangeError(message))
  })

  test.each<[Platform, RegExp]>([
    ['kubernetes', /^info podrain: of 30\.0 s grace period, 24\.0 s for requests/],
    [
      'fly',
      /^info podrain: of 5\.0 s grace period \(the default of fly; if `kill_timeout` gives another, set TERMINATION_GRACE_PERIOD_SECONDS to it\), 3\.0 s for requests \(at least 2\.5 s/,
    ],
    ['cloud-run', /^info podrain: of 10\.0 s grace period \(the default of cloud-run\), 7\.0 s for requests/],
    ['systemd', /^info podrain: with systemd alone no load balancer is waited for: .*`behind`/],
  ])('on %s is logged when a server begins to listen, with its source', async (platform, line) => {
    vi.stubEnv('NODE_ENV', 'development')
    const { log } = await serve({ platform })
    expect(log.lines).toEqual([expect.stringMatching(line)])
  })
})

describe.each<[Platform, number]>([
  ['docker', 10_000],
  ['systemd', 90_000],
])('with %s alone', (platform, gracePeriod) => {
  test('SIGTERM closes at once, because no load balancer is known', async () => {
    const { process, drain, clock } = await serve({ platform })
    const exit = process.signal('SIGTERM')
    expect(drain.state).toBe('closing')
    expect(await clock.through(exit)).toBe(true)
    expect(drain.times).toMatchObject({ gracePeriod, balancers: false })
  })

  test('the load balancer that `behind` names is waited for', () => {
    const { min, balancers } = timesOf({ platform, behind: 'kube-proxy' })
    expect({ min, balancers }).toEqual({ min: 5000, balancers: true })
  })
})

describe.each<[string, Record<string, string>]>([
  ['Nomad', { NOMAD_ALLOC_ID: '6f0b' }],
  ['Fly', { FLY_APP_NAME: 'shop' }],
])('on %s', (_name, environment) => {
  beforeEach(() => {
    for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  })

  test('a client that goes on sending after SIGINT loses nothing', async () => {
    // More than the default, so that a slow machine has time to send.
    const child = new Child({ byDefault: true, options: { terminationGracePeriodSeconds: 20, keepAliveCap: 0 } })
    await child.listening()
    child.signal('SIGINT')
    await child.line(/draining because of SIGINT/)
    for (let sent = 0; sent < 10; sent++) expect(await ask(child.port)).toMatchObject({ status: 200, body: 'ok' })
    expect(await child.exit).toEqual([0, null])
    const report = JSON.parse((await child.line(/^report /)).slice('report '.length))
    expect(report).toMatchObject({ clean: true, answered: 10 })
    expect(report.settleMs).toBeGreaterThanOrEqual(5000)
  })

  test('a second SIGINT some time later ends it at once', async () => {
    const child = await Child.start()
    const held = ask(child.port, '/hold').catch(() => {})
    await child.line(/^held/)
    child.signal('SIGINT')
    await child.line(/^some time later/)
    child.signal('SIGINT')
    expect(await child.exit).toEqual([1, null])
    await held
  })
})

test.each<[Platform, string]>([
  ['fly', 'draining'],
  ['ecs', 'closing'],
])('SIGINT with `platform: %s` leaves the server %s', async (platform, state) => {
  const { process, drain, clock } = await serve({ platform })
  const exit = process.signal('SIGINT')
  expect(drain.state).toBe(state)
  expect(await clock.through(exit)).toBe(true)
})

test('Ctrl-C in a terminal on Fly does not wait for load balancers', async () => {
  vi.stubEnv('FLY_APP_NAME', 'shop')
  const before = Object.getOwnPropertyDescriptor(process.stdin, 'isTTY')
  Object.defineProperty(process.stdin, 'isTTY', { value: true, configurable: true })
  onTestFinished(() => {
    if (before) Object.defineProperty(process.stdin, 'isTTY', before)
    else Reflect.deleteProperty(process.stdin, 'isTTY')
  })
  const { process: fake, drain } = await serve()
  void fake.signal('SIGINT')
  expect(drain.state).toBe('closing')
})

test.each([
  ['Heroku', 'DYNO'],
  ['pm2-runtime', 'pm_id'],
])('%s may send SIGTERM more than once: the requests in flight are answered nevertheless', async (_, variable) => {
  vi.stubEnv(variable, '1')
  const child = await Child.start()
  const held = ask(child.port, '/hold')
  await child.line(/^held/)
  child.signal('SIGTERM')
  await child.line(/^some time later/)
  child.signal('SIGTERM')
  child.tell('answer')
  expect((await held).body).toBe('first half, second half')
  expect(await child.exit).toEqual([0, null])
})

test('the table in docs/guides/platforms.md is that of the source', () => {
  const page = readFileSync(join(__dirname, '../../../docs/guides/platforms.md'), 'utf8')
  const code = (text: string): string => `\`${text}\``
  const rows = Object.entries(platforms).flatMap(
    ([name, { variables, graceSeconds, setting, signal, sends, source }]) => {
      if (name === 'none') return []
      const found = variables.length === 0 ? 'not found' : variables.map(code).join(', ')
      const grace = graceSeconds === undefined ? '30 s, not known' : `${graceSeconds} s`
      const cells = [found, grace, setting ? code(setting) : '–', signal, sends ? 'yes' : 'no']
      return [`| [${code(name)}](${source}) | ${cells.join(' | ')} |`]
    },
  )
  expect(page.split('\n').filter((line) => line.startsWith('| [`'))).toEqual(rows)
})

test('a process under a file watcher exits at once, even with a client on a keep-alive connection', async () => {
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
    expect.stringMatching(/^podrain: outside of a cluster no load balancer is waited for/),
  )
})
