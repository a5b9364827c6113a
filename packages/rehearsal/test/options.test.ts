import { expect, test } from 'vitest'
import { type RehearsalOptions, rehearse, resolveOptions } from '../src/index.js'

test('defaults are those of a small Deployment behind kube-proxy in iptables mode', () => {
  expect(resolveOptions({ command: '/usr/bin/node' })).toMatchObject({
    name: 'node',
    labels: {},
    args: [],
    replicas: 3,
    maxSurge: 1,
    maxUnavailable: 0,
    terminationGracePeriodSeconds: 30,
    readinessProbe: { path: '/readyz', periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 },
    preStop: null,
    endpointLag: { min: 126, median: 1074, max: 1196 },
    requests: { get: '/', stream: null, post: null },
    clients: { keepAlive: 8, newConnection: 4, slowKeepAlive: 4, streaming: 0, post: 0 },
    timeouts: { connect: 5000, total: 30_000 },
    seed: 1,
  })
})

test('0 is a value, not the lack of one', () => {
  const plan = resolveOptions({
    command: 'a',
    maxSurge: 0,
    maxUnavailable: 1,
    warmUp: 0,
    coolDown: 0,
    seed: 0,
    clients: { keepAlive: 0 },
  })
  expect(plan).toMatchObject({
    maxSurge: 0,
    warmUp: 0,
    coolDown: 0,
    seed: 0,
    clients: { keepAlive: 0, newConnection: 4 },
  })
})

test('values of the environment stay out of the result', () => {
  const plan = resolveOptions({ command: 'a', env: { TOKEN: 'hush' } })
  expect(plan.envNames).toEqual(['TOKEN'])
  expect(JSON.stringify(plan)).not.toContain('hush')
})

test.each<[Record<string, unknown>, string]>([
  [{ command: '' }, 'Expected `command` to be a string that is not empty, got `""`'],
  [{ command: undefined }, 'Expected `command` to be a string that is not empty, got `undefined`'],
  [{ replica: 3 }, 'Unknown option `replica`; expected one of name,'],
  [{ replicas: 0 }, 'Expected `replicas` to be a whole number from 1 to 50, got `0`'],
  [{ replicas: '3' }, 'Expected `replicas` to be a whole number from 1 to 50, got `"3"`'],
  [{ maxSurge: 0 }, 'Expected `maxUnavailable` to be above 0 when `maxSurge` is 0'],
  [{ args: 'server.js' }, 'Expected `args` to be an array of strings, got `"server.js"`'],
  [{ env: { A: 1 } }, 'Expected `env.A` to be a string, got `1`'],
  [
    { terminationGracePeriodSeconds: 1.5 },
    'Expected `terminationGracePeriodSeconds` to be a whole number from 1 to 3600',
  ],
  [{ readinessProbe: { path: 'readyz' } }, 'Expected `readinessProbe.path` to be a path that begins with /'],
  [
    { readinessProbe: { period: 1 } },
    'Unknown option `period` in `readinessProbe`; expected one of path, periodSeconds',
  ],
  [{ preStop: { httpGet: { path: '/a', port: 1 } } }, 'Unknown option `port` in `preStop.httpGet`'],
  [{ preStop: { exec: {} } }, 'Unknown option `exec` in `preStop`; expected one of httpGet, sleepSeconds'],
  [{ preStop: {} }, 'Expected `preStop` to be either { httpGet } or { sleepSeconds }, got `{}`'],
  [{ preStop: { sleepSeconds: -1 } }, 'Expected `preStop.sleepSeconds` to be a number of s from 0 to 3600, got `-1`'],
  [
    { endpointLag: { min: 5, median: 4, max: 6 } },
    'Expected `endpointLag.median` to be a number of ms from 5 to 60000',
  ],
  [
    { requests: {} },
    'Expected `requests` to be at least one path that has clients, or nothing would be asked, got `{}`',
  ],
  [{ requests: { get: '/a b' } }, 'Expected `requests.get` to be a path that begins with / and holds no spaces'],
  [{ clients: { keepAlive: 501 } }, 'Expected `clients.keepAlive` to be a whole number from 0 to 500, got `501`'],
  [{ timeouts: { total: 0 } }, 'Expected `timeouts.total` to be a number of ms from 1 to 3600000, got `0`'],
  [{ seed: Number.NaN }, 'Expected `seed` to be a whole number'],
  [{ signal: {} }, 'Expected `signal` to be an AbortSignal, got `{}`'],
  [{ onEvent: 'log' }, 'Expected `onEvent` to be a function, got `"log"`'],
])('%j is refused with words that help', async (wrong, message) => {
  const options = { command: 'node', ...wrong } as unknown as RehearsalOptions
  await expect(rehearse(options)).rejects.toThrow(message)
})
