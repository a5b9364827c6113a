import { createServer, IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { type AdapterOptions, attach, Drain, drainServer } from '../src/index.js'
import { runsIn } from './support.js'

const events = ['SIGTERM', 'SIGINT', 'SIGHUP', 'uncaughtException', 'unhandledRejection', 'beforeExit']
const installed = (): number[] => events.map((event) => process.listenerCount(event))

let before: number[]
beforeEach(() => {
  vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', undefined)
  runsIn('a cluster')
  before = installed()
})
afterEach(() => {
  vi.unstubAllEnvs()
  expect(installed()).toEqual(before)
})

const silent = { info() {}, warn() {}, error() {} }
const request = (): object => new IncomingMessage(new Socket())

/** What is wrong, the options, and what the message has to name: the option, the value, and what to write instead. */
const bad: Array<[name: string, options: unknown, ...message: string[]]> = [
  [
    'a negative grace period',
    { terminationGracePeriodSeconds: -1 },
    '`terminationGracePeriodSeconds`',
    '`-1`',
    'seconds greater than 0',
  ],
  [
    'a grace period of 0',
    { terminationGracePeriodSeconds: 0 },
    '`terminationGracePeriodSeconds`',
    '`0`',
    'greater than 0',
  ],
  ['a grace period of NaN', { terminationGracePeriodSeconds: Number.NaN }, '`terminationGracePeriodSeconds`', '`NaN`'],
  [
    'an infinite grace period',
    { terminationGracePeriodSeconds: Infinity },
    '`terminationGracePeriodSeconds`',
    '`Infinity`',
  ],
  [
    'a grace period with a unit',
    { terminationGracePeriodSeconds: '30s' },
    '`terminationGracePeriodSeconds`',
    "'30s'",
    'number of seconds',
  ],
  ...(['reserve', 'closing', 'keepAliveCap', 'hookTimeout', 'progress', 'checkTimeout'] as const).flatMap(
    (name): typeof bad => [
      [`a negative ${name}`, { [name]: -1 }, `\`${name}\``, '`-1`', '0 or more milliseconds'],
      [`${name} of NaN`, { [name]: Number.NaN }, `\`${name}\``, '`NaN`', '0 or more milliseconds'],
      [`an infinite ${name}`, { [name]: Infinity }, `\`${name}\``, '`Infinity`', '0 or more milliseconds'],
      [`${name} as text`, { [name]: '5s' }, `\`${name}\``, "'5s'", 'a number of milliseconds'],
    ],
  ),
  ['a report format that is none', { reportFormat: 'xml' }, '`reportFormat`', "'text' or 'json'", "'xml'"],
  ['metrics without a control port', { metrics: { contentType: '', metrics() {} } }, '`metrics`', '`controlPort`'],
  ['metrics that are none', { controlPort: 0, metrics: {} }, '`metrics`', 'to have a method `metrics`'],
  ['a negative settle.min', { settle: { min: -1 } }, '`settle.min`', '`-1`', '0 or more milliseconds'],
  ['settle.quiet as text', { settle: { quiet: '1s' } }, '`settle.quiet`', "'1s'", 'a number of milliseconds'],
  ['settle as a number', { settle: 5000 }, '`settle`', '`5000`', 'to be an object'],
  ['settle as null', { settle: null }, '`settle`', '`null`', 'to be an object'],
  [
    'an unknown option',
    { timeout: 5000 },
    'Unknown option `timeout`',

    'expected one of',
    '`terminationGracePeriodSeconds`',
    '`token`',
  ],
  [
    'an option in other letters',
    { keepalivecap: 5000 },
    'Unknown option `keepalivecap`',
    'did you mean `keepAliveCap`?',
  ],
  [
    'a misspelt option',
    { terminationGracePeriod: 30, behnid: 'envoy' },
    'Unknown option `terminationGracePeriod`',
    'did you mean `terminationGracePeriodSeconds`?',
  ],
  ['an option with two letters exchanged', { behnid: 'envoy' }, 'did you mean `behind`?'],
  ['an unknown key of settle', { settle: { most: 1 } }, 'Unknown option of `settle` `most`', '`min`, `quiet`, `max`'],
  ['a settle.max that is no time', { settle: { max: -1 } }, '`settle.max`', '0 or more', '`-1`'],
  ['a settle.max below settle.min', { settle: { max: 1 } }, '`settle.max`', '`settle.min` (5000) or more', '`1`'],
  ['a key of settle in other letters', { settle: { Min: 1 } }, '`Min`', 'did you mean `min`?'],
  [
    'an unknown endpoint',
    { endpoints: { healthz: '/healthz' } },
    'Unknown endpoint `healthz`',
    '`readyz`, `livez`, `prestop`, `drainz`, `busyz`',
  ],
  [
    'times that do not fit',
    { terminationGracePeriodSeconds: 10, settle: { min: 8000 }, closing: 2000, reserve: 1000 },
    '`settle.min` 8000 + `closing` 2000 + `reserve` 1000 = 11000 ms',
    '`terminationGracePeriodSeconds` 10 gives 10000 ms',
    'lower `settle.min` to at most 7000',
    'to at least 11',
  ],
  [
    'a quiet time that does not fit',
    { terminationGracePeriodSeconds: 10, settle: { min: 0, quiet: 9000 }, closing: 2000 },
    '`settle.quiet` 9000 + `closing` 2000 + `reserve` 1000 = 12000 ms',
    'lower `settle.quiet` to at most 7000',
  ],
  [
    'a grace period shorter than the defaults',
    { terminationGracePeriodSeconds: 5 },
    '`settle.min` 5000 + `closing` 1000 + `reserve` 1000 = 7000 ms',
    'at most 3000',
    'to at least 7',
  ],
  [
    'a grace period with no room at all',
    { terminationGracePeriodSeconds: 2, closing: 1500, reserve: 1000, settle: { min: 0, quiet: 0 } },
    '= 2500 ms',
    'lower `closing` and `reserve`',
    'to at least 3',
  ],
  ['an unknown platform', { platform: 'aws' }, '`platform`', 'one of kubernetes, ecs, ', ', none', "'aws'"],
  ['a platform that is no text', { platform: true }, '`platform`', 'one of kubernetes, ecs, ', '`true`'],
  ['SIGKILL', { signals: ['SIGTERM', 'SIGKILL'] }, '`signals`', "'SIGKILL'", 'no process can catch it', 'SIGTERM'],
  ['SIGSTOP', { signals: ['SIGSTOP'] }, '`signals`', "'SIGSTOP'", 'no process can catch it'],
  ['an unknown signal', { signals: ['SIGTREM'] }, '`signals`', "'SIGTREM'", 'among SIGHUP, SIGINT'],
  [
    'one signal that is no array',
    { signals: 'SIGTERM' },
    '`signals`',
    "'SIGTERM'",
    'an array of signal names or `false`',
  ],
  ['signals: true', { signals: true }, '`signals`', '`true`', 'an array of signal names or `false`'],
  ['errors as text', { errors: 'no' }, '`errors`', "'no'", 'true or false'],
  ['a logger that cannot warn', { logger: { info() {}, error() {} } }, '`logger`', 'a method `warn`'],
  ['logger: true', { logger: true }, '`logger`', '`true`', 'a method `info`'],
  ['a clock that stands still', { clock: { now: () => 0 } }, '`clock`', 'a method `after`'],
  ['a process without signals', { process: {} }, '`process`', 'a method `register`'],
  [
    'a path without /',
    { endpoints: { readyz: 'readyz' } },
    '`endpoints.readyz`',
    "'readyz'",
    "such as '/readyz', or false",
  ],
  ['a path with a query', { endpoints: { livez: '/livez?x' } }, '`endpoints.livez`', "'/livez?x'", 'begins with /'],
  ['a list of paths', { endpoints: { livez: ['/livez'] } }, '`endpoints.livez`', "'/livez'"],
  ['a path that ends in /', { endpoints: { prestop: '/stop/' } }, '`endpoints.prestop`', "'/stop/'"],
  ['an endpoint that is just true', { endpoints: { drainz: true } }, '`endpoints.drainz`', '`true`', 'or false'],
  [
    'two endpoints on one path',
    { endpoints: { livez: '/health', readyz: '/health' } },
    '`endpoints.livez`',
    "'/health'",
    'a path of its own',
  ],
  [
    'a default and an endpoint on one path',
    { endpoints: { livez: '/readyz' } },
    '`endpoints.livez`',
    "'/readyz'",
    'a path of its own',
  ],
  ['endpoints: false', { endpoints: false }, '`endpoints`', '`false`', 'to be an object'],
  ['an empty token', { token: '' }, '`token`', 'is the variable set?'],
  ['a token that is undefined', { token: undefined }, '`token`', 'is the variable set?', 'leave the option out'],
  ['an empty token among others', { token: ['secret', ''] }, '`token`', 'not empty, or a list of such'],
  ['an empty list of tokens', { token: [] }, '`token`', 'or a list of such'],
  ['a control port out of range', { controlPort: 65_536 }, '`controlPort`', '`65536`', '0 to 65535'],
  ['a control port below 0', { controlPort: -1 }, '`controlPort`', '`-1`', '0 to 65535'],
  ['a control port as text', { controlPort: '9090' }, '`controlPort`', "'9090'"],
  ['an empty control socket', { controlSocket: '' }, '`controlSocket`', "''", 'the path of a unix socket'],
  ['a control socket with a long path', { controlSocket: `/${'x'.repeat(90)}` }, '`controlSocket`', 'at most 90 bytes'],
  ['an abstract control socket', { controlSocket: '\0podrain' }, '`controlSocket`', 'the path of a unix socket'],
  ['a token that is no text', { token: 1234 }, '`token`', 'a string that is not empty'],
  ['a token from a file, with its line break', { token: 'secret\n' }, '`token`', 'ends with a line break', '`.trim()`'],
  ['a token after a blank', { token: ' secret' }, '`token`', 'begins or ends with white space'],
  ['a token before a blank, among others', { token: ['old', 'new '] }, '`token`', 'begins or ends with white space'],
  ['a token with a letter that is not ASCII', { token: 'gehéim' }, '`token`', 'not printable ASCII'],
  ['a token with a byte order mark', { token: '\u{feff}secret' }, '`token`', 'white space'],
  ['a token with a line break in it', { token: 'sec\nret' }, '`token`', 'not printable ASCII'],
  ['a token with a control character', { token: 'sec\u{0}ret' }, '`token`', 'not printable ASCII'],
  ['a token with its scheme', { token: 'Bearer secret' }, '`token`', 'leave that word out'],
  ['a check that is no function', { checks: { db: true } }, '`checks.db`', '`true`', 'to be a function'],
  ['readyzWhileDraining: true', { readyzWhileDraining: true }, '`readyzWhileDraining`', '`true`', "'fail' or 'pass'"],
  ['null for options', null, '`options`', '`null`', 'to be an object'],
  ['an array for options', [], '`options`', '`[]`', 'to be an object'],
  ['a request for options', request(), 'mounted without a call', '`app.use(drain())`'],
  ['a Koa context for options', { req: request(), res: {} }, 'mounted without a call', '`app.use(drain())`'],
  ['something that is no drain', { drain: {} }, '`drain`', 'a Drain from @podrain/core', 'two copies'],
]

describe('a bad option is refused before anything is installed, and the message says what to write:', () => {
  test.each(bad)('%s', (_name, options, ...message) => {
    let thrown: unknown
    try {
      attach(options as AdapterOptions)
    } catch (error) {
      thrown = error
    }
    expect(thrown).toBeInstanceOf(Error)
    expect(['TypeError', 'RangeError']).toContain((thrown as Error).name)
    for (const part of message) expect((thrown as Error).message).toContain(part)
    expect(installed()).toEqual(before)
  })

  test.each(['soon', '', ' ', '-5', '0', 'Infinity', '30s'])('TERMINATION_GRACE_PERIOD_SECONDS="%s"', (value) => {
    vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', value)
    expect(() => new Drain({ logger: false })).toThrow(
      `Expected the environment variable TERMINATION_GRACE_PERIOD_SECONDS to be a number of seconds greater than 0, as in the pod's spec, got \`'${value}'\``,
    )
  })

  test('PODRAIN_TOKEN with the line break of a file', () => {
    vi.stubEnv('PODRAIN_TOKEN', 'hunter2\n')
    expect(() => attach()).toThrow(
      /^Expected PODRAIN_TOKEN to be a token that a header can carry .*, got one that ends with a line break: /,
    )
    expect(installed()).toEqual(before)
  })

  test.each(['settle', 'signals', 'logger', 'terminationGracePeriodSeconds'])(
    'drain together with %s',
    async (name) => {
      const drain = new Drain({ signals: false, logger: false })
      expect(() => attach({ drain, [name]: undefined })).not.toThrow()
      const value = { settle: {}, signals: ['SIGTERM'], logger: silent, terminationGracePeriodSeconds: 30 }[name]
      expect(() => attach({ drain, [name]: value } as AdapterOptions)).toThrow(
        `Option \`${name}\` came together with \`drain\`: give it to the Drain that you pass`,
      )
      await drain.dispose()
    },
  )

  test('a server that has a drain already', async () => {
    const server = createServer()
    const first = drainServer(server, { signals: false, logger: false })
    expect(() => drainServer(server, { logger: false })).toThrow(/already watched by another Drain/)
    expect(installed()).toEqual(before)
    await first.dispose()
  })

  test('a secret is in no message', () => {
    for (const options of [
      { token: ['hunter2', undefined] },
      { token: ['hunter2', ''] },
      { token: 'hunter2\n' },
      { token: 'hunter2é' },
      { Token: 'hunter2' },
    ]) {
      expect(() => attach(options as AdapterOptions)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining('hunter2') }),
      )
    }
  })

  test.each([{ token: 'secret' }, { controlSocket: true }])('%o given to a Drain', (options) => {
    const [name] = Object.keys(options)
    expect(() => new Drain(options as object)).toThrow(
      `Option \`${name}\` is for an adapter and not for a Drain: give it to the adapter, together with the Drain, as in ` +
        `\`drainServer(server, { drain, ${name} })\``,
    )
  })
})

describe('good options', () => {
  test.each<[name: string, options: AdapterOptions]>([
    ['none', {}],
    ['several tokens', { token: ['old', 'new'] }],
    ['undefined for any', { settle: undefined, endpoints: undefined, logger: undefined } as object],
    ['zeros', { reserve: 0, closing: 0, settle: { min: 0, quiet: 0 }, keepAliveCap: 0, hookTimeout: 0 }],
    [
      'times that fit exactly',
      { terminationGracePeriodSeconds: 8, settle: { min: 5000 }, closing: 2000, reserve: 1000 },
    ],
    ['fractions of a second', { terminationGracePeriodSeconds: 7.5 }],
    ['a signal list', { signals: ['SIGTERM', 'SIGHUP', 'SIGUSR2'] }],
    ['no progress', { progress: false }],
    ['no platform', { platform: 'none' }],
    ['a console-like logger', { logger: silent }],
    ['an endpoint turned off and its path used by another', { endpoints: { readyz: false, livez: '/readyz' } }],
  ])('%s', async (_name, options) => {
    const { drain } = attach(options)
    expect(drain.state).toBe('serving')
    await drain.dispose()
  })

  test('the grace period comes from the option, else from the environment, else it is 30 s', async () => {
    const budget = async (options: AdapterOptions = {}): Promise<number> => {
      const { drain } = attach({ signals: false, ...options })
      await drain.dispose()
      return drain.status().budgetMs
    }
    expect(await budget()).toBe(29_000)
    vi.stubEnv('TERMINATION_GRACE_PERIOD_SECONDS', '60')
    expect(await budget()).toBe(59_000)
    expect(await budget({ terminationGracePeriodSeconds: 45 })).toBe(44_000)
    expect(await budget({ terminationGracePeriodSeconds: 45, reserve: 0 })).toBe(45_000)
  })

  test('SIGTERM and SIGINT, uncaught errors, and nothing else are taken by default', async () => {
    const drain = new Drain({ logger: false })
    expect(installed().map((count, index) => count - (before[index] ?? 0))).toEqual([2, 2, 0, 1, 1, 0])
    await drain.dispose()
  })

  test('signals: false takes nothing', async () => {
    const drain = new Drain({ logger: false, signals: false })
    expect(installed()).toEqual(before)
    await drain.dispose()
  })

  test('signals: false with errors: true takes errors only', async () => {
    const drain = new Drain({ logger: false, signals: false, errors: true })
    expect(installed().map((count, index) => count - (before[index] ?? 0))).toEqual([0, 0, 0, 1, 1, 0])
    await drain.dispose()
  })
})
