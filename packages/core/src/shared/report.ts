import { seconds } from './log.js'

/** A request that is in flight. */
export interface OpenRequest {
  method: string
  /** The path that the client asked for, without the query string, which may contain a secret. */
  route: string
  /** Milliseconds since the header of the request was complete. */
  ageMs: number
}

/** The newest request: what it asked for, and which client sent it. */
export interface LastRequest {
  readonly method: string
  readonly route: string
  /** The User-Agent; undefined if the request has none. */
  readonly agent: string | undefined
}

/** The outcome of one hook. */
export interface HookResult {
  name: string
  outcome: 'ok' | 'failed' | 'timed out'
  /** When it began, in milliseconds since the epoch; missing if it did not begin before the time ran out. */
  startedAt?: number
  /** How long it took, in milliseconds. */
  durationMs: number
  /** What it threw. */
  error?: unknown
}

/** The report of a drain, from the first sign of termination to the end. */
export interface DrainReport {
  /**
   * What committed the drain: a signal such as `SIGTERM`, `an uncaught error`, `dispose()`, or the `reason` of
   * `start()`.
   */
  reason: string
  /** When the first sign came, in milliseconds since the epoch. */
  startedAt: number
  /** Milliseconds from the first sign (the preStop hook or the signal) to the end. */
  durationMs: number
  /** Milliseconds from the first sign until the closing began. */
  settleMs: number
  /** Number of requests that were answered during the drain. */
  answered: number
  /**
   * The places in the code that closed a server, or connections of it, while load balancers may still send to it. From
   * then on clients may have been refused, or their requests cut.
   */
  closedEarly: string[]
  /** Requests in flight that were cut: at the deadline, or by what `closedEarly` names. */
  forced: OpenRequest[]
  /** Names of the tasks that had not finished at the deadline. */
  unfinishedTasks: string[]
  /** The outcome of each hook, in the order they ran. */
  hooks: HookResult[]
  /** Number of bytes of finished responses that the kernel still held at the deadline. */
  undeliveredBytes: number
  /**
   * Number of connections that were open before their server was watched and were cut. What they carried is not known.
   */
  unknownConnections: number
  /**
   * The error that committed the drain or came during it: an uncaught one, or one that names the step that failed, with
   * what was thrown as its `cause`.
   */
  error?: unknown
  /**
   * Whether the process may exit with 0: nothing in the report was lost or cut, no hook failed, and there was no error.
   */
  clean: boolean
}

/** Completes the report with `clean`. */
export function reportOf(course: Omit<DrainReport, 'error' | 'clean'>, error: unknown): DrainReport {
  const { closedEarly, forced, unfinishedTasks, hooks, undeliveredBytes, unknownConnections } = course
  const lost = closedEarly.length + forced.length + unfinishedTasks.length + undeliveredBytes + unknownConnections
  const clean = lost === 0 && hooks.every((hook) => hook.outcome === 'ok') && error === undefined
  return { ...course, ...(error === undefined ? {} : { error }), clean }
}

/** A request in words: method, route and age. */
export function requestInWords({ method, route, ageMs }: OpenRequest): string {
  return `${method} ${route} (${seconds(ageMs)})`
}
