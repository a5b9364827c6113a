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
  /** How often it is drawn, relative to the others. @default 1 */
  weight?: number | undefined
  /** What counts as success. @default any 2xx */
  status?: number | readonly number[] | undefined
}

/**
 * Paths the clients ask for. A kind whose path is not given has no clients.
 *
 * - `get`: of `keepAlive`, `newConnection` and `slowKeepAlive` clients
 * - `stream`: of `streaming` clients: a response that takes its time
 * - `post`: of `post` clients: accepts a `text/plain` body of 16 KiB
 * - `download`: of `slowReader` clients: a response of some megabytes
 * - `webSocket`: of `webSocket` clients: echoes every message
 * - `sse`: of `sse` clients: `text/event-stream`
 * - `http2`: of `http2` clients, asked for over HTTP/2
 * - `grpc`: of `grpc` clients: a unary method, `/package.Service/Method`
 */
export type RequestPaths = { [path in PathName]?: string | undefined } & {
  /** Instead of `get`: what its clients ask for, drawn by weight. */
  mix?: readonly RequestSpec[] | undefined
  /** What `grpc` clients send to their method. @default {} */
  grpcCall?: GrpcCall | undefined
}

/** What is sent with a unary call. */
export interface GrpcCall {
  /** The message, encoded as the method takes it, in base64. @default '', which is a message without any field */
  message?: string | undefined
  /** Metadata, such as `{ authorization: 'Bearer …' }`; a result shows their names only. @default {} */
  metadata?: Readonly<Record<string, string>> | undefined
}

/** What happens to the pods; see `cluster/scenarios.ts` for each of them. */
export type Scenario =
  | 'rollout'
  | 'scale-down'
  | 'liveness-kill'
  | 'node-shutdown'
  | 'evict'
  | 'single-replica'
  | 'crash'
  | 'overrun'

/** Every scenario. */
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

/** What owns the pods, and so how they are replaced. */
export type WorkloadKind = 'Deployment' | 'StatefulSet'

/** Every kind of owner that is played. */
export const workloadKinds: readonly WorkloadKind[] = ['Deployment', 'StatefulSet']

/** How the kubelet asks. */
export type Scheme = 'HTTP' | 'HTTPS'

/** What the kubelet asks for, with the fields of Kubernetes' `httpGet`. */
export interface HttpGet {
  path: string
  /**
   * HTTPS: by TLS, whose certificate a kubelet does not verify.
   * @default 'HTTPS' where the app answers TLS (`tls`) on the port that is asked, else 'HTTP', as Kubernetes has it
   */
  scheme?: Scheme | undefined
  /** @default the pod's own */
  port?: number | undefined
  /** Sent with it; a result shows their names only. @default {} */
  httpHeaders?: Readonly<Record<string, string>> | undefined
}

/** What a `grpc` probe asks for. */
export interface GrpcProbe {
  /** @default the pod's own */
  port?: number | undefined
  /** @default '', which is the server as a whole */
  service?: string | undefined
}

/** A probe of a container, with the fields of Kubernetes; fractions of seconds are allowed. */
export interface Probe {
  /** null: no request, only a connection, as `tcpSocket` does. @default '/readyz' for the readiness probe */
  path: string | null
  /** HTTPS: by TLS, whose certificate nobody verifies. @default as for a hook */
  scheme?: Scheme | undefined
  /** Where the probe is answered, if not on the pod's own port. */
  port?: number | undefined
  /** Sent with it; a result shows their names only. @default {} */
  httpHeaders?: Readonly<Record<string, string>> | undefined
  /** Instead of a request: a command in the container that passes with exit code 0, as `exec` does. */
  exec?: readonly string[] | undefined
  /** Instead of a request: the health check of gRPC, without TLS, which has to answer SERVING. */
  grpc?: GrpcProbe | undefined
  /** Seconds from the container's start to the first probe. @default 0 */
  initialDelaySeconds: number
  /** Seconds from one probe to the next. @default 1 for the readiness probe, 10 for the others */
  periodSeconds: number
  /** Successes in a row that make it pass. Always 1 for liveness and startup probes. @default 1 */
  successThreshold: number
  /** Failures in a row that make it fail. @default 1 for the readiness probe, 3 for the others */
  failureThreshold: number
  /** Seconds after which an unanswered probe has failed. @default 1 */
  timeoutSeconds: number
}

/** The container's `lifecycle.preStop`: an HTTP request, a command in the container, or a sleep. */
export type PreStop = { httpGet: HttpGet } | { exec: { command: readonly string[] } } | { sleepSeconds: number }

/** Quantiles, in ms, of how late an endpoint change reaches the clients; linear in between. */
export interface EndpointLag {
  /** @default 126 */
  min: number
  /** @default 1074 */
  median: number
  /** @default 1196 */
  max: number
}

/** What an app is written with. `node` is a Node app of any other framework, or of none. */
export type Framework = 'express' | 'fastify' | 'koa' | 'nestjs' | 'node'

/** Every framework that podrain has a line of code for. */
export const frameworks: readonly Framework[] = ['express', 'fastify', 'koa', 'nestjs', 'node']

/** What can stand between clients and pods: a program of this machine, or `proxy`, a small one of our own. */
export type Through = 'nginx' | 'haproxy' | 'envoy' | 'traefik' | 'caddy' | 'proxy'

/** Everything that can stand between clients and pods. */
export const throughNames: readonly Through[] = ['nginx', 'haproxy', 'envoy', 'traefik', 'caddy', 'proxy']

/** How what stands between clients and pods treats the pods. */
export interface HopOptions {
  /** Connections to pods that it keeps for later requests; 0: each request has its own. @default 64 */
  keepAlive: number
  /**
   * How often it sends a request again whose connection to a pod ended before any byte of an answer. Only requests that may be
   * repeated, such as GET. @default 0
   */
  retries: number
}

/** What is known of the app. It changes nothing but the advice on losses. */
export interface AppFacts {
  /** null: no Node app, or nobody knows. @default null */
  framework: Framework | null
  /** Whether podrain is in it. @default false */
  podrain: boolean
}

/** What to rehearse. Durations are milliseconds, except the fields Kubernetes itself names in seconds. */
export interface RehearsalOptions {
  /** Shown in tables and pages. @default the command's file name */
  name?: string | undefined
  /** Columns of a table and facts of a page, such as `{ framework: 'fastify', podrain: 'yes' }`. @default {} */
  labels?: Readonly<Record<string, string>> | undefined
  /** What is known of the app, so that advice fits it. @default { framework: null, podrain: false } */
  app?: Partial<AppFacts> | undefined
  /** What happens to the pods. @default 'rollout' */
  scenario?: Scenario | undefined
  /** Program that starts one pod. It must listen on `$HOST:$PORT`. */
  command: string
  /** Arguments of `command`; `{port}` and `{host}` in them are filled in for each pod. @default [] */
  args?: readonly string[] | undefined
  /** Working directory of the pods. @default process.cwd() */
  cwd?: string | undefined
  /**
   * Added to this process's environment for the pods; `PORT` (or what `portEnv` says), `HOST`, `POD_NAME` and
   * `TERMINATION_GRACE_PERIOD_SECONDS` are always set on top. @default {}
   */
  env?: Readonly<Record<string, string>> | undefined
  /** The variable that tells a pod its port. @default 'PORT' */
  portEnv?: string | undefined
  /**
   * The port of every pod, for a program that cannot be told another; pods then differ by address, so it must listen on
   * `$HOST` (with `netns` on any address). @default a free one for each pod
   */
  port?: number | undefined
  /**
   * Whether the app answers TLS on that port. Clients then speak TLS to it, HTTP/2 where they are of that kind, and nobody
   * verifies its certificate. @default false
   */
  tls?: boolean | undefined
  /**
   * A network namespace and an address for each pod, taken away with its process as on a cluster: what the kernel had not
   * delivered by then is lost. Needs Linux, root and `ip` (iproute2). @default false
   */
  netns?: boolean | undefined
  /**
   * Whether each pod is PID 1 of a PID namespace of its own, as in a container. The kernel delivers no SIGTERM to it if it has
   * no handler, and all that it has started ends with it. Needs Linux, `unshare` (util-linux), and root or user namespaces.
   * @default true where that can be had
   */
  pidNamespace?: boolean | undefined
  /**
   * What the processes of a pod get of this machine's processors, as `resources.limits.cpu` says it: 0.5 is half of one.
   * Needs Linux, root and cgroup v2. @default undefined: all there is
   */
  cpus?: number | undefined
  /** A directory for all that the pods write, a file for each; files of an earlier rehearsal are replaced. @default undefined: none */
  logs?: string | undefined
  /** What owns the pods: a StatefulSet replaces them from the highest ordinal down, each after its old one is gone. @default 'Deployment' */
  workload?: WorkloadKind | undefined
  /** Of a StatefulSet: only pods with this ordinal, from 0, or a higher one are replaced. @default 0 */
  partition?: number | undefined
  /** Pods that there are, 1 to 200; at least 2 for `scale-down`. @default 3, 1 for `single-replica` */
  replicas?: number | undefined
  /** Pods above `replicas` while rolling: a number, or a percentage that is rounded up. @default '25%', 0 for a StatefulSet */
  maxSurge?: number | `${number}%` | undefined
  /**
   * Pods that may be missing while rolling: a number, or a percentage that is rounded down; not 0 together with `maxSurge`.
   * Percentages of which both come to nothing mean 1, as in Kubernetes. @default '25%', 1 for a StatefulSet
   */
  maxUnavailable?: number | `${number}%` | undefined
  /** Seconds that a new pod has to be ready before it counts as available. @default 0 */
  minReadySeconds?: number | undefined
  /** Seconds from the delete to SIGKILL, the preStop hook included. A whole number from 1. @default 30 */
  terminationGracePeriodSeconds?: number | undefined
  /**
   * null: none, so that a pod counts as ready as soon as its process has been started.
   * @default { path: '/readyz', periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 }
   */
  readinessProbe?: Partial<Probe> | null | undefined
  /** Restarts the container when it fails. @default undefined: none */
  livenessProbe?: Partial<Probe> | undefined
  /** Comes before the others, and restarts the container when it fails. @default undefined: none */
  startupProbe?: Partial<Probe> | undefined
  /** @default undefined: no hook, SIGTERM follows the delete */
  preStop?: PreStop | undefined
  /** What sends to the pods, and so how late it learns of a change; the table `presets` of @podrain/core has the numbers. @default 'kube-proxy' */
  behind?: Behind | undefined
  /** Instead of `behind`: the numbers themselves. */
  endpointLag?: EndpointLag | undefined
  /** Nodes that the clients are spread over; each learns of a change in its own time. 1 to 50. @default 1 */
  nodes?: number | undefined
  /**
   * What stands between clients and pods, with connections of its own: `nginx`, `haproxy`, `envoy`, `traefik` or `caddy`, where it is
   * installed, or `proxy`, which needs nothing. @default undefined: nothing, clients connect to pods
   */
  through?: Through | undefined
  /** How that treats the pods. @default { keepAlive: 64, retries: 0 } */
  hop?: Partial<HopOptions> | undefined
  /** Paths, or a mix of requests for the first three kinds of client. @default { get: '/' } */
  requests?: RequestPaths | readonly RequestSpec[] | undefined
  /** Counts not given keep their default. A kind without a path has no clients. */
  clients?: Partial<ClientCounts> | undefined
  /**
   * Requests a second of all `keepAlive` and `newConnection` clients together, as long as the pods answer in time.
   * @default undefined: each client at its own pace
   */
  rate?: number | undefined
  /**
   * Whether the requests of `rate` begin when it is time for them, with more clients if need be. In a closed loop a client
   * that waits asks for nothing, so that a long outage loses few requests. @default false
   */
  openLoop?: boolean | undefined
  /** @default { connect: 5000, total: 30000 } */
  timeouts?: Partial<ClientTimeouts> | undefined
  /** How long the load runs before the update begins. @default 2000 */
  warmUp?: number | undefined
  /** How long the load runs on after the last old pod has gone and clients know of every change. @default 1000 */
  coolDown?: number | undefined
  /**
   * From a pod's creation to the start of its process: scheduling, sandbox, an image that is there already. The default is
   * what remained of the 2 s a pod took on the measured cluster beside its readiness period. @default 900
   */
  startDelay?: number | undefined
  /** How long a pod's process may take to become ready. @default 30000, and what its startup and readiness probes take at least */
  startupTimeout?: number | undefined
  /** How long the whole rehearsal may take. @default 600000 */
  timeout?: number | undefined
  /** How many requests may be sent; the rehearsal fails when that is not enough. @default 200000 */
  maxRequests?: number | undefined
  /** Seed of every random choice: pods, pauses, lags. A whole number from 0. @default 1 */
  seed?: number | undefined
  /** Ends the rehearsal early: `rehearse` rejects with the signal's reason once every pod is gone. */
  signal?: AbortSignal | undefined
  /** Called with every event as it happens, and with the load's samples. If it throws, the rehearsal ends with that error. */
  onEvent?: ((event: LiveEvent) => void) | undefined
}

/** What a run on a cluster cannot know. */
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

/** The options as far as they are known: all of a rehearsal's; of a run on a cluster, some are null. */
export type KnownOptions = Omit<RehearsalPlan, Unknowable | 'cluster'> & {
  /** What it was run on, such as `Kubernetes v1.35.0`; null: rehearsed on this machine. */
  readonly cluster: string | null
} & {
  readonly [name in Unknowable]: RehearsalPlan[name] | null
}

/** One request of the mix, every field with its value; `status` null means any 2xx. */
export interface PlannedRequest {
  readonly method: string
  readonly path: string
  readonly headerNames: readonly string[]
  readonly bodyBytes: number
  readonly weight: number
  readonly status: readonly number[] | null
}

/** What the clients ask for; null where there is nobody to ask. */
export type RequestPlan = { readonly [path in PathName]: string | null } & {
  /** null when there is no mix; then there is `get`, or nothing for its clients. */
  readonly mix: readonly PlannedRequest[] | null
  /** null when there are no calls. */
  readonly grpcCall: { readonly messageBytes: number; readonly metadataNames: readonly string[] } | null
}

/**
 * The options a rehearsal ran with, defaults filled in; serialisable.
 * Of `env` and of request headers only the names are kept, of bodies the length: a result is meant to be shown, and
 * values may be secrets.
 */
export interface RehearsalPlan {
  readonly name: string
  /** A rehearsal is run on none. */
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
