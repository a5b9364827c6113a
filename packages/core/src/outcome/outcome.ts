import { messageOf } from '../shared/errors.js'
import { type DrainReport, requestInWords } from '../shared/report.js'
import type { Whereabouts } from '../shared/states.js'

/** How a drain ended, from the best to the worst. `draining` means that the drain goes on, or that it was killed. */
const endings = ['drained', 'draining', 'failed', 'cut', 'closed early', 'crashed'] as const

/**
 * How a drain ended:
 * - `drained`: nothing was lost.
 * - `draining`: the drain goes on. If the container has terminated, it was killed during the drain.
 * - `failed`: nothing was lost, but a hook failed or did not end in time.
 * - `cut`: requests, tasks, connections or bytes were still there at the deadline.
 * - `closed early`: other code closed a server, or its connections, while load balancers could still send to it.
 * - `crashed`: there was an uncaught error, or a step of the drain failed.
 */
export type Ending = (typeof endings)[number]

/**
 * The outcome of a drain, or of all drains of a process, for readers after the pod has gone. Fields that would be empty are left
 * out. It contains neither stacks nor headers or bodies of requests. Query strings, passwords in URLs and credentials of an
 * Authorization header are removed from the messages of errors and the names of tasks.
 */
export interface Outcome {
  readonly outcome: Ending
  /** Distinguishes the message from messages of other programs. */
  readonly by: 'podrain'
  /** What committed the drain, as in `DrainReport`. Before that: what began the drain. */
  readonly reason: string
  /** The time of the first sign, in ISO 8601. */
  readonly startedAt: string
  /** Milliseconds from the first sign to the end, or to the time of writing while the drain goes on. */
  readonly durationMs: number
  /** Milliseconds from the first sign until the closing began. */
  readonly settleMs?: number
  /** Number of requests that were answered during the drain. */
  readonly answered?: number
  /** While the drain goes on: number of requests in flight. */
  readonly inFlight?: number
  /** While the drain goes on: milliseconds until the deadline. */
  readonly budgetMs?: number
  /** While the drain goes on: what it waits for, such as the oldest request, tasks, load balancers. */
  readonly waitingFor?: readonly string[]
  /** Number of requests that were cut. */
  readonly cutCount?: number
  /** The first five requests that were cut: method, path and age. */
  readonly cut?: readonly string[]
  /** The places in the code that closed a server too early, as in `DrainReport`. */
  readonly closedEarly?: readonly string[]
  /** Names of the tasks that had not finished at the deadline. */
  readonly unfinishedTasks?: readonly string[]
  /** The hooks that failed or did not end in time: name, outcome and error. */
  readonly failedHooks?: readonly string[]
  /** Number of bytes of finished responses that the kernel still held at the deadline. */
  readonly undeliveredBytes?: number
  /** Number of connections that were cut, and whose requests podrain did not count, as in `DrainReport`. */
  readonly unknownConnections?: number
  /** Name and message of the error, in one line. */
  readonly error?: string
}

/** How many of the cut requests are named. `cutCount` counts all. */
const mostCut = 5

/** The outcome of a drain that is over. */
export function outcomeOf(report: DrainReport): Outcome {
  const { cut, hooks, error } = report
  const failed = hooks.filter(({ outcome }) => outcome !== 'ok')
  return filled({
    outcome: endingOf(report),
    by: 'podrain',
    reason: report.reason,
    startedAt: new Date(report.startedAt).toISOString(),
    durationMs: Math.round(report.durationMs),
    settleMs: Math.round(report.settleMs),
    answered: report.answered,
    cutCount: cut.length,
    cut: cut.slice(0, mostCut).map(requestInWords),
    closedEarly: report.closedEarly,
    unfinishedTasks: report.unfinishedTasks.map(scrubbed),
    failedHooks: failed.map(({ name, outcome, error }) =>
      error === undefined ? `${name} ${outcome}` : `${name} ${outcome}: ${inShort(error)}`,
    ),
    undeliveredBytes: report.undeliveredBytes,
    unknownConnections: report.unknownConnections,
    error: error === undefined ? undefined : inShort(error),
  })
}

function endingOf(report: DrainReport): Ending {
  if (report.error !== undefined) return 'crashed'
  if (report.closedEarly.length > 0) return 'closed early'
  const { cut, unfinishedTasks, undeliveredBytes, unknownConnections } = report
  if (cut.length + unfinishedTasks.length + undeliveredBytes + unknownConnections > 0) return 'cut'
  return report.clean ? 'drained' : 'failed'
}

/** What is known of a drain that goes on. */
export type Underway = Whereabouts & Pick<DrainReport, 'reason' | 'startedAt' | 'closedEarly' | 'error'>

/** The outcome so far. */
export function underway(drain: Underway): Outcome {
  const { oldest, tasks, waits, error } = drain
  return filled({
    outcome: 'draining',
    by: 'podrain',
    reason: drain.reason,
    startedAt: new Date(drain.startedAt).toISOString(),
    durationMs: Math.round(drain.elapsedMs),
    inFlight: drain.inFlight,
    budgetMs: Math.round(drain.budgetMs),
    waitingFor: [...(oldest ? [requestInWords(oldest)] : []), ...tasks.map(scrubbed), ...waits],
    closedEarly: drain.closedEarly,
    error: error === undefined ? undefined : inShort(error),
  })
}

/** The outcome of several drains of one pod: the losses of all of them, and the worst ending. */
export function together(outcomes: readonly Outcome[]): Outcome | undefined {
  const [first, ...others] = outcomes.toSorted((one, other) => badness(other) - badness(one))
  if (first === undefined || others.length === 0) return first
  const sum = (of: (outcome: Outcome) => number | undefined): number =>
    outcomes.reduce((total, outcome) => total + (of(outcome) ?? 0), 0)
  const all = (of: (outcome: Outcome) => readonly string[] | undefined): string[] => [
    ...new Set(outcomes.flatMap((outcome) => of(outcome) ?? [])),
  ]
  return filled({
    ...first,
    // If the pod was killed, a drain that still goes on explains it best.
    outcome: outcomes.some(({ outcome }) => outcome === 'draining') ? 'draining' : first.outcome,
    durationMs: Math.max(...outcomes.map(({ durationMs }) => durationMs)),
    settleMs: Math.max(...outcomes.map(({ settleMs = 0 }) => settleMs)),
    answered: sum(({ answered }) => answered),
    inFlight: sum(({ inFlight }) => inFlight),
    waitingFor: all(({ waitingFor }) => waitingFor),
    cutCount: sum(({ cutCount }) => cutCount),
    cut: all(({ cut }) => cut).slice(0, mostCut),
    closedEarly: all(({ closedEarly }) => closedEarly),
    unfinishedTasks: all(({ unfinishedTasks }) => unfinishedTasks),
    failedHooks: all(({ failedHooks }) => failedHooks),
    undeliveredBytes: sum(({ undeliveredBytes }) => undeliveredBytes),
    unknownConnections: sum(({ unknownConnections }) => unknownConnections),
    error: first.error ?? outcomes.find(({ error }) => error !== undefined)?.error,
  })
}

/** The rank of an ending. A greater number is worse. */
export function badness({ outcome }: Pick<Outcome, 'outcome'>): number {
  return endings.indexOf(outcome)
}

/** Removes empty lists, zeros and undefined fields. Some counts stay if they are 0, because 0 says something there. */
function filled(outcome: { [Name in keyof Outcome]: Outcome[Name] | undefined }): Outcome {
  const counts = ['durationMs', 'settleMs', 'answered', 'inFlight', 'budgetMs']
  const isFilled = ([name, value]: [string, unknown]): boolean =>
    Array.isArray(value) ? value.length > 0 : value !== undefined && (value !== 0 || counts.includes(name))
  return Object.fromEntries(Object.entries(outcome).filter(isFilled)) as unknown as Outcome
}

/** Name and message of an error, in one line. */
function inShort(error: unknown): string {
  const name = error instanceof Error ? `${String(error.name)}: ` : ''
  const [line = ''] = messageOf(error).trim().split('\n')
  return name + scrubbed(line)
}

/**
 * Removes secrets that can be recognised by their form: query strings, tokens in fragments, passwords in URLs, and credentials of
 * an Authorization header. Each pattern takes linear time, because an error may quote a whole body, and the event loop is blocked
 * during the search.
 */
function scrubbed(text: string): string {
  return (
    text
      .replace(/\/\/[^\s"'`<>/]*@/g, '//')
      // A password that contains a slash. `host:8080/` is a port, not a password.
      .replace(/\/\/[^\s"'`<>/:@]{0,100}:(?!\d+[/?#])[^\s"'`<>@]{1,200}@/g, '//')
      .replace(/\?(?![.?])[^\s"'`<>]+|#[\w-]+=[^\s"'`<>]*/g, '')
      .replace(/\b(Bearer|Basic) [\w.~+/=-]{8,}/g, '$1 …')
  )
}

/** Limits for the items of each list and the characters of each text. They are tried in this order until the message fits. */
const fits = [
  [5, 300],
  [5, 100],
  [2, 80],
  [0, 40],
] as const

/**
 * Returns the outcome as one line of JSON. Long lists are shortened, and their last item then says how many items are missing.
 * @param longest The limit in bytes, 1000 or more.
 */
export function outcomeText(outcome: Outcome, longest: number): string {
  let text = ''
  for (const [items, characters] of fits) {
    const clip = (value: string): string =>
      value.length > characters ? `${value.slice(0, characters).replace(/[\uD800-\uDBFF]$/, '')}…` : value
    text = JSON.stringify(outcome, (name, value: unknown) => {
      if (typeof value === 'string') return name === 'outcome' ? value : clip(value)
      if (!Array.isArray(value) || value.length <= items) return value
      const more = value.length - items
      return name === 'cut' ? value.slice(0, items) : [...value.slice(0, items), `and ${more} more`]
    })
    if (Buffer.byteLength(text) <= longest) break
  }
  return text
}
