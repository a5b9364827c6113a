/** A request that is in flight. */
export interface OpenRequest {
  method: string
  /** The path as it was asked for, without the query string: a query may hold a secret. */
  route: string
  /** Milliseconds since the request's header was complete. */
  ageMs: number
}

/** A request that has arrived: what it asked for, and who sent it. */
export interface LastRequest {
  readonly method: string
  readonly route: string
  /** Its User-Agent, if it names one. */
  readonly agent: string | undefined
}

/** How one hook ended. */
export interface HookResult {
  name: string
  outcome: 'ok' | 'failed' | 'timed out'
  durationMs: number
  error?: unknown
}

/** How a drain went, from the first sign of termination to the end. */
export interface DrainReport {
  /** What began or committed it: `SIGTERM`, `uncaughtException`, or what was passed to `start`. */
  reason: string
  /** Milliseconds from the first sign (the preStop hook or the signal) to the end. */
  durationMs: number
  /** Milliseconds of it before the listener was closed. */
  settleMs: number
  /** Requests that were answered while the drain went on. */
  answered: number
  /** Who closed a server while it was still wanted: places in the code. Clients were refused from then on. */
  closedEarly: string[]
  /** Requests that were still in flight at the deadline and were cut. */
  forced: OpenRequest[]
  /** Names of the tasks that had not ended at the deadline. */
  unfinishedTasks: string[]
  /** How each hook ended, in the order they ran. */
  hooks: HookResult[]
  /** Bytes of finished responses that the kernel still held at the deadline. */
  undeliveredBytes: number
  /**
   * Connections that were open before their server was watched, and were cut: nobody knows what they carried.
   */
  unknownConnections: number
  /** The uncaught error that began the drain or came during it. */
  error?: unknown
  /** True if nothing was forced, nobody closed a server early, no hook failed and no error was uncaught: the process may exit with 0. */
  clean: boolean
}

/** The report of what happened, with the verdict. */
export function reportOf(course: Omit<DrainReport, 'error' | 'clean'>, error: unknown): DrainReport {
  const { closedEarly, forced, unfinishedTasks, hooks, undeliveredBytes, unknownConnections } = course
  const lost = closedEarly.length + forced.length + unfinishedTasks.length + undeliveredBytes + unknownConnections
  const clean = lost === 0 && hooks.every((hook) => hook.outcome === 'ok') && error === undefined
  return { ...course, ...(error === undefined ? {} : { error }), clean }
}
