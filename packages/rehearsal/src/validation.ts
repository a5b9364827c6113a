import { basename } from 'node:path'
import { planRequests } from './asks.js'
import { flag, integer, number, oneOf, path, port, record, refuse, strings, text } from './checks.js'
import { type ClientCounts, clientKinds } from './client-kinds.js'
import {
  type Behind,
  type EndpointLag,
  lagBehind,
  type PreStop,
  type ReadinessProbe,
  type RehearsalOptions,
  type RehearsalPlan,
  type RequestPlan,
  type Scenario,
  scenarioNames,
} from './options.js'

const known = [
  ...['name', 'labels', 'scenario', 'command', 'args', 'cwd', 'env', 'portEnv', 'port', 'netns', 'replicas'],
  ...['maxSurge', 'maxUnavailable', 'terminationGracePeriodSeconds', 'readinessProbe', 'preStop', 'behind'],
  ...['endpointLag', 'requests', 'clients', 'rate', 'timeouts', 'warmUp', 'coolDown', 'startDelay', 'startupTimeout'],
  ...['timeout', 'maxRequests', 'seed', 'signal', 'onEvent'],
]

/** Set by the rehearsal itself, so a port cannot be told in one of them. */
const reserved = ['HOST', 'POD_NAME', 'TERMINATION_GRACE_PERIOD_SECONDS']

/**
 * Checks the options and fills in the defaults.
 * @throws TypeError or RangeError naming the option, the value and what was expected.
 */
export function resolveOptions(options: RehearsalOptions): RehearsalPlan {
  record('options', options, known)
  const { labels = {}, args = [], env = {}, timeouts = {}, signal, onEvent } = options
  const command = text('command', options.command)
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string')) refuse('args', 'an array of strings', args)
  strings('env', env)
  strings('labels', labels)
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse('signal', 'an AbortSignal', signal)
  if (onEvent !== undefined && typeof onEvent !== 'function') refuse('onEvent', 'a function', onEvent)

  const scenario = oneOf('scenario', options.scenario ?? 'rollout', scenarioNames)
  const requests = planRequests(options.requests)
  record('timeouts', timeouts, ['connect', 'total'])
  const { connect = 5000, total = 30_000 } = timeouts
  const rate = options.rate === undefined ? null : number('rate', options.rate, 0.1, 100_000, 'requests per second')
  return {
    name: text('name', options.name ?? basename(command)),
    scenario,
    labels: { ...labels },
    command,
    args: [...args],
    cwd: text('cwd', options.cwd ?? process.cwd()),
    envNames: Object.keys(env),
    portEnv: portEnvOf(options.portEnv),
    port: options.port === undefined ? null : port('port', options.port),
    netns: flag('netns', options.netns ?? false),
    ...budgetsOf(options, scenario),
    terminationGracePeriodSeconds: integer(
      'terminationGracePeriodSeconds',
      options.terminationGracePeriodSeconds ?? 30,
      1,
      3600,
    ),
    readinessProbe: probeOf(options.readinessProbe),
    preStop: hookOf(options.preStop, scenario),
    ...lagOf(options),
    requests,
    clients: countsOf(options, requests),
    rate,
    timeouts: {
      connect: number('timeouts.connect', connect, 1, 3_600_000, 'ms'),
      total: number('timeouts.total', total, 1, 3_600_000, 'ms'),
    },
    warmUp: number('warmUp', options.warmUp ?? 2000, 0, 600_000, 'ms'),
    coolDown: number('coolDown', options.coolDown ?? 1000, 0, 600_000, 'ms'),
    startDelay: number('startDelay', options.startDelay ?? 900, 0, 600_000, 'ms'),
    startupTimeout: number('startupTimeout', options.startupTimeout ?? 30_000, 1, 3_600_000, 'ms'),
    timeout: number('timeout', options.timeout ?? 600_000, 1, 86_400_000, 'ms'),
    maxRequests: integer('maxRequests', options.maxRequests ?? 200_000, 1, 10_000_000),
    seed: integer('seed', options.seed ?? 1, 0, 0xffffffff),
  }
}

function portEnvOf(value: unknown = 'PORT'): string {
  if (typeof value !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(value) || reserved.includes(value)) {
    refuse('portEnv', `the name of an environment variable other than ${reserved.join(', ')}`, value)
  }
  return value
}

/** How many pods there are, and how many more or fewer there may be while they are replaced. */
function budgetsOf(
  options: RehearsalOptions,
  scenario: Scenario,
): Pick<RehearsalPlan, 'replicas' | 'maxSurge' | 'maxUnavailable'> {
  const replicas = integer('replicas', options.replicas ?? (scenario === 'single-replica' ? 1 : 3), 1, 50)
  if (scenario === 'single-replica' && replicas !== 1) refuse('replicas', '1 for the scenario single-replica', replicas)
  if (scenario === 'scale-down' && replicas === 1) {
    refuse('replicas', '2 or more for the scenario scale-down, so that a pod remains', replicas)
  }
  const maxSurge = integer('maxSurge', options.maxSurge ?? 1, 0, 50)
  const maxUnavailable = integer('maxUnavailable', options.maxUnavailable ?? 0, 0, replicas)
  if (maxSurge === 0 && maxUnavailable === 0) {
    refuse('maxUnavailable', 'above 0 when `maxSurge` is 0, since nothing could ever be replaced', maxUnavailable)
  }
  return { replicas, maxSurge, maxUnavailable }
}

function probeOf(value: Partial<ReadinessProbe> = {}): ReadinessProbe {
  record('readinessProbe', value, ['path', 'port', 'periodSeconds', 'failureThreshold', 'timeoutSeconds'])
  const { path: readyPath = '/readyz', periodSeconds = 1, failureThreshold = 1, timeoutSeconds = 1 } = value
  return {
    path: readyPath === null ? null : path('readinessProbe.path', readyPath),
    ...(value.port === undefined ? {} : { port: port('readinessProbe.port', value.port) }),
    periodSeconds: number('readinessProbe.periodSeconds', periodSeconds, 0.05, 3600, 's'),
    failureThreshold: integer('readinessProbe.failureThreshold', failureThreshold, 1, 1000),
    timeoutSeconds: number('readinessProbe.timeoutSeconds', timeoutSeconds, 0.05, 3600, 's'),
  }
}

function hookOf(value: PreStop | undefined, scenario: Scenario): PreStop | null {
  if (value === undefined && scenario === 'overrun') {
    return refuse('preStop', 'given for the scenario overrun: it is the hook that outlasts the grace period', value)
  }
  if (value === undefined) return null
  record('preStop', value, ['httpGet', 'sleepSeconds'])
  if (Object.keys(value).length !== 1) refuse('preStop', 'either { httpGet } or { sleepSeconds }', value)
  if ('sleepSeconds' in value) return { sleepSeconds: number('preStop.sleepSeconds', value.sleepSeconds, 0, 3600, 's') }
  const httpGet = record('preStop.httpGet', value.httpGet, ['path', 'port'])
  return {
    httpGet: {
      path: path('preStop.httpGet.path', httpGet.path),
      ...(httpGet.port === undefined ? {} : { port: port('preStop.httpGet.port', httpGet.port) }),
    },
  }
}

function lagOf({ behind, endpointLag }: RehearsalOptions): Pick<RehearsalPlan, 'behind' | 'endpointLag'> {
  if (endpointLag === undefined) {
    const name = oneOf('behind', behind ?? 'kube-proxy', Object.keys(lagBehind) as Behind[])
    return { behind: name, endpointLag: { ...lagBehind[name] } }
  }
  if (behind !== undefined) refuse('behind', 'left out when `endpointLag` says the numbers', behind)
  const { min, median, max }: EndpointLag = record('endpointLag', endpointLag, ['min', 'median', 'max'])
  number('endpointLag.min', min, 0, 600_000, 'ms')
  number('endpointLag.median', median, min, 600_000, 'ms')
  number('endpointLag.max', max, median, 600_000, 'ms')
  return { behind: null, endpointLag: { min, median, max } }
}

const defaultCounts: Readonly<ClientCounts> = {
  keepAlive: 8,
  newConnection: 4,
  slowKeepAlive: 4,
  streaming: 2,
  post: 2,
  slowReader: 2,
  webSocket: 4,
  sse: 2,
  http2: 4,
}

function countsOf(options: RehearsalOptions, requests: RequestPlan): ClientCounts {
  const { clients = {} } = options
  record('clients', clients, clientKinds)
  const asked = requests.get !== null || requests.mix !== null
  const hasPath: Record<keyof ClientCounts, boolean> = {
    keepAlive: asked,
    newConnection: asked,
    slowKeepAlive: asked,
    streaming: requests.stream !== null,
    post: requests.post !== null,
    slowReader: requests.download !== null,
    webSocket: requests.webSocket !== null,
    sse: requests.sse !== null,
    http2: requests.http2 !== null,
  }
  const counts = { ...defaultCounts }
  for (const kind of clientKinds) {
    const count = integer(`clients.${kind}`, clients[kind] ?? defaultCounts[kind], 0, 500)
    counts[kind] = hasPath[kind] ? count : 0
  }
  if (Object.values(counts).every((count) => count === 0)) {
    refuse(
      'requests',
      'at least one path that has clients, or nothing would be asked',
      options.requests ?? { get: '/' },
    )
  }
  return counts
}
