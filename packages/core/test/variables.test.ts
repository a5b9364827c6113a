import { createServer } from 'node:http'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { endpointOptionNames } from '../src/endpoints/options.js'
import { type AdapterOptions, checkOptions, Drain, drainServer } from '../src/index.js'
import { drainOptionNames } from '../src/options.js'
import { optionsOf, variables } from '../src/variables.js'

afterEach(() => void vi.unstubAllEnvs())

function environment(env: Record<string, string>): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
}

const read = (env: Record<string, string>) => {
  environment(env)
  checkOptions({})
  return optionsOf(process.env)
}

describe('a variable', () => {
  test.each<[env: Record<string, string>, options: object]>([
    [{ PODRAIN_BEHIND: 'envoy' }, { behind: 'envoy' }],
    [{ PODRAIN_SETTLE_MIN: '100', PODRAIN_SETTLE_QUIET: '0' }, { settle: { min: 100, quiet: 0 } }],
    [{ PODRAIN_TERMINATION_GRACE_PERIOD_SECONDS: '60' }, { terminationGracePeriodSeconds: 60 }],
    [{ PODRAIN_PLATFORM: 'none' }, { platform: 'none' }],
    [{ PODRAIN_PLATFORM: 'cloud-run' }, { platform: 'cloud-run' }],
    [{ PODRAIN_LOGGER: 'false' }, { logger: false }],
    [{ PODRAIN_SIGNALS: 'SIGTERM, SIGINT' }, { signals: ['SIGTERM', 'SIGINT'] }],
    [{ PODRAIN_SIGNALS: 'SIGTERM' }, { signals: ['SIGTERM'] }],
    [{ PODRAIN_SIGNALS: 'false' }, { signals: false }],
    [
      { PODRAIN_ERRORS: 'false', PODRAIN_PROGRESS: 'false' },
      { errors: false, progress: false },
    ],
    [{ PODRAIN_PROGRESS: '1000' }, { progress: 1000 }],
    [
      { PODRAIN_ENDPOINTS_READYZ: '/ready', PODRAIN_ENDPOINTS_LIVEZ: 'false' },
      { endpoints: { readyz: '/ready', livez: false } },
    ],
    [{ PODRAIN_TOKEN: '12345' }, { token: '12345' }],
    [{ PODRAIN_TOKEN: 'one,two' }, { token: 'one,two' }],
    [{ PODRAIN_CONTROL_PORT: '9000' }, { controlPort: 9000 }],
    [{ PODRAIN_CONTROL_SOCKET: 'true' }, { controlSocket: true }],
    [{ PODRAIN_CONTROL_SOCKET: '/tmp/drain.sock' }, { controlSocket: '/tmp/drain.sock' }],
    [{ PODRAIN_SOCKET: '/tmp/podrain.sock', PODRAIN_PRIMARY: '7' }, {}],
    [{ PODRAIN_OPTIONS: '{"behind":"envoy","settle":{"min":9}}' }, { behind: 'envoy', settle: { min: 9 } }],
    [
      { PODRAIN_OPTIONS: '{"settle":{"min":9,"quiet":8},"token":["a","b"]}', PODRAIN_SETTLE_MIN: '7' },
      { settle: { min: 7, quiet: 8 }, token: ['a', 'b'] },
    ],
  ])('%o is %o', (env, options) => {
    expect(read({ PATH: '/bin', ...env })).toEqual(options)
  })

  test.each<[env: Record<string, string>, message: string]>([
    [{ PODRAIN_SETTLE_MIN: '5s' }, 'Expected PODRAIN_SETTLE_MIN to be a number, got `5s`'],
    [{ PODRAIN_SETTLE_MIN: '' }, 'Expected PODRAIN_SETTLE_MIN to be a number, got ``'],
    [{ PODRAIN_SETTLE_MIN: '-5' }, 'Expected PODRAIN_SETTLE_MIN to be 0 or more milliseconds, got `-5`'],
    [{ PODRAIN_ERRORS: 'no' }, 'Expected PODRAIN_ERRORS to be true or false, got `no`'],
    [{ PODRAIN_PROGRESS: 'never' }, 'Expected PODRAIN_PROGRESS to be false or a number, got `never`'],
    [{ PODRAIN_LOGGER: 'pino' }, 'Expected PODRAIN_LOGGER to be false, got `pino`'],
    [{ PODRAIN_PLATFORM: 'aws' }, 'Expected PODRAIN_PLATFORM to be one of kubernetes, ecs, cloud-run'],
    [{ PODRAIN_BEHIND: 'nginx' }, 'Expected PODRAIN_BEHIND to be one of none, kube-proxy, ingress-nginx'],
    [{ PODRAIN_SIGNALS: 'SIGKILL' }, 'Expected PODRAIN_SIGNALS to name signals among'],
    [{ PODRAIN_ENDPOINTS_READYZ: 'ready' }, 'Expected PODRAIN_ENDPOINTS_READYZ to be false or a path that begins'],
    [{ PODRAIN_CONTROL_PORT: '99999' }, 'Expected PODRAIN_CONTROL_PORT to be a TCP port'],
    [
      { PODRAIN_SETTLE_MIN: '40000', PODRAIN_PLATFORM: 'kubernetes' },
      'PODRAIN_SETTLE_MIN 40000 + `closing` 5000 + `reserve` 1000 = 46000 ms, but',
    ],
    [
      { PODRAIN_SETTLE_MIN: '40000', PODRAIN_PLATFORM: 'kubernetes', TERMINATION_GRACE_PERIOD: '60' },
      'TERMINATION_GRACE_PERIOD_SECONDS is not set, but TERMINATION_GRACE_PERIOD is: is it misspelt?',
    ],
    [{ PODRAIN_OPTIONS: '{"behind":' }, 'Expected PODRAIN_OPTIONS to be one JSON object, as {"behind":"envoy"}'],
    [{ PODRAIN_OPTIONS: '[]' }, 'Expected PODRAIN_OPTIONS to be one JSON object'],
    [{ PODRAIN_OPTIONS: '{"settle":{"min":"5s"}}' }, 'Expected `settle.min` of PODRAIN_OPTIONS to be a number of mil'],
    [{ PODRAIN_OPTIONS: '{"settle":7}', PODRAIN_SETTLE_MIN: '100' }, 'Expected `settle` of PODRAIN_OPTIONS to be'],
    [{ PODRAIN_OPTIONS: '{"behnd":"envoy"}' }, 'Unknown option of PODRAIN_OPTIONS `behnd`: did you mean `behind`?'],
    [{ PODRAIN_OPTIONS: '{"endpoints":{"ready":"/"}}' }, 'Unknown endpoint `ready`: did you mean `readyz`?'],
    [
      { PODRAIN_OPTIONS: '{"checks":{"database":"select 1"}}' },
      'Expected `checks.database` of PODRAIN_OPTIONS to be a',
    ],
    [{ PODRAIN_BEHNID: 'envoy' }, 'Unknown environment variable PODRAIN_BEHNID: did you mean PODRAIN_BEHIND?'],
    [{ PODRAIN_GRACE: '30' }, 'Unknown environment variable PODRAIN_GRACE: the names are those of the options'],
    [
      { PODRAIN_SETTLE: '100' },
      'Unknown environment variable PODRAIN_SETTLE: did you mean PODRAIN_SETTLE_MIN, PODRAIN_SETTLE_QUIET, ',
    ],
    [
      { PODRAIN_TERMINATION_GRACE_PERIOD: '60' },
      'Unknown environment variable PODRAIN_TERMINATION_GRACE_PERIOD: did you mean PODRAIN_TERMINATION_GRACE_PERIOD_SECONDS?',
    ],
    [{ PODRAIN_CHECKS: '{}' }, 'Unknown environment variable PODRAIN_CHECKS: `checks` can be set in the code only'],
    [{ PODRAIN_METRICS: 'true' }, 'Unknown environment variable PODRAIN_METRICS: `metrics` can be set in the code'],
    [
      { PODRAIN_CONTROL_SOCKET: '1' },
      'Expected PODRAIN_CONTROL_SOCKET to be true or false or a path that begins with /',
    ],
    [
      { PODRAIN_TERMINATION_MESSAGE_PATH: 'true' },
      'Expected PODRAIN_TERMINATION_MESSAGE_PATH to be false or a path that begins with /, got `true`',
    ],
    [{ PODRAIN_CHECK_TIMEOUT: '0' }, 'Expected PODRAIN_CHECK_TIMEOUT to be more than 0 milliseconds, got `0`'],
    [{ PODRAIN_PROGRESS: '0' }, 'Expected PODRAIN_PROGRESS to be more than 0 milliseconds, got `0`'],
  ])('%o is an error that says what is wrong', (env, message) => {
    expect(() => read(env)).toThrow(TypeError)
    expect(() => read(env)).toThrow(message)
  })

  test('that may be a secret is not shown in errors', () => {
    const secret = 'hunter2'
    for (const env of [
      { PODRAIN_TOKE: secret },
      { PODRAIN_OPTIONS: `{"token":"${secret}"` },
      { PODRAIN_TOKEN: ` ${secret}` },
    ]) {
      expect(() => read(env as never)).toThrow(
        expect.not.objectContaining({ message: expect.stringContaining(secret) }),
      )
    }
  })

  test('that Kubernetes sets for a Service called podrain, podrain-control or podrain-auto is ignored', () => {
    const services = ['PODRAIN', 'PODRAIN_CONTROL', 'PODRAIN_AUTO'].flatMap(
      (name): Array<[string, string]> => [
        [`${name}_SERVICE_HOST`, '10.96.0.7'],
        [`${name}_SERVICE_PORT`, '80'],
        [`${name}_SERVICE_PORT_HTTP`, '80'],
        [`${name}_PORT`, 'tcp://10.96.0.7:80'],
        [`${name}_PORT_80_TCP`, 'tcp://10.96.0.7:80'],
        [`${name}_PORT_80_TCP_PROTO`, 'tcp'],
        [`${name}_PORT_80_TCP_PORT`, '80'],
        [`${name}_PORT_80_TCP_ADDR`, '10.96.0.7'],
      ],
    )
    expect(read(Object.fromEntries(services))).toEqual({})
  })
})

describe('the variables', () => {
  test('have the names of the options that are text, numbers, lists, true or false', () => {
    const named = new Set([...variables.values()].map((option) => option.split('.')[0]))
    const inCode = ['drain', 'metrics', 'checks', 'clock', 'process']
    const all = [...drainOptionNames, ...endpointOptionNames, 'drain', 'controlPort', 'metrics', 'controlSocket']
    expect(named).toEqual(new Set(all.filter((name) => !inCode.includes(name))))
  })
})

/** A drain of a server with these options, in a cluster. */
function drained(options: AdapterOptions): Drain {
  const drain = drainServer(createServer(), { signals: false, logger: false, ...options })
  onTestFinished(() => drain.dispose())
  return drain
}

describe('environment variables set defaults of every drain,', () => {
  test('and an option in code takes precedence, also within `settle` and `endpoints`', () => {
    environment({ PODRAIN_BEHIND: 'haproxy', PODRAIN_SETTLE_QUIET: '700', TERMINATION_GRACE_PERIOD_SECONDS: '60' })
    expect(drained({}).times.settle).toMatchObject({ min: 10_000, quiet: 700 })
    expect(drained({ behind: 'traefik' }).times.settle).toMatchObject({ min: 5000, quiet: 700 })
    expect(drained({ settle: { min: 1000 } }).times.settle).toMatchObject({ min: 1000, quiet: 700 })
    const drain = new Drain({ signals: false, logger: false, settle: { quiet: 300 } })
    onTestFinished(() => drain.dispose())
    expect(drain.times.settle).toMatchObject({ min: 10_000, quiet: 300 })
  })

  test('also for an option that is undefined in code', () => {
    environment({ PODRAIN_CLOSING: '900', TERMINATION_GRACE_PERIOD_SECONDS: '60' })
    expect(drained({ closing: undefined as never }).times.closing).toBe(900)
  })

  test('but not for a token that is undefined in code, which is a mistake', () => {
    environment({ PODRAIN_TOKEN: 'of everybody' })
    expect(() => drained({ token: undefined as never })).toThrow('Expected `token` to be a string, got `undefined`')
  })

  test('and an error about them names the variables', () => {
    environment({ PODRAIN_BEHIND: 'aws-alb', PODRAIN_CLOSING: '4000', TERMINATION_GRACE_PERIOD_SECONDS: '20' })
    expect(() => drained({ reserve: 2000 })).toThrow('PODRAIN_CLOSING 4000 + `reserve` 2000 = 36000 ms')
    expect(() => drained({ closing: 5000 })).toThrow('`closing` 5000 + `reserve` 1000 = 36000 ms')
  })

  test('and a misspelt one is refused, but not a variable of the application', () => {
    environment({ PODRAIN_BEHNID: 'envoy', PODRAIN_COMPANY_WIDE: 'x' })
    expect(() => drained({})).toThrow('Unknown environment variable PODRAIN_BEHNID: did you mean PODRAIN_BEHIND?')
    vi.stubEnv('PODRAIN_BEHNID', undefined)
    vi.stubEnv('PODRAIN_METRICS', 'true')
    expect(() => drained({})).toThrow('Unknown environment variable PODRAIN_METRICS: `metrics` can be set in the code')
    vi.stubEnv('PODRAIN_METRICS', undefined)
    expect(drained({}).state).toBe('serving')
  })

  test('also of a shared drain, whose attachments read only their own options', () => {
    environment({ PODRAIN_BEHIND: 'haproxy', PODRAIN_READYZ_WHILE_DRAINING: 'maybe', PODRAIN_PLATFORM: 'kubernetes' })
    const drain = new Drain({ signals: false, logger: false })
    onTestFinished(() => drain.dispose())
    expect(drain.times.settle.min).toBe(10_000)
    expect(() => drainServer(createServer(), { drain })).toThrow(
      "Expected PODRAIN_READYZ_WHILE_DRAINING to be 'fail' or 'pass', got `'maybe'`",
    )
  })
})
