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

test('a scenario brings defaults of its own, and `behind` its numbers', () => {
  expect(resolveOptions({ command: 'a', scenario: 'single-replica' })).toMatchObject({ replicas: 1, maxSurge: 1 })
  expect(resolveOptions({ command: 'a', behind: 'none' })).toMatchObject({
    behind: 'none',
    endpointLag: { min: 0, median: 0, max: 0 },
  })
  const endpointLag = { min: 1, median: 2, max: 3 }
  expect(resolveOptions({ command: 'a', endpointLag })).toMatchObject({ behind: null, endpointLag })
})

test('a kind of client is there when its path is', () => {
  const { clients } = resolveOptions({ command: 'a', requests: { webSocket: '/ws', sse: '/events' } })
  expect(clients).toMatchObject({ keepAlive: 0, newConnection: 0, webSocket: 4, sse: 2, http2: 0 })
})

test('values of headers and bodies stay out of the result', () => {
  const headers = { Authorization: 'hush' }
  const { requests } = resolveOptions({
    command: 'a',
    requests: [{ path: '/a', method: 'POST', headers, body: 'hush', status: 201 }, { path: '/b' }],
  })
  expect(requests).toMatchObject({
    get: null,
    mix: [
      { method: 'POST', path: '/a', headerNames: ['Authorization'], bodyBytes: 4, weight: 1, status: [201] },
      { method: 'GET', path: '/b', headerNames: [], bodyBytes: 0, weight: 1, status: null },
    ],
  })
  expect(JSON.stringify(requests)).not.toContain('hush')
})

test('values of headers of hooks and probes stay out of the result', () => {
  const httpHeaders = { Authorization: 'hush' }
  const plan = resolveOptions({
    command: 'a',
    preStop: { httpGet: { path: '/prestop', httpHeaders } },
    readinessProbe: { httpHeaders },
    livenessProbe: { path: '/', httpHeaders },
  })
  expect(JSON.stringify(plan)).not.toContain('hush')
  expect(plan.preStop).toEqual({ httpGet: { path: '/prestop', httpHeaders: { Authorization: '…' } } })
})

test.each([
  [10, '25%', '25%', 3, 2],
  [3, '25%', '25%', 1, 0],
  [1, '25%', '25%', 1, 0],
  [4, '100%', '50%', 4, 2],
  [10, 0, '5%', 0, 1],
  [10, '0%', '25%', 0, 2],
])(
  'of %i pods, %s above and %s fewer are %i and %i, as Kubernetes rounds',
  (replicas, surge, fewer, maxSurge, maxUnavailable) => {
    const options = { maxSurge: surge, maxUnavailable: fewer } as Partial<RehearsalOptions>
    expect(resolveOptions({ command: 'a', replicas, ...options })).toMatchObject({ maxSurge, maxUnavailable })
  },
)

test('a container without a readiness probe has none', () => {
  expect(resolveOptions({ command: 'a', readinessProbe: null }).readinessProbe).toBeNull()
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
  [{ replicas: 0 }, 'Expected `replicas` to be a whole number from 1 to 200, got `0`'],
  [{ replicas: '3' }, 'Expected `replicas` to be a whole number from 1 to 200, got `"3"`'],
  [{ maxSurge: 0, maxUnavailable: 0 }, 'Expected `maxUnavailable` to be above 0 when `maxSurge` is 0'],
  [{ maxSurge: '0%', maxUnavailable: 0 }, 'Expected `maxUnavailable` to be above 0 when `maxSurge` is 0'],
  [{ maxSurge: '25' }, 'Expected `maxSurge` to be a whole number, or a percentage from 0% to 100%, got `"25"`'],
  [{ maxUnavailable: '101%' }, 'Expected `maxUnavailable` to be a whole number, or a percentage'],
  [{ args: 'server.js' }, 'Expected `args` to be an array of strings, got `"server.js"`'],
  [{ env: { A: 1 } }, 'Expected `env.A` to be a string, got `1`'],
  [
    { terminationGracePeriodSeconds: 1.5 },
    'Expected `terminationGracePeriodSeconds` to be a whole number from 1 to 3600',
  ],
  [{ readinessProbe: { path: 'readyz' } }, 'Expected `readinessProbe.path` to be a path that begins with /'],
  [
    { readinessProbe: { period: 1 } },
    'Unknown option `period` in `readinessProbe`; expected one of path, scheme, port, httpHeaders, exec, grpc,',
  ],
  [{ preStop: { httpGet: { path: '/a', host: 'b' } } }, 'Unknown option `host` in `preStop.httpGet`'],
  [{ preStop: { httpGet: { path: '/a', port: 0 } } }, 'Expected `preStop.httpGet.port` to be a whole number from 1'],
  [
    { preStop: { exec: {} } },
    'Expected `preStop.exec.command` to be a program and its arguments, as an array of strings',
  ],
  [{ preStop: { tcpSocket: {} } }, 'Unknown option `tcpSocket` in `preStop`; expected one of httpGet, exec, sleep'],
  [{ workload: 'DaemonSet' }, 'Expected `workload` to be one of Deployment, StatefulSet, got `"DaemonSet"`'],
  [{ workload: 'StatefulSet', maxSurge: 1 }, 'Expected `maxSurge` to be 0 for a StatefulSet'],
  [{ workload: 'StatefulSet', maxUnavailable: '0%' }, 'Expected `maxUnavailable` to be above 0 for a StatefulSet'],
  [{ workload: 'StatefulSet', partition: 3 }, 'Expected `partition` to be a whole number from 0 to 2, got `3`'],
  [{ partition: 1 }, 'Expected `partition` to be left out of a Deployment'],
  [{ preStop: {} }, 'Expected `preStop` to be one of { httpGet }, { exec } and { sleep }, got `{}`'],
  [{ livenessProbe: {} }, 'Expected `livenessProbe.path` to be a path that begins with /'],
  [
    { startupProbe: { path: '/', successThreshold: 2 } },
    'Expected `startupProbe.successThreshold` to be 1, as Kubernetes has it',
  ],
  [{ app: { framework: 'rails' } }, 'Expected `app.framework` to be one of express, fastify, koa, nestjs, node'],
  [{ cwd: '/no/such/directory' }, 'Expected `cwd` to be a directory that exists, got `"/no/such/directory"`'],
  [
    { rate: 5, clients: { keepAlive: 0, newConnection: 0 } },
    'Expected `rate` to be left out when there are no clients that it paces',
  ],
  [
    { preStop: { sleep: { seconds: -1 } } },
    'Expected `preStop.sleep.seconds` to be a number of s from 0 to 3600, got `-1`',
  ],
  [
    { endpointLag: { min: 5, median: 4, max: 6 } },
    'Expected `endpointLag.median` to be a number of ms from 5 to 600000',
  ],
  [{ requests: {} }, 'Expected `requests` to be at least one path, or nothing would be asked, got `{}`'],
  [
    { clients: { keepAlive: 0, newConnection: 0, slowKeepAlive: 0 } },
    'Expected `clients` to be above 0 for one of keepAlive, newConnection, slowKeepAlive, or nothing would be asked',
  ],
  [{ requests: { get: '/a b' } }, 'Expected `requests.get` to be a path that begins with / and holds no spaces'],
  [{ clients: { keepAlive: 5001 } }, 'Expected `clients.keepAlive` to be a whole number from 0 to 5000, got `5001`'],
  [{ timeouts: { total: 0 } }, 'Expected `timeouts.total` to be a number of ms from 1 to 3600000, got `0`'],
  [
    { scenario: 'rolout' },
    'Expected `scenario` to be one of rollout, scale-down, liveness-kill, node-shutdown, evict,',
  ],
  [{ scenario: 'single-replica', replicas: 3 }, 'Expected `replicas` to be 1 for the scenario single-replica, got `3`'],
  [{ scenario: 'scale-down', replicas: 1 }, 'Expected `replicas` to be 2 or more for the scenario scale-down, so that'],
  [{ scenario: 'overrun' }, 'Expected `preStop` to be given for the scenario overrun: it is the hook that outlasts'],
  [
    { behind: 'nginx' },
    'Expected `behind` to be one of none, kube-proxy, ingress-nginx, nginx-gateway-fabric, haproxy,',
  ],
  [
    { behind: 'envoy', endpointLag: { min: 1, median: 2, max: 3 } },
    'Expected `behind` to be left out when `endpointLag` says the numbers, got `"envoy"`',
  ],
  [{ portEnv: 'HOST' }, 'Expected `portEnv` to be the name of an environment variable other than HOST, POD_NAME,'],
  [{ portEnv: 'A-B' }, 'Expected `portEnv` to be the name of an environment variable'],
  [{ port: 0 }, 'Expected `port` to be a whole number from 1 to 65535, got `0`'],
  [{ readinessProbe: { port: '80' } }, 'Expected `readinessProbe.port` to be a whole number from 1 to 65535'],
  [{ netns: 'yes' }, 'Expected `netns` to be true or false, got `"yes"`'],
  [{ openLoop: true }, 'Expected `openLoop` to be false without a `rate`'],
  [{ rate: 0 }, 'Expected `rate` to be a number of requests per second from 0.1 to 100000, got `0`'],
  [{ startDelay: -1 }, 'Expected `startDelay` to be a number of ms from 0 to 600000, got `-1`'],
  [{ requests: [] }, 'Expected `requests` to be a list of requests that is not empty, got `[]`'],
  [{ requests: { get: '/', mix: [{ path: '/' }] } }, 'Expected `requests` to be either with `get` or with `mix`'],
  [{ requests: [{ url: '/' }] }, 'Unknown option `url` in `requests[0]`; expected one of method, path, headers, body'],
  [{ requests: [{ path: '/' }, {}] }, 'Expected `requests[1].path` to be a path that begins with /'],
  [{ requests: [{ path: '/', method: 'post' }] }, 'Expected `requests[0].method` to be a method in capitals'],
  [
    { requests: { mix: [{ path: '/', body: 'x' }] } },
    'Expected `requests.mix[0].body` to be left out of a GET: give a `method` that has one, got `"x"`',
  ],
  [{ requests: [{ path: '/', headers: { a: 1 } }] }, 'Expected `requests[0].headers.a` to be a string, got `1`'],
  [{ requests: [{ path: '/', weight: 0 }] }, 'Expected `requests[0].weight` to be a number of shares from 0.001'],
  [{ requests: [{ path: '/', status: [200, 99] }] }, 'Expected `requests[0].status` to be a whole number from 200'],
  [{ clients: { websocket: 1 } }, 'Unknown option `websocket` in `clients`; expected one of keepAlive,'],
  [{ seed: Number.NaN }, 'Expected `seed` to be a whole number'],
  [{ signal: {} }, 'Expected `signal` to be an AbortSignal, got `{}`'],
  [{ onEvent: 'log' }, 'Expected `onEvent` to be a function, got `"log"`'],
])('%j is refused with words that help', async (wrong, message) => {
  const options = { command: 'node', ...wrong } as unknown as RehearsalOptions
  await expect(rehearse(options)).rejects.toThrow(message)
})

test('a pod may take as long to become ready as its probes take at least, and 30 s besides', () => {
  const slow = { initialDelaySeconds: 60, periodSeconds: 10, successThreshold: 2 }
  expect(resolveOptions({ command: 'node', readinessProbe: slow }).startupTimeout).toBe(110_000)
  expect(resolveOptions({ command: 'node', readinessProbe: null }).startupTimeout).toBe(30_000)
  expect(resolveOptions({ command: 'node', readinessProbe: slow, startupTimeout: 5 }).startupTimeout).toBe(5)
})
