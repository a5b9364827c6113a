import type { ClientCounts } from './client-kinds.js'
import type { LiveEvent } from './events.js'

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

/** Paths the clients ask for. A kind whose path is not given has no clients. */
export interface RequestPaths {
  /** Path of `keepAlive`, `newConnection` and `slowKeepAlive` clients. */
  get?: string | undefined
  /** Instead of `get`: what these clients ask for, drawn by weight. */
  mix?: readonly RequestSpec[] | undefined
  /** Path of `streaming` clients: a response that takes its time. */
  stream?: string | undefined
  /** Path of `post` clients: accepts a `text/plain` body of 16 KiB. */
  post?: string | undefined
  /** Path of `slowReader` clients: a response of some megabytes. */
  download?: string | undefined
  /** Path of `webSocket` clients: echoes every message. */
  webSocket?: string | undefined
  /** Path of `sse` clients: `text/event-stream`. */
  sse?: string | undefined
  /** Path of `http2` clients, asked for over cleartext HTTP/2. */
  http2?: string | undefined
}

/** What happens to the pods; see `scenarios.ts` for each of them. */
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

/** The fields of a container's `readinessProbe` that matter here, named as in Kubernetes; fractions are allowed. */
export interface ReadinessProbe {
  /** null: no request, only a connection, as `tcpSocket` does. @default '/readyz' */
  path: string | null
  /** Where the probe is answered, if not on the pod's own port. */
  port?: number | undefined
  /** Seconds from one probe to the next. @default 1 */
  periodSeconds: number
  /** Failures in a row that make a ready pod unready. @default 1 */
  failureThreshold: number
  /** Seconds after which an unanswered probe has failed. @default 1 */
  timeoutSeconds: number
}

/** The container's `lifecycle.preStop`: an HTTP request, or a sleep. */
export type PreStop = { httpGet: { path: string; port?: number | undefined } } | { sleepSeconds: number }

/** Quantiles, in ms, of how late an endpoint change reaches the clients; linear in between. */
export interface EndpointLag {
  /** @default 126 */
  min: number
  /** @default 1074 */
  median: number
  /** @default 1196 */
  max: number
}

/** What sends to the pods, for {@link lagBehind}. */
export type Behind = 'none' | 'kube-proxy' | 'ingress-nginx' | 'envoy' | 'gke-neg' | 'aws-alb' | 'aws-nlb'

/**
 * How late an endpoint change reaches whoever picks a pod. Only `kube-proxy` is measured, on a real cluster; the others
 * are what projects and their users report, rounded.
 *
 * - `kube-proxy`: iptables mode, during a rolling update; it syncs at most once a second.
 * - `ingress-nginx`: the controller syncs at most every 3.3 s, its workers look every second.
 * - `envoy` (Istio, Envoy Gateway, Contour): pushed, after a debounce, within seconds.
 * - `gke-neg`: two health checks of 5 s; Google's cure for its 502s is to wait 40 s.
 * - `aws-alb`: 5 s of waiting were too short for its users, 25 s were enough.
 * - `aws-nlb`: keeps sending for two minutes.
 */
export const lagBehind: Readonly<Record<Behind, Readonly<EndpointLag>>> = {
  none: { min: 0, median: 0, max: 0 },
  'kube-proxy': { min: 126, median: 1074, max: 1196 },
  'ingress-nginx': { min: 200, median: 2200, max: 4500 },
  envoy: { min: 100, median: 500, max: 3000 },
  'gke-neg': { min: 2000, median: 10_000, max: 30_000 },
  'aws-alb': { min: 2000, median: 10_000, max: 25_000 },
  'aws-nlb': { min: 30_000, median: 90_000, max: 120_000 },
}

/** Limits, in ms, after which a client gives a request up. */
export interface ClientTimeouts {
  /** For the connection to be accepted. @default 5000 */
  connect: number
  /** For the whole response, from the moment the connection is there. @default 30000 */
  total: number
}

/** What to rehearse. Durations are milliseconds, except the fields Kubernetes itself names in seconds. */
export interface RehearsalOptions {
  /** Shown in tables and pages. @default the command's file name */
  name?: string | undefined
  /** Columns of a table and facts of a page, such as `{ framework: 'fastify', podrain: 'yes' }`. @default {} */
  labels?: Readonly<Record<string, string>> | undefined
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
   * A network namespace and an address for each pod, taken away with its process as on a cluster: what the kernel had not
   * delivered by then is lost. Needs Linux, root and `ip` (iproute2). @default false
   */
  netns?: boolean | undefined
  /** Pods of the Deployment, 1 to 50; at least 2 for `scale-down`. @default 3, 1 for `single-replica` */
  replicas?: number | undefined
  /** Pods above `replicas` while rolling; a number, not a percentage. @default 1 */
  maxSurge?: number | undefined
  /** Pods that may be missing while rolling; not 0 together with `maxSurge`. @default 0 */
  maxUnavailable?: number | undefined
  /** Seconds from the delete to SIGKILL, the preStop hook included. A whole number from 1. @default 30 */
  terminationGracePeriodSeconds?: number | undefined
  /** @default { path: '/readyz', periodSeconds: 1, failureThreshold: 1, timeoutSeconds: 1 } */
  readinessProbe?: Partial<ReadinessProbe> | undefined
  /** @default undefined: no hook, SIGTERM follows the delete */
  preStop?: PreStop | undefined
  /** What sends to the pods, and so how late it learns of a change; {@link lagBehind} has the numbers. @default 'kube-proxy' */
  behind?: Behind | undefined
  /** Instead of `behind`: the numbers themselves. */
  endpointLag?: EndpointLag | undefined
  /** Paths, or a mix of requests for the first three kinds of client. @default { get: '/' } */
  requests?: RequestPaths | readonly RequestSpec[] | undefined
  /** Counts not given keep their default. A kind without a path has no clients. */
  clients?: Partial<ClientCounts> | undefined
  /**
   * Requests a second of all `keepAlive` and `newConnection` clients together, as long as the pods answer in time.
   * @default undefined: each client at its own pace
   */
  rate?: number | undefined
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
  /** How long a pod's process may take to become ready. @default 30000 */
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
export interface RequestPlan {
  /** null when a mix was given. */
  readonly get: string | null
  readonly mix: readonly PlannedRequest[] | null
  readonly stream: string | null
  readonly post: string | null
  readonly download: string | null
  readonly webSocket: string | null
  readonly sse: string | null
  readonly http2: string | null
}

/**
 * The options a rehearsal ran with, defaults filled in; serialisable.
 * Of `env` and of request headers only the names are kept, of bodies the length: a result is meant to be shown, and
 * values may be secrets.
 */
export interface RehearsalPlan {
  readonly name: string
  readonly scenario: Scenario
  readonly labels: Readonly<Record<string, string>>
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly envNames: readonly string[]
  readonly portEnv: string
  readonly port: number | null
  readonly netns: boolean
  readonly replicas: number
  readonly maxSurge: number
  readonly maxUnavailable: number
  readonly terminationGracePeriodSeconds: number
  readonly readinessProbe: Readonly<ReadinessProbe>
  readonly preStop: PreStop | null
  /** null when `endpointLag` was given as numbers. */
  readonly behind: Behind | null
  readonly endpointLag: Readonly<EndpointLag>
  readonly requests: RequestPlan
  readonly clients: Readonly<ClientCounts>
  readonly rate: number | null
  readonly timeouts: Readonly<ClientTimeouts>
  readonly warmUp: number
  readonly coolDown: number
  readonly startDelay: number
  readonly startupTimeout: number
  readonly timeout: number
  readonly maxRequests: number
  readonly seed: number
}
