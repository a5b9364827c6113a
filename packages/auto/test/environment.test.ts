import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { checkOptions } from '@podrain/core'
import { describe, expect, test } from 'vitest'
import { endpointOptionNames } from '../../core/src/endpoints/options.js'
import { drainOptionNames } from '../../core/src/options.js'
import { optionsOf, otherVariables, variables } from '../src/environment.js'
import { App, fixture, folder, preload } from './support.js'

const read = (env: Record<string, string>) => optionsOf(env, checkOptions)

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
    [{ PODRAIN_AUTO: 'true' }, {}],
    [{ PODRAIN_AUTO: '1', PODRAIN_SOCKET: '/tmp/podrain.sock', PODRAIN_PRIMARY: '7' }, {}],
    [{ PODRAIN_OPTIONS: '{"behind":"envoy","settle":{"min":9}}' }, { behind: 'envoy', settle: { min: 9 } }],
    [
      { PODRAIN_OPTIONS: '{"settle":{"min":9,"quiet":8},"token":["a","b"]}', PODRAIN_SETTLE_MIN: '7' },
      { settle: { min: 7, quiet: 8 }, token: ['a', 'b'] },
    ],
  ])('%o is %o', (env, options) => {
    expect(read({ PATH: '/bin', ...env })).toEqual(options)
  })

  test.each([['false'], ['0']])('PODRAIN_AUTO=%s turns everything off, wrong options included', (off) => {
    expect(read({ PODRAIN_AUTO: off, PODRAIN_BEHIND: 'nobody', PODRAIN_OPTIONS: '{' })).toBeUndefined()
  })

  test.each<[env: Record<string, string>, message: string]>([
    [{ PODRAIN_AUTO: 'yes' }, 'Expected PODRAIN_AUTO to be true or false, got `yes`'],
    [{ PODRAIN_SETTLE_MIN: '5s' }, 'Expected PODRAIN_SETTLE_MIN to be a number, got `5s`'],
    [{ PODRAIN_SETTLE_MIN: '' }, 'Expected PODRAIN_SETTLE_MIN to be a number, got ``'],
    [{ PODRAIN_SETTLE_MIN: '-5' }, 'Expected PODRAIN_SETTLE_MIN to be 0 or more milliseconds, got `-5`'],
    [{ PODRAIN_ERRORS: 'no' }, 'Expected PODRAIN_ERRORS to be true or false, got `no`'],
    [{ PODRAIN_PROGRESS: 'never' }, 'Expected PODRAIN_PROGRESS to be false or a number, got `never`'],
    [{ PODRAIN_LOGGER: 'pino' }, 'Expected PODRAIN_LOGGER to be false, got `pino`'],
    [{ PODRAIN_PLATFORM: 'aws' }, 'Expected PODRAIN_PLATFORM to be one of kubernetes, ecs, cloud-run'],
    [{ PODRAIN_BEHIND: 'nginx' }, 'Expected PODRAIN_BEHIND to be one of none, kube-proxy, ingress-nginx'],
    [{ PODRAIN_SIGNALS: 'SIGKILL' }, 'Expected PODRAIN_SIGNALS to name signals among'],
    [{ PODRAIN_ENDPOINTS_READYZ: 'ready' }, 'Expected PODRAIN_ENDPOINTS_READYZ to be a path that begins with /'],
    [{ PODRAIN_CONTROL_PORT: '99999' }, 'Expected PODRAIN_CONTROL_PORT to be a TCP port'],
    [
      { PODRAIN_SETTLE_MIN: '40000', PODRAIN_PLATFORM: 'kubernetes' },
      'PODRAIN_SETTLE_MIN 40000 + `closing` 5000 + `reserve` 1000 = 46000 ms, but',
    ],
    [{ PODRAIN_OPTIONS: '{"behind":' }, 'Expected PODRAIN_OPTIONS to be one JSON object, as {"behind":"envoy"}'],
    [{ PODRAIN_OPTIONS: '[]' }, 'Expected PODRAIN_OPTIONS to be one JSON object'],
    [{ PODRAIN_OPTIONS: '{"settle":{"min":"5s"}}' }, 'Expected `settle.min` of PODRAIN_OPTIONS to be a number of mil'],
    [{ PODRAIN_OPTIONS: '{"behnd":"envoy"}' }, 'Unknown option `behnd` of PODRAIN_OPTIONS: expected one of'],
    [{ PODRAIN_OPTIONS: '{"endpoints":{"ready":"/"}}' }, 'Unknown endpoint `ready`: expected one of `readyz`'],
    [
      { PODRAIN_OPTIONS: '{"checks":{"database":"select 1"}}' },
      'Expected `checks.database` of PODRAIN_OPTIONS to be a',
    ],
    [{ PODRAIN_BEHNID: 'envoy' }, 'Unknown environment variable PODRAIN_BEHNID: did you mean PODRAIN_BEHIND?'],
    [{ PODRAIN_GRACE: '30' }, 'Unknown environment variable PODRAIN_GRACE: the names are those of the options'],
    [{ PODRAIN_CHECKS: '{}' }, 'Unknown environment variable PODRAIN_CHECKS'],
  ])('%o is an error that says what is wrong', (env, message) => {
    expect(() => read(env)).toThrow(TypeError)
    expect(() => read(env)).toThrow(message)
  })

  test('that may be a secret is not shown', () => {
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

  test('that Kubernetes sets for a Service called podrain, podrain-control or podrain-auto is not ours', () => {
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
  test('are named after the options of core that are text, numbers, lists, true or false', () => {
    const named = new Set([...variables.values()].map((option) => option.split('.')[0]))
    const inCode = ['drain', 'metrics', 'checks', 'clock', 'process']
    const all = [...drainOptionNames, ...endpointOptionNames, 'drain', 'controlPort', 'metrics', 'controlSocket']
    expect(named).toEqual(new Set(all.filter((name) => !inCode.includes(name))))
  })

  test('are those of the README', () => {
    const text = readFileSync(join(folder, 'README.md'), 'utf8')
    const told = [...text.matchAll(/^\| `(PODRAIN_\w+)`/gm)].map(([, name]) => name)
    expect(told.toSorted()).toEqual([...variables.keys(), 'PODRAIN_AUTO', 'PODRAIN_OPTIONS'].toSorted())
    for (const name of otherVariables) expect(text).toContain(name)
  })
})

describe.concurrent('a wrong variable', () => {
  test.each([['node.mjs'], ['idle.mjs']])('ends the process before it begins (%s)', async (file) => {
    const app = new App([...preload, fixture(file)], { PODRAIN_SETTLE_MIN: '-5' })
    expect(await app.exit).toEqual([1, null])
    expect(app.output).toContain('TypeError: Expected PODRAIN_SETTLE_MIN to be 0 or more milliseconds, got `-5`')
    expect(app.output).not.toMatch(/^listen/m)
  })

  test('that is right is used', async () => {
    const app = await App.serve([fixture('node.mjs')], { PODRAIN_SIGNALS: 'SIGHUP', PODRAIN_LOGGER: 'false' })
    app.process.kill('SIGHUP')
    expect(await app.exit).toEqual([0, null])
    expect(app.output).toMatch(/^listening \d+$/)
  })
})
