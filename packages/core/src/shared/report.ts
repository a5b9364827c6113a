import { seconds } from './log.js'

/** A request that is in flight. */
export interface OpenRequest {
  method: string
  /** The path that the client asked for, without the query string, which may contain a secret. */
  path: string
  /** Milliseconds since the header of the request was complete. */
  ageMs: number
}

/** The newest request: its method, its path and its client. */
export interface LastRequest {
  readonly method: string
  readonly path: string
  /** The User-Agent; undefined if the request has none. */
  readonly agent: string | undefined
}

/** The outcome of one hook. */
export interface HookResult {
  name: string
  /** `failed`: the hook threw or rejected. `timed out`: it did not end, or not begin, within its time. */
  outcome: 'ok' | 'failed' | 'timed out'
  /** When the hook began, in milliseconds since the epoch. Missing if it did not begin before the time ran out. */
  startedAt?: number
  /** How long the hook took, in milliseconds. */
  durationMs: number
  /** What the hook threw. */
  error?: unknown
}

/** The report of a drain that is over. The first sign is the preStop hook, the deletion of the pod or the signal. */
export interface DrainReport {
  /**
   * What committed the drain: a signal such as `SIGTERM`, `an uncaught error`, `dispose()`, or the `reason` of
   * `start()`.
   */
  reason: string
  /** When the first sign came, in milliseconds since the epoch. */
  startedAt: number
  /** Milliseconds from the first sign to the end of the drain. */
  durationMs: number
  /** Milliseconds from the first sign until the closing began. */
  settleMs: number
  /** Number of requests that were answered during the drain. */
  answered: number
  /**
   * The places in the code that closed a server, or its connections, while load balancers could still send to it. From then on
   * clients may have been refused, or their requests cut.
   */
  closedEarly: string[]
  /** Requests in flight that were cut: at the deadline, or by what `closedEarly` names. */
  cut: OpenRequest[]
  /** Names of the tasks that had not finished at the deadline. */
  unfinishedTasks: string[]
  /** The outcome of each hook, in the order they ran. */
  hooks: HookResult[]
  /** Number of bytes of finished responses that the kernel still held at the deadline. */
  undeliveredBytes: number
  /**
   * Number of connections that were cut, and whose requests podrain did not count: they were open before their server was watched,
   * or no request has reached a middleware that should show its server.
   */
  unknownConnections: number
  /**
   * The error that committed the drain, or came during the drain: an uncaught error, or an error that names the step that failed. The
   * latter has what was thrown as its `cause`.
   */
  error?: unknown
  /**
   * Whether the process may exit with 0: nothing was lost or cut, no hook failed, and there was no error.
   */
  clean: boolean
}

/** Completes the report with `clean`. */
export function reportOf(course: Omit<DrainReport, 'error' | 'clean'>, error: unknown): DrainReport {
  const { closedEarly, cut, unfinishedTasks, hooks, undeliveredBytes, unknownConnections } = course
  const lost = closedEarly.length + cut.length + unfinishedTasks.length + undeliveredBytes + unknownConnections
  const clean = lost === 0 && hooks.every((hook) => hook.outcome === 'ok') && error === undefined
  return { ...course, ...(error === undefined ? {} : { error }), clean }
}

/** A request in words: method, path and age. */
export function requestInWords({ method, path, ageMs }: OpenRequest): string {
  return `${method} ${path} (${seconds(ageMs)})`
}
