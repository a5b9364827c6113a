import type { LiveEvent } from './events.js'

/** Kinds of client the load is made of; see {@link ClientCounts}. */
export type ClientKind = 'keepAlive' | 'newConnection' | 'slowKeepAlive' | 'streaming' | 'post'

/** Every client kind, in the order tables and pages list them. */
export const clientKinds: readonly ClientKind[] = ['keepAlive', 'newConnection', 'slowKeepAlive', 'streaming', 'post']

/** How many clients of each kind send requests at once. Whole numbers, 0 to 500. */
export interface ClientCounts {
  /** Clients that send a request every 5–25 ms on one kept connection. @default 8 */
  keepAlive: number
  /** Clients that open a connection for each request, at the same pace. @default 4 */
  newConnection: number
  /** Clients that send one request every 1–8 s on a kept connection. @default 4 */
  slowKeepAlive: number
  /** Clients that read `requests.stream` to its end, again and again. @default 2 */
  streaming: number
  /** Clients that upload a body to `requests.post`, in chunks over about 200 ms. @default 2 */
  post: number
}

/** Paths the clients ask for. A kind whose path is not given has no clients. */
export interface RequestPaths {
  /** Path of `keepAlive`, `newConnection` and `slowKeepAlive` clients. */
  get?: string | undefined
  /** Path of `streaming` clients: a response that takes its time. */
  stream?: string | undefined
  /** Path of `post` clients: accepts a `text/plain` body of 16 KiB. */
  post?: string | undefined
}

/** The fields of a container's `readinessProbe` that matter here, named as in Kubernetes; fractions are allowed. */
export interface ReadinessProbe {
  /** @default '/readyz' */
  path: string
  /** Seconds from one probe to the next. @default 1 */
  periodSeconds: number
  /** Failures in a row that make a ready pod unready. @default 1 */
  failureThreshold: number
  /** Seconds after which an unanswered probe has failed. @default 1 */
  timeoutSeconds: number
}

/** The container's `lifecycle.preStop`: an HTTP request, or a sleep. */
export type PreStop = { httpGet: { path: string } } | { sleepSeconds: number }

/** Quantiles, in ms, of how late an endpoint change reaches the clients; linear in between. */
export interface EndpointLag {
  /** @default 126 */
  min: number
  /** @default 1074 */
  median: number
  /** @default 1196 */
  max: number
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
  /** Program that starts one pod. It must listen on `$HOST:$PORT`. */
  command: string
  /** Arguments of `command`. @default [] */
  args?: readonly string[] | undefined
  /** Working directory of the pods. @default process.cwd() */
  cwd?: string | undefined
  /**
   * Added to this process's environment for the pods; `PORT`, `HOST`, `POD_NAME` and
   * `TERMINATION_GRACE_PERIOD_SECONDS` are always set on top. @default {}
   */
  env?: Readonly<Record<string, string>> | undefined
  /** Pods of the Deployment, 1 to 50. @default 3 */
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
  /** @default { min: 126, median: 1074, max: 1196 }, kube-proxy in iptables mode during a rolling update */
  endpointLag?: EndpointLag | undefined
  /** @default { get: '/' } */
  requests?: RequestPaths | undefined
  /** Counts not given keep their default. @default { keepAlive: 8, newConnection: 4, slowKeepAlive: 4, streaming: 2, post: 2 } */
  clients?: Partial<ClientCounts> | undefined
  /** @default { connect: 5000, total: 30000 } */
  timeouts?: Partial<ClientTimeouts> | undefined
  /** How long the load runs before the update begins. @default 2000 */
  warmUp?: number | undefined
  /** How long the load runs on after the last old pod has gone. @default 1000 */
  coolDown?: number | undefined
  /** How long a pod may take to become ready. @default 30000 */
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

/**
 * The options a rehearsal ran with, defaults filled in; serialisable.
 * Of `env` only the names are kept, since a result is meant to be shown and values may be secrets.
 */
export interface RehearsalPlan {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly command: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly envNames: readonly string[]
  readonly replicas: number
  readonly maxSurge: number
  readonly maxUnavailable: number
  readonly terminationGracePeriodSeconds: number
  readonly readinessProbe: Readonly<ReadinessProbe>
  readonly preStop: PreStop | null
  readonly endpointLag: Readonly<EndpointLag>
  readonly requests: { readonly get: string | null; readonly stream: string | null; readonly post: string | null }
  readonly clients: Readonly<ClientCounts>
  readonly timeouts: Readonly<ClientTimeouts>
  readonly warmUp: number
  readonly coolDown: number
  readonly startupTimeout: number
  readonly timeout: number
  readonly maxRequests: number
  readonly seed: number
}
