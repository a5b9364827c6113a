import { basename } from 'node:path'
import { type Behind, presets } from '@podrain/core/budget'
import { type ClientCounts, clientKinds, eachKind, kinds } from '../load/kinds.js'
import { flag, integer, number, oneOf, path, port, record, refuse, strings, text } from '../shared/checks.js'
import { pidNamespaces } from '../shared/pid-namespaces.js'
import { passedAfter } from './estimate.js'
import {
  type AppFacts,
  type EndpointLag,
  frameworks,
  type GrpcProbe,
  type HttpGet,
  type PreStop,
  type Probe,
  type RehearsalOptions,
  type RehearsalPlan,
  type RequestPlan,
  type Scenario,
  type Scheme,
  scenarioNames,
  throughNames,
  workloadKinds,
} from './options.js'
import { planRequests } from './requests.js'

const known = [
  ...['name', 'labels', 'app', 'scenario', 'command', 'args', 'cwd', 'env', 'portEnv', 'port', 'tls', 'netns', 'logs'],
  ...['pidNamespace', 'cpus', 'nodes', 'workload', 'partition'],
  ...['replicas', 'maxSurge', 'maxUnavailable', 'minReadySeconds', 'terminationGracePeriodSeconds', 'readinessProbe'],
  ...['livenessProbe', 'startupProbe', 'preStop', 'behind'],
  ...['endpointLag', 'through', 'hop', 'requests', 'clients', 'rate', 'openLoop', 'timeouts'],
  ...['warmUp', 'coolDown', 'startDelay'],
  ...['startupTimeout', 'timeout', 'maxRequests', 'seed', 'signal', 'onEvent'],
]

/** The rehearsal sets these variables itself, so none of them can hold the port. */
const reserved = ['HOST', 'POD_NAME', 'TERMINATION_GRACE_PERIOD_SECONDS']

/**
 * Checks the options and fills in the defaults. Values of headers may be secrets, so they are left out.
 * @throws TypeError or RangeError that names the option, the value and what was expected.
 */
export function resolveOptions(options: RehearsalOptions): RehearsalPlan {
  return shown(resolveSecrets(options))
}

/** The plan without the values of headers, which may be secrets. */
export function shown(plan: RehearsalPlan): RehearsalPlan {
  const { readinessProbe, livenessProbe, startupProbe, preStop } = plan
  return {
    ...plan,
    readinessProbe: readinessProbe && withoutValues(readinessProbe),
    livenessProbe: livenessProbe && withoutValues(livenessProbe),
    startupProbe: startupProbe && withoutValues(startupProbe),
    preStop: preStop !== null && 'httpGet' in preStop ? { httpGet: withoutValues(preStop.httpGet) } : preStop,
  }
}

function withoutValues<T extends { readonly httpHeaders?: HttpGet['httpHeaders'] }>(request: T): T {
  const { httpHeaders } = request
  if (httpHeaders === undefined) return request
  return { ...request, httpHeaders: Object.fromEntries(Object.keys(httpHeaders).map((name) => [name, '…'])) }
}

/** The same as {@link resolveOptions}, but with the values of headers, which the kubelet sends. */
export function resolveSecrets(options: RehearsalOptions): RehearsalPlan {
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
  const clients = countsOf(options, requests)
  const tls = flag('tls', options.tls ?? false)
  const readinessProbe = options.readinessProbe === null ? null : readinessOf(options.readinessProbe, tls)
  const startupProbe = probeUnlessMissing('startupProbe', options.startupProbe, tls)
  return {
    name: text('name', options.name ?? basename(command)),
    cluster: null,
    scenario,
    labels: { ...labels },
    app: appOf(options.app),
    command,
    args: [...args],
    cwd: text('cwd', options.cwd ?? process.cwd()),
    envNames: Object.keys(env),
    portEnv: portEnvOf(options.portEnv),
    port: options.port === undefined ? null : port('port', options.port),
    tls,
    netns: flag('netns', options.netns ?? false),
    pidNamespace: pidNamespaceOf(options.pidNamespace),
    cpus: options.cpus === undefined ? null : number('cpus', options.cpus, 0.01, 1024, 'processors'),
    logs: options.logs === undefined ? null : text('logs', options.logs),
    ...budgetsOf(options, scenario),
    terminationGracePeriodSeconds: integer(
      'terminationGracePeriodSeconds',
      options.terminationGracePeriodSeconds ?? 30,
      1,
      3600,
    ),
    minReadySeconds: number('minReadySeconds', options.minReadySeconds ?? 0, 0, 3600, 's'),
    readinessProbe,
    livenessProbe: probeUnlessMissing('livenessProbe', options.livenessProbe, tls),
    startupProbe,
    preStop: hookOf(options.preStop, scenario, tls),
    ...lagOf(options),
    nodes: nodesOf(options),
    ...throughOf(options, requests),
    requests,
    clients,
    rate: rateOf(options.rate, clients),
    openLoop: openLoopOf(options),
    timeouts: {
      connect: number('timeouts.connect', connect, 1, 3_600_000, 'ms'),
      total: number('timeouts.total', total, 1, 3_600_000, 'ms'),
    },
    warmUp: number('warmUp', options.warmUp ?? 2000, 0, 600_000, 'ms'),
    coolDown: number('coolDown', options.coolDown ?? 1000, 0, 600_000, 'ms'),
    startDelay: number('startDelay', options.startDelay ?? 900, 0, 600_000, 'ms'),
    startupTimeout: number(
      'startupTimeout',
      options.startupTimeout ?? 30_000 + 1000 * (passedAfter(startupProbe) + passedAfter(readinessProbe)),
      1,
      3_600_000,
      'ms',
    ),
    timeout: number('timeout', options.timeout ?? 600_000, 1, 86_400_000, 'ms'),
    maxRequests: integer('maxRequests', options.maxRequests ?? 200_000, 1, 10_000_000),
    seed: integer('seed', options.seed ?? 1, 0, 0xffffffff),
  }
}

function pidNamespaceOf(value: boolean | undefined): boolean {
  const namespaces = pidNamespaces()
  if (value === undefined) return !('obstacle' in namespaces)
  if (flag('pidNamespace', value) && 'obstacle' in namespaces) {
    refuse('pidNamespace', `false on this machine (${namespaces.obstacle})`, value)
  }
  return value
}

function appOf(app: Partial<AppFacts> = {}): AppFacts {
  record('app', app, ['framework', 'podrain', 'silent'])
  const { framework = null, podrain = false, silent = false } = app
  return {
    framework: framework === null ? null : oneOf('app.framework', framework, frameworks),
    podrain: flag('app.podrain', podrain),
    silent: flag('app.silent', silent),
  }
}

function portEnvOf(value: unknown = 'PORT'): string {
  if (typeof value !== 'string' || !/^[A-Za-z_][A-Za-z0-9_]*$/.test(value) || reserved.includes(value)) {
    refuse('portEnv', `the name of an environment variable other than ${reserved.join(', ')}`, value)
  }
  return value
}

/** How many pods there are, and how many more or fewer there may be during an update. */
function budgetsOf(
  options: RehearsalOptions,
  scenario: Scenario,
): Pick<RehearsalPlan, 'workload' | 'partition' | 'replicas' | 'maxSurge' | 'maxUnavailable'> {
  const workload = oneOf('workload', options.workload ?? 'Deployment', workloadKinds)
  const replicas = integer('replicas', options.replicas ?? (scenario === 'single-replica' ? 1 : 3), 1, 200)
  if (scenario === 'single-replica' && replicas !== 1) refuse('replicas', '1 for the scenario single-replica', replicas)
  if (scenario === 'scale-down' && replicas === 1) {
    refuse('replicas', '2 or more for the scenario scale-down, so that a pod remains', replicas)
  }
  if (workload === 'StatefulSet') return { workload, replicas, ...ofStatefulSet(options, replicas) }
  const { partition = 0, maxSurge: surge = '25%', maxUnavailable: unavailable = '25%' } = options
  if (partition !== 0)
    refuse('partition', 'left out of a Deployment: only a StatefulSet has one (`workload`)', partition)
  if (isNothing(surge) && isNothing(unavailable)) {
    refuse('maxUnavailable', 'above 0 when `maxSurge` is 0, since nothing could ever be replaced', unavailable)
  }
  const maxSurge = share('maxSurge', surge, replicas, Math.ceil, 200)
  const maxUnavailable = share('maxUnavailable', unavailable, replicas, Math.floor, replicas)
  // Both percentages may round to 0. Then `maxUnavailable` is 1 (`ResolveFenceposts` in the Deployment controller).
  const least = maxSurge === 0 ? 1 : 0
  return { workload, partition: 0, replicas, maxSurge, maxUnavailable: Math.max(least, maxUnavailable) }
}

/** A percentage that rounds to 0 means one pod (`getStatefulSetMaxUnavailable` in the StatefulSet controller). */
function ofStatefulSet(
  { partition = 0, maxSurge = 0, maxUnavailable = 1 }: RehearsalOptions,
  replicas: number,
): Pick<RehearsalPlan, 'partition' | 'maxSurge' | 'maxUnavailable'> {
  if (!isNothing(maxSurge)) {
    refuse('maxSurge', '0 for a StatefulSet: a pod is made when the old one of its name is gone', maxSurge)
  }
  if (isNothing(maxUnavailable)) {
    refuse('maxUnavailable', 'above 0 for a StatefulSet, since nothing could ever be replaced', maxUnavailable)
  }
  return {
    partition: integer('partition', partition, 0, replicas - 1),
    maxSurge: 0,
    maxUnavailable: Math.max(1, share('maxUnavailable', maxUnavailable, replicas, Math.floor, replicas)),
  }
}

function isNothing(value: number | string): boolean {
  return value === 0 || value === '0%'
}

/** A number of pods, or a percentage of them. */
function share(option: string, value: unknown, of: number, round: (pods: number) => number, most: number): number {
  const [, percent] = (typeof value === 'string' && /^(\d{1,3})%$/.exec(value)) || []
  if (percent !== undefined && Number(percent) <= 100) return round((of * Number(percent)) / 100)
  if (typeof value === 'string') refuse(option, 'a whole number, or a percentage from 0% to 100%', value)
  return integer(option, value, 0, most)
}

const schemes: readonly Scheme[] = ['HTTP', 'HTTPS']

const probeFields = [
  ...[
    'path',
    'scheme',
    'port',
    'httpHeaders',
    'exec',
    'grpc',
    'initialDelaySeconds',
    'periodSeconds',
    'successThreshold',
  ],
  ...['failureThreshold', 'timeoutSeconds'],
]

/** The defaults are quicker than those of Kubernetes, so that a rehearsal is quick. */
function readinessOf(value: Partial<Probe> = {}, tls: boolean): Probe {
  record('readinessProbe', value, probeFields)
  return probeOf('readinessProbe', { path: '/readyz', periodSeconds: 1, failureThreshold: 1, ...value }, tls)
}

function probeUnlessMissing(option: string, value: Partial<Probe> | undefined, tls: boolean): Probe | null {
  if (value === undefined) return null
  const probe = probeOf(option, value, tls)
  if (probe.successThreshold !== 1)
    refuse(`${option}.successThreshold`, '1, as Kubernetes has it', probe.successThreshold)
  return probe
}

/** The defaults are those of Kubernetes. */
function probeOf(option: string, value: Partial<Probe>, tls: boolean): Probe {
  record(option, value, probeFields)
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = value
  const { successThreshold = 1, failureThreshold = 3, exec, grpc } = value
  const isGet = exec === undefined && grpc === undefined && value.path !== null
  return {
    path: isGet ? path(`${option}.path`, value.path) : null,
    ...(isGet ? schemeOf(option, value, tls) : {}),
    ...(value.port === undefined ? {} : { port: port(`${option}.port`, value.port) }),
    ...headersOf(option, value),
    ...(exec === undefined ? {} : { exec: command(`${option}.exec`, exec) }),
    ...(grpc === undefined ? {} : { grpc: grpcOf(`${option}.grpc`, grpc) }),
    initialDelaySeconds: number(`${option}.initialDelaySeconds`, initialDelaySeconds, 0, 3600, 's'),
    periodSeconds: number(`${option}.periodSeconds`, periodSeconds, 0.05, 3600, 's'),
    successThreshold: integer(`${option}.successThreshold`, successThreshold, 1, 1000),
    failureThreshold: integer(`${option}.failureThreshold`, failureThreshold, 1, 1000),
    timeoutSeconds: number(`${option}.timeoutSeconds`, timeoutSeconds, 0.05, 3600, 's'),
  }
}

/** HTTPS by default if the app uses TLS and the request goes to the pod's own port. */
function schemeOf(
  option: string,
  { scheme, port }: Pick<HttpGet, 'scheme' | 'port'>,
  tls: boolean,
): { scheme?: Scheme } {
  const usual = tls && port === undefined ? 'HTTPS' : 'HTTP'
  return oneOf(`${option}.scheme`, scheme ?? usual, schemes) === 'HTTPS' ? { scheme: 'HTTPS' } : {}
}

function grpcOf(option: string, value: GrpcProbe): GrpcProbe {
  record(option, value, ['port', 'service'])
  return {
    ...(value.port === undefined ? {} : { port: port(`${option}.port`, value.port) }),
    ...(value.service === undefined ? {} : { service: text(`${option}.service`, value.service) }),
  }
}

function headersOf(option: string, { httpHeaders }: Pick<HttpGet, 'httpHeaders'>): Pick<HttpGet, 'httpHeaders'> {
  if (httpHeaders === undefined || Object.keys(httpHeaders).length === 0) return {}
  return { httpHeaders: { ...strings(`${option}.httpHeaders`, httpHeaders) } }
}

/** A program and its arguments. */
function command(option: string, value: readonly string[]): readonly string[] {
  if (!Array.isArray(value) || value.length === 0 || value.some((word) => typeof word !== 'string')) {
    refuse(option, 'a program and its arguments, as an array of strings', value)
  }
  return [...value]
}

function hookOf(value: PreStop | undefined, scenario: Scenario, tls: boolean): PreStop | null {
  if (value === undefined && scenario === 'overrun') {
    return refuse('preStop', 'given for the scenario overrun: it is the hook that outlasts the grace period', value)
  }
  if (value === undefined) return null
  record('preStop', value, ['httpGet', 'exec', 'sleep'])
  if (Object.keys(value).length !== 1) refuse('preStop', 'one of { httpGet }, { exec } and { sleep }', value)
  if ('sleep' in value) {
    const sleep = record('preStop.sleep', value.sleep, ['seconds'])
    return { sleep: { seconds: number('preStop.sleep.seconds', sleep.seconds, 0, 3600, 's') } }
  }
  if ('exec' in value) {
    const exec = record('preStop.exec', value.exec, ['command'])
    return { exec: { command: command('preStop.exec.command', exec.command) } }
  }
  const httpGet = record('preStop.httpGet', value.httpGet, ['path', 'scheme', 'port', 'httpHeaders'])
  return {
    httpGet: {
      path: path('preStop.httpGet.path', httpGet.path),
      ...schemeOf('preStop.httpGet', httpGet, tls),
      ...(httpGet.port === undefined ? {} : { port: port('preStop.httpGet.port', httpGet.port) }),
      ...headersOf('preStop.httpGet', httpGet),
    },
  }
}

function lagOf({ behind, endpointLag }: RehearsalOptions): Pick<RehearsalPlan, 'behind' | 'endpointLag'> {
  if (endpointLag === undefined) {
    const name = oneOf('behind', behind ?? 'kube-proxy', Object.keys(presets) as Behind[])
    const [min, median, max] = presets[name].lag
    return { behind: name, endpointLag: { min, median, max } }
  }
  if (behind !== undefined) refuse('behind', 'left out when `endpointLag` says the numbers', behind)
  const { min, median, max }: EndpointLag = record('endpointLag', endpointLag, ['min', 'median', 'max'])
  number('endpointLag.min', min, 0, 600_000, 'ms')
  number('endpointLag.median', median, min, 600_000, 'ms')
  number('endpointLag.max', max, median, 600_000, 'ms')
  return { behind: null, endpointLag: { min, median, max } }
}

function throughOf({ through, hop }: RehearsalOptions, requests: RequestPlan): Pick<RehearsalPlan, 'through' | 'hop'> {
  if (through === undefined && hop !== undefined) {
    refuse('hop', 'left out when nothing stands between clients and pods (`through`)', hop)
  }
  const { keepAlive = 64, retries = 0 } = record('hop', hop ?? {}, ['keepAlive', 'retries'])
  for (const kind of through === undefined ? [] : clientKinds) {
    const { path, protocol } = kinds[kind]
    const asked = requests[path]
    if (protocol === 'HTTP/1.1' || asked === null) continue
    refuse(`requests.${path}`, 'left out with `through`: what stands between speaks HTTP/1.1 to the pods', asked)
  }
  return {
    through: through === undefined ? null : oneOf('through', through, throughNames),
    hop: {
      keepAlive: integer('hop.keepAlive', keepAlive, 0, 10_000),
      retries: integer('hop.retries', retries, 0, 10),
    },
  }
}

function nodesOf({ nodes = 1, through }: RehearsalOptions): number {
  integer('nodes', nodes, 1, 50)
  if (nodes > 1 && through !== undefined) {
    refuse('nodes', '1 with `through`: all clients go through the one hop, and that is what learns of changes', nodes)
  }
  return nodes
}

function rateOf(rate: number | undefined, clients: ClientCounts): number | null {
  if (rate === undefined) return null
  const paced = clientKinds.filter((kind) => kinds[kind].paced)
  if (paced.every((kind) => clients[kind] === 0)) {
    refuse('rate', `left out when there are no clients that it paces (${paced.join(', ')})`, rate)
  }
  return number('rate', rate, 0.1, 100_000, 'requests per second')
}

function openLoopOf({ openLoop = false, rate }: RehearsalOptions): boolean {
  if (flag('openLoop', openLoop) && rate === undefined) {
    refuse('openLoop', 'false without a `rate`, which sets when requests begin', openLoop)
  }
  return openLoop
}

function countsOf(options: RehearsalOptions, requests: RequestPlan): ClientCounts {
  const { clients = {} } = options
  record('clients', clients, clientKinds)
  const asked = clientKinds.filter((kind) => {
    const { path } = kinds[kind]
    return requests[path] !== null || (path === 'get' && requests.mix !== null)
  })
  const counts = eachKind((kind) => {
    const count = integer(`clients.${kind}`, clients[kind] ?? kinds[kind].count, 0, 5000)
    return asked.includes(kind) ? count : 0
  })
  if (asked.length === 0) refuse('requests', 'at least one path, or nothing would be asked', options.requests)
  if (asked.every((kind) => counts[kind] === 0)) {
    refuse('clients', `above 0 for one of ${asked.join(', ')}, or nothing would be asked`, clients)
  }
  return counts
}
