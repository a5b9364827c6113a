import { basename } from 'node:path'
import { clientKinds, type PreStop, type RehearsalOptions, type RehearsalPlan } from './options.js'

/** Rejects one value: names the option, says what was expected and shows what came. */
function refuse(option: string, expected: string, value: unknown): never {
  const shown = typeof value === 'function' ? 'a function' : (JSON.stringify(value) ?? String(value))
  const Kind = typeof value === 'number' ? RangeError : TypeError
  throw new Kind(`Expected \`${option}\` to be ${expected}, got \`${shown}\``)
}

function number(option: string, value: unknown, min: number, max: number, unit: string): number {
  if (typeof value === 'number' && value >= min && value <= max) return value
  return refuse(option, `a number of ${unit} from ${min} to ${max}`, value)
}

function integer(option: string, value: unknown, min: number, max: number): number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return value as number
  return refuse(option, `a whole number from ${min} to ${max}`, value)
}

function text(option: string, value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : refuse(option, 'a string that is not empty', value)
}

function path(option: string, value: unknown): string {
  if (typeof value === 'string' && /^\/[\x21-\x7e]*$/.test(value)) return value
  return refuse(option, 'a path that begins with / and holds no spaces', value)
}

/** Checks that `value` is a plain record with no key but `known`: a misspelt option must not be ignored. */
function record<T extends object>(option: string, value: T, known: readonly string[]): T {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(option, 'an object', value)
  for (const key of Object.keys(value)) {
    if (!known.includes(key)) {
      const where = option === 'options' ? '' : ` in \`${option}\``
      throw new TypeError(`Unknown option \`${key}\`${where}; expected one of ${known.join(', ')}`)
    }
  }
  return value
}

function strings(option: string, value: Readonly<Record<string, string>>): void {
  record(option, value, Object.keys(value ?? {}))
  for (const [key, text] of Object.entries(value)) {
    if (typeof text !== 'string') refuse(`${option}.${key}`, 'a string', text)
  }
}

function hook(value: PreStop | undefined): PreStop | null {
  if (value === undefined) return null
  record('preStop', value, ['httpGet', 'sleepSeconds'])
  if (Object.keys(value).length !== 1) refuse('preStop', 'either { httpGet } or { sleepSeconds }', value)
  if ('sleepSeconds' in value) return { sleepSeconds: number('preStop.sleepSeconds', value.sleepSeconds, 0, 3600, 's') }
  return { httpGet: { path: path('preStop.httpGet.path', record('preStop.httpGet', value.httpGet, ['path']).path) } }
}

const known = [
  ...[
    'name',
    'labels',
    'command',
    'args',
    'cwd',
    'env',
    'replicas',
    'maxSurge',
    'maxUnavailable',
    'readinessProbe',
    'preStop',
  ],
  ...['terminationGracePeriodSeconds', 'endpointLag', 'requests', 'clients', 'timeouts', 'warmUp', 'coolDown'],
  ...['startupTimeout', 'timeout', 'maxRequests', 'seed', 'signal', 'onEvent'],
]

/**
 * Checks the options and fills in the defaults.
 * @throws TypeError or RangeError naming the option, the value and what was expected.
 */
export function resolveOptions(options: RehearsalOptions): RehearsalPlan {
  record('options', options, known)
  const {
    labels = {},
    args = [],
    env = {},
    readinessProbe = {},
    requests = { get: '/' },
    clients = {},
    timeouts = {},
  } = options
  const { endpointLag = { min: 126, median: 1074, max: 1196 }, signal, onEvent } = options
  const command = text('command', options.command)
  if (!Array.isArray(args) || args.some((arg) => typeof arg !== 'string')) refuse('args', 'an array of strings', args)
  strings('env', env)
  strings('labels', labels)
  if (signal !== undefined && !(signal instanceof AbortSignal)) refuse('signal', 'an AbortSignal', signal)
  if (onEvent !== undefined && typeof onEvent !== 'function') refuse('onEvent', 'a function', onEvent)

  record('readinessProbe', readinessProbe, ['path', 'periodSeconds', 'failureThreshold', 'timeoutSeconds'])
  const { path: readyPath = '/readyz', periodSeconds = 1, failureThreshold = 1, timeoutSeconds = 1 } = readinessProbe
  record('timeouts', timeouts, ['connect', 'total'])
  const { connect = 5000, total = 30_000 } = timeouts
  record('clients', clients, clientKinds)
  const { keepAlive = 8, newConnection = 4, slowKeepAlive = 4, streaming = 2, post = 2 } = clients
  record('endpointLag', endpointLag, ['min', 'median', 'max'])
  const { min, median, max } = endpointLag
  number('endpointLag.min', min, 0, 60_000, 'ms')
  number('endpointLag.median', median, min, 60_000, 'ms')
  number('endpointLag.max', max, median, 60_000, 'ms')

  record('requests', requests, ['get', 'stream', 'post'])
  const optionalPath = (name: 'get' | 'stream' | 'post') =>
    requests[name] === undefined ? null : path(`requests.${name}`, requests[name])
  const paths = { get: optionalPath('get'), stream: optionalPath('stream'), post: optionalPath('post') }
  const counts = {
    keepAlive: paths.get === null ? 0 : integer('clients.keepAlive', keepAlive, 0, 500),
    newConnection: paths.get === null ? 0 : integer('clients.newConnection', newConnection, 0, 500),
    slowKeepAlive: paths.get === null ? 0 : integer('clients.slowKeepAlive', slowKeepAlive, 0, 500),
    streaming: paths.stream === null ? 0 : integer('clients.streaming', streaming, 0, 500),
    post: paths.post === null ? 0 : integer('clients.post', post, 0, 500),
  }
  if (Object.values(counts).every((count) => count === 0)) {
    refuse('requests', 'at least one path that has clients, or nothing would be asked', requests)
  }

  const replicas = integer('replicas', options.replicas ?? 3, 1, 50)
  const maxSurge = integer('maxSurge', options.maxSurge ?? 1, 0, 50)
  const maxUnavailable = integer('maxUnavailable', options.maxUnavailable ?? 0, 0, replicas)
  if (maxSurge === 0 && maxUnavailable === 0) {
    refuse('maxUnavailable', 'above 0 when `maxSurge` is 0, since nothing could ever be replaced', maxUnavailable)
  }
  return {
    name: text('name', options.name ?? basename(command)),
    labels: { ...labels },
    command,
    args: [...args],
    cwd: text('cwd', options.cwd ?? process.cwd()),
    envNames: Object.keys(env),
    replicas,
    maxSurge,
    maxUnavailable,
    terminationGracePeriodSeconds: integer(
      'terminationGracePeriodSeconds',
      options.terminationGracePeriodSeconds ?? 30,
      1,
      3600,
    ),
    readinessProbe: {
      path: path('readinessProbe.path', readyPath),
      periodSeconds: number('readinessProbe.periodSeconds', periodSeconds, 0.05, 3600, 's'),
      failureThreshold: integer('readinessProbe.failureThreshold', failureThreshold, 1, 1000),
      timeoutSeconds: number('readinessProbe.timeoutSeconds', timeoutSeconds, 0.05, 3600, 's'),
    },
    preStop: hook(options.preStop),
    endpointLag: { min, median, max },
    requests: paths,
    clients: counts,
    timeouts: {
      connect: number('timeouts.connect', connect, 1, 3_600_000, 'ms'),
      total: number('timeouts.total', total, 1, 3_600_000, 'ms'),
    },
    warmUp: number('warmUp', options.warmUp ?? 2000, 0, 600_000, 'ms'),
    coolDown: number('coolDown', options.coolDown ?? 1000, 0, 600_000, 'ms'),
    startupTimeout: number('startupTimeout', options.startupTimeout ?? 30_000, 1, 3_600_000, 'ms'),
    timeout: number('timeout', options.timeout ?? 600_000, 1, 86_400_000, 'ms'),
    maxRequests: integer('maxRequests', options.maxRequests ?? 200_000, 1, 10_000_000),
    seed: integer('seed', options.seed ?? 1, 0, 0xffffffff),
  }
}
