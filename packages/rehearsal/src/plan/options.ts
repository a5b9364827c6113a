import type { Behind } from '@podrain/core'
import type { ClientTimeouts } from '../load/client.js'
import type { ClientCounts, PathName } from '../load/kinds.js'
import type { LiveEvent } from '../timeline/events.js'

/** One request of a mix. */
export interface RequestSpec {
  /** @default 'GET' */
  method?: string | undefined
  path: string
  /** @default {} */
  headers?: Readonly<Record<string, string>> | undefined
  /** @default undefined: no body */
  body?: string | undefined
  /** How often the request is drawn, relative to the others. 0.001 to 1000000. @default 1 */
  weight?: number | undefined
  /** The status, or statuses, that count as success: 200 to 599. @default any 2xx */
  status?: number | readonly number[] | undefined
}

/**
 * The paths that the clients request. A kind without a path has no clients.
 *
 * - `get`: of `keepAlive`, `newConnection` and `slowKeepAlive` clients
 * - `stream`: of `streaming` clients: a response that takes long, such as a stream
 * - `post`: of `post` clients: accepts a `text/plain` body of 16 KiB
 * - `download`: of `slowReader` clients: a response of some megabytes
 * - `webSocket`: of `webSocket` clients: echoes every message
 * - `sse`: of `sse` clients: `text/event-stream`
 * - `http2`: of `http2` clients, requested over HTTP/2
 * - `grpc`: of `grpc` clients: a unary method, `/package.Service/Method`
 */
export type RequestPaths = { [path in PathName]?: string | undefined } & {
  /** Replaces `get`: the requests of its clients, drawn by weight. */
  mix?: readonly RequestSpec[] | undefined
  /** What `grpc` clients send with a call. @default {} */
  grpcCall?: GrpcCall | undefined
}

/** What is sent with a unary gRPC call. */
export interface GrpcCall {
  /** The message as the method expects it (usually Protocol Buffers), in base64. @default '': a message without fields */
  message?: string | undefined
  /** Metadata, such as `{ authorization: 'Bearer …' }`. A result contains only their names. @default {} */
  metadata?: Readonly<Record<string, string>> | undefined
}

/**
 * What happens to the pods:
 *
 * - `rollout`: every pod is replaced, as for a new version
 * - `scale-down`: half of the pods, rounded up, are deleted and not replaced
 * - `liveness-kill`: a failed liveness probe restarts one container
 * - `node-shutdown`: a node with half of the pods, rounded up, shuts down
 * - `evict`: the kubelet evicts one pod with a grace period of 1 s
 * - `single-replica`: `rollout` with one pod
 * - `crash`: one container dies by SIGKILL
 * - `overrun`: `rollout` with a grace period of 1 s, which the hook outlasts
 */
export type Scenario =
  | 'rollout'
  | 'scale-down'
  | 'liveness-kill'
  | 'node-shutdown'
  | 'evict'
  | 'single-replica'
  | 'crash'
  | 'overrun'

/** The names of all scenarios. */
export const scenarioNames: readonly Scenario[] = [
  'rollout',
  'scale-down',
  'liveness-kill',
  'node-shutdown',
  'evict',
  'single-replica',
  'crash',
  'overrun',
]

/** The kind of object that owns the pods. Its controller decides how they are replaced. */
export type WorkloadKind = 'Deployment' | 'StatefulSet'

/** Every kind of workload that can be rehearsed. */
export const workloadKinds: readonly WorkloadKind[] = ['Deployment', 'StatefulSet']

/** How the kubelet sends a request: HTTPS means TLS, whose certificate the kubelet does not verify. */
export type Scheme = 'HTTP' | 'HTTPS'

/** A request of the kubelet, with the fields of Kubernetes' `httpGet`. */
export interface HttpGet {
  /** Begins with `/`. */
  path: string
  /** @default 'HTTPS' if the app uses TLS (`tls`) and `port` is not given, else 'HTTP', which is the default of Kubernetes */
  scheme?: Scheme | undefined
  /** @default the pod's own */
  port?: number | undefined
  /** Sent with the request. A result contains only their names. @default {} */
  httpHeaders?: Readonly<Record<string, string>> | undefined
}

/** The target of a `grpc` probe. */
export interface GrpcProbe {
  /** @default the pod's own */
  port?: number | undefined
  /** @default '': the server as a whole */
  service?: string | undefined
}

/** A probe of a container, with the fields of Kubernetes. Fractions of seconds are allowed. */
export interface Probe {
  /** null: no request, only a connection, as with `tcpSocket`. @default '/readyz' for the readiness probe; required for the others, except with `exec` and `grpc` */
  path: string | null
  /** As in {@link HttpGet.scheme}. */
  scheme?: Scheme | undefined
  /** The port of the probe. @default the pod's own */
  port?: number | undefined
  /** Sent with the request. A result contains only their names. @default {} */
  httpHeaders?: Readonly<Record<string, string>> | undefined
  /** Instead of a request: a command in the container. The probe passes if its exit code is 0. */
  exec?: readonly string[] | undefined
  /** Instead of a request: a gRPC health check without TLS. The probe passes if the server answers SERVING. */
  grpc?: GrpcProbe | undefined
  /** Seconds from the container's start to the first probe. @default 0 */
  initialDelaySeconds: number
  /** Seconds from one probe to the next. @default 1 for the readiness probe, 10 for the others */
  periodSeconds: number
  /** Successes in a row after which the probe passes. Must be 1 for liveness and startup probes. @default 1 */
  successThreshold: number
  /** Failures in a row after which the probe fails. @default 1 for the readiness probe, 3 for the others */
  failureThreshold: number
  /** Seconds after which an attempt without an answer has failed. @default 1 */
  timeoutSeconds: number
}

/** The container's `lifecycle.preStop`: an HTTP request, a command in the container, or a sleep. */
export type PreStop = { httpGet: HttpGet } | { exec: { command: readonly string[] } } | { sleep: { seconds: number } }

/** How late a change of endpoints reaches the clients: quantiles in ms, linear in between. The defaults were measured with kube-proxy. */
export interface EndpointLag {
  /** @default 126 */
  min: number
  /** @default 1074 */
  median: number
  /** @default 1196 */
  max: number
}

/** The framework of an app. `node` is a Node app with another framework, or with none. */
export type Framework = 'express' | 'fastify' | 'koa' | 'nestjs' | 'node'

/** The frameworks for which the advice shows code. */
export const frameworks: readonly Framework[] = ['express', 'fastify', 'koa', 'nestjs', 'node']

/** A proxy that can stand between clients and pods: a program of this machine, or `proxy`, which is built in. */
export type Through = 'nginx' | 'haproxy' | 'envoy' | 'traefik' | 'caddy' | 'proxy'

/** The names of all proxies that can stand between clients and pods. */
export const throughNames: readonly Through[] = ['nginx', 'haproxy', 'envoy', 'traefik', 'caddy', 'proxy']

/** How the proxy of `through` connects to the pods. */
export interface HopOptions {
  /** The most idle connections to pods that the proxy keeps, 0 to 10000; 0: each request has its own connection. @default 64 */
  keepAlive: number
  /**
   * How often the proxy sends a request again whose connection to a pod ended before any byte of a response, 0 to 10. Only
   * idempotent requests, such as GET, are sent again. @default 0
   */
  retries: number
}

/** What is known of the app. These facts change only the advice on losses. */
export interface AppFacts {
  /** null: not a Node app, or unknown. @default null */
  framework: Framework | null
  /** Whether the app uses podrain. @default false */
  podrain: boolean
  /** Whether the app depends on podrain's package for its framework, but podrain does not answer. @default false */
  silent: boolean
}

/** What to rehearse. Durations are milliseconds, except the fields that Kubernetes itself names in seconds. */
export interface RehearsalOptions {
  /** Shown in tables and pages. @default the command's file name */
  name?: string | undefined
  /** Columns of a table and facts of a page, such as `{ framework: 'fastify', podrain: 'yes' }`. @default {} */
  labels?: Readonly<Record<string, string>> | undefined
  /** What is known of the app, so that the advice fits. @default { framework: null, podrain: false, silent: false } */
  app?: Partial<AppFacts> | undefined
  /** What happens to the pods. @default 'rollout' */
  scenario?: Scenario | undefined
  /** The program that starts one pod. It must listen on `$HOST:$PORT`. */
  command: string
  /** The arguments of `command`. `{port}` and `{host}` in them are replaced for each pod. @default [] */
  args?: readonly string[] | undefined
  /** Working directory of the pods. @default process.cwd() */
  cwd?: string | undefined
  /**
   * Environment variables of the pods, added to those of this process. `PORT` (or the name in `portEnv`), `HOST`, `POD_NAME` and
   * `TERMINATION_GRACE_PERIOD_SECONDS` always have the values of the rehearsal. Variables of this process that begin with `KUBERNETES_`
   * are left out; `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT` are set to an address where nothing listens. @default {}
   */
  env?: Readonly<Record<string, string>> | undefined
  /** The variable that contains a pod's port. @default 'PORT' */
  portEnv?: string | undefined
  /**
   * The port of every pod, for a program whose port is fixed. Pods then differ by address, so the program must listen on
   * `$HOST` (with `netns`: on any address). @default a free port for each pod
   */
  port?: number | undefined
  /**
   * Whether the app uses TLS on that port. Then the clients use TLS too, and do not verify the certificate. @default false
   */
  tls?: boolean | undefined
  /**
   * Whether each pod gets its own network namespace and address. They are removed with the pod's process, as on a cluster, so bytes
   * that the kernel has not delivered by then are lost. Needs Linux, root and `ip` (iproute2). @default false
   */
  netns?: boolean | undefined
  /**
   * Whether each pod is PID 1 of its own PID namespace, as in a container. The kernel delivers no SIGTERM to a PID 1 without a
   * handler, and everything that PID 1 has started ends with it. Needs Linux, `unshare` (util-linux), and root or user namespaces.
   * @default true where this machine allows it
   */
  pidNamespace?: boolean | undefined
  /**
   * How much of this machine's processors each pod may use, as `resources.limits.cpu`: 0.5 is half of one processor. 0.01 to 1024.
   * Needs Linux, root and cgroup v2. @default undefined: no limit
   */
  cpus?: number | undefined
  /** A directory for the output of the pods, one file each. Files of an earlier rehearsal are replaced. @default undefined: no files */
  logs?: string | undefined
  /** The owner of the pods. A StatefulSet replaces pods from the highest ordinal down, each after the old one is gone. @default 'Deployment' */
  workload?: WorkloadKind | undefined
  /** For a StatefulSet: only pods with this ordinal or a higher one are replaced. Ordinals begin with 0. @default 0 */
  partition?: number | undefined
  /** How many pods there are, 1 to 200; at least 2 for `scale-down`. @default 3, 1 for `single-replica` */
  replicas?: number | undefined
  /** Pods above `replicas` during an update: a number, or a percentage that is rounded up. @default '25%', 0 for a StatefulSet */
  maxSurge?: number | `${number}%` | undefined
  /**
   * Pods that may be unavailable during an update: a number, or a percentage that is rounded down. Not 0 if `maxSurge` is 0.
   * If both are percentages that round to 0, it is 1, as in Kubernetes. @default '25%', 1 for a StatefulSet
   */
  maxUnavailable?: number | `${number}%` | undefined
  /** Seconds that a new pod must be ready before it counts as available. @default 0 */
  minReadySeconds?: number | undefined
  /** Seconds from the delete to SIGKILL, the preStop hook included. A whole number from 1. @default 30 */
  terminationGracePeriodSeconds?: number | undefined
  /**
   * null: no probe, so a pod counts as ready as soon as its process has started.
   * @default { path: '/readyz', periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 }
   */
  readinessProbe?: Partial<Probe> | null | undefined
  /** Restarts the container when it fails. @default undefined: no probe */
  livenessProbe?: Partial<Probe> | undefined
  /** Runs before the other probes, and restarts the container when it fails. @default undefined: no probe */
  startupProbe?: Partial<Probe> | undefined
  /** Required for `overrun`. @default undefined: no hook, SIGTERM follows the delete */
  preStop?: PreStop | undefined
  /** What routes to the pods. It decides how late the clients learn of a change, by `presets` of @podrain/core. @default 'kube-proxy' */
  behind?: Behind | undefined
  /** Instead of `behind`: the numbers themselves. */
  endpointLag?: EndpointLag | undefined
  /** Nodes that the clients are on, 1 to 50. Each node learns of a change after its own delay. 1 with `through`. @default 1 */
  nodes?: number | undefined
  /**
   * A proxy between clients and pods, with its own connections to the pods: `nginx`, `haproxy`, `envoy`, `traefik` or `caddy`, if it is
   * installed, or the built-in `proxy`. @default undefined: clients connect to pods
   */
  through?: Through | undefined
  /** How the proxy of `through` connects to the pods. @default { keepAlive: 64, retries: 0 } */
  hop?: Partial<HopOptions> | undefined
  /** Paths for each kind of client, or a mix of requests for `keepAlive`, `newConnection` and `slowKeepAlive` clients. @default { get: '/' } */
  requests?: RequestPaths | readonly RequestSpec[] | undefined
  /** How many clients of each kind there are. A kind without a path has none. @default `count` of the kind in `kinds` */
  clients?: Partial<ClientCounts> | undefined
  /**
   * Requests per second of all `keepAlive` and `newConnection` clients together, 0.1 to 100000. Without `openLoop`, slow responses
   * lower the rate. @default undefined: each client at its own pace
   */
  rate?: number | undefined
  /**
   * Whether the requests of `rate` begin on schedule, with more clients if necessary. Otherwise a client that waits sends no
   * request, so a long outage loses few requests. @default false
   */
  openLoop?: boolean | undefined
  /** @default { connect: 5000, total: 30000 } */
  timeouts?: Partial<ClientTimeouts> | undefined
  /** How long the load runs before the update begins. @default 2000 */
  warmUp?: number | undefined
  /** How long the load goes on after the last old pod has exited and the clients know of every change. @default 1000 */
  coolDown?: number | undefined
  /**
   * From a pod's creation to the start of its process: scheduling, sandbox, an image that the node has already. A pod on the measured
   * cluster took 2 s; the default is what remains of them without the readiness period. @default 900
   */
  startDelay?: number | undefined
  /** How long a pod's process may take to become ready. @default 30000, plus the least time that its startup and readiness probes take */
  startupTimeout?: number | undefined
  /** How long the whole rehearsal may take. @default 600000 */
  timeout?: number | undefined
  /** The most requests that may be sent, 1 to 10000000. The rehearsal fails when they are used up. @default 200000 */
  maxRequests?: number | undefined
  /** Seed of every random choice: pods, pauses, endpoint lags. A whole number from 0 to 4294967295. @default 1 */
  seed?: number | undefined
  /** Ends the rehearsal early: `rehearse` rejects with the signal's reason once every pod is gone. */
  signal?: AbortSignal | undefined
  /** Called with every event as it happens, and with every sample of the load. If it throws, `rehearse` rejects with that error. */
  onEvent?: ((event: LiveEvent) => void) | undefined
}

/** The options that are unknown for a run on a real cluster: null in its {@link KnownOptions}. */
export const unknowable = [
  'scenario',
  'cwd',
  'endpointLag',
  'startDelay',
  'startupTimeout',
  'timeout',
  'maxRequests',
] as const

type Unknowable = (typeof unknowable)[number]

/** The options of a run. All are known for a rehearsal; those of {@link unknowable} are null for a run on a real cluster. */
export type KnownOptions = Omit<RehearsalPlan, Unknowable | 'cluster'> & {
  /** The cluster of the run, such as `Kubernetes v1.35.0`; null: it was rehearsed on this machine. */
  readonly cluster: string | null
} & {
  readonly [name in Unknowable]: RehearsalPlan[name] | null
}

/** One request of the mix, with defaults filled in. Values of headers and the body are left out. `status: null` means any 2xx. */
export interface PlannedRequest {
  readonly method: string
  readonly path: string
  readonly headerNames: readonly string[]
  readonly bodyBytes: number
  readonly weight: number
  readonly status: readonly number[] | null
}

/** The paths that the clients request; null for a kind without clients. */
export type RequestPlan = { readonly [path in PathName]: string | null } & {
  /** null: `get` is requested instead, if it is not null too. */
  readonly mix: readonly PlannedRequest[] | null
  /** null: there are no gRPC calls. */
  readonly grpcCall: { readonly messageBytes: number; readonly metadataNames: readonly string[] } | null
}

/**
 * The options of a rehearsal with defaults filled in. Can be written as JSON.
 * Values of `env` and of request headers may be secrets, so only their names are kept. Of a body only the length is kept.
 */
export interface RehearsalPlan {
  readonly name: string
  /** A rehearsal runs on this machine, not on a cluster. */
  readonly cluster: null
  readonly scenario: Scenario
  readonly labels: Readonly<Record<string, string>>
  readonly app: Readonly<AppFacts>
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly envNames: readonly string[]
  readonly portEnv: string
  readonly port: number | null
  readonly tls: boolean
  readonly netns: boolean
  readonly pidNamespace: boolean
  readonly cpus: number | null
  readonly logs: string | null
  readonly workload: WorkloadKind
  readonly partition: number
  readonly replicas: number
  readonly maxSurge: number
  readonly maxUnavailable: number
  readonly minReadySeconds: number
  readonly terminationGracePeriodSeconds: number
  readonly readinessProbe: Readonly<Probe> | null
  readonly livenessProbe: Readonly<Probe> | null
  readonly startupProbe: Readonly<Probe> | null
  readonly preStop: PreStop | null
  /** null when `endpointLag` was given as numbers. */
  readonly behind: Behind | null
  readonly endpointLag: Readonly<EndpointLag>
  readonly nodes: number
  /** null when clients connect to pods. */
  readonly through: Through | null
  readonly hop: Readonly<HopOptions>
  readonly requests: RequestPlan
  readonly clients: Readonly<ClientCounts>
  readonly rate: number | null
  readonly openLoop: boolean
  readonly timeouts: Readonly<ClientTimeouts>
  readonly warmUp: number
  readonly coolDown: number
  readonly startDelay: number
  readonly startupTimeout: number
  readonly timeout: number
  readonly maxRequests: number
  readonly seed: number
}
