import { messageOf } from '../shared/errors.js'
import { type DrainReport, requestInWords } from '../shared/report.js'
import type { Whereabouts } from '../shared/states.js'

/** How a drain ended, from the best to the worst. `draining` stands for one that was killed, or still goes on. */
const endings = ['drained', 'draining', 'failed', 'cut', 'closed early', 'crashed'] as const

/**
 * - `drained`: nothing was lost.
 * - `draining`: it goes on. If the container has terminated, it was killed meanwhile.
 * - `failed`: nothing was lost, but a hook failed or did not end in time.
 * - `cut`: requests, tasks, connections or bytes were still there at the deadline.
 * - `closed early`: somebody else closed a server, or connections of it, while load balancers may still send to it.
 * - `crashed`: there was an error that nobody caught, or a step of the drain failed.
 */
export type Ending = (typeof endings)[number]

/**
 * The outcome of a drain, or of all drains of a process, for somebody who reads it when the pod has gone. Fields that
 * would be empty are left out. It contains no stack, and no header and body of a request. Query strings, passwords in
 * URLs and credentials of an Authorization header are taken out of the messages of errors and the names of tasks.
 */
export interface Outcome {
  readonly outcome: Ending
  /** Tells the message from those of other programs. */
  readonly by: 'podrain'
  /** What committed or began the drain, as in `DrainReport`. */
  readonly reason: string
  /** The time of the first sign, in ISO 8601. */
  readonly startedAt: string
  /** Milliseconds from the first sign to the end, or until this was written. */
  readonly durationMs: number
  /** Milliseconds from the first sign until the closing began. */
  readonly settleMs?: number
  /** Requests that were answered during the drain. */
  readonly answered?: number
  /** While it goes on: requests in flight. */
  readonly inFlight?: number
  /** While it goes on: milliseconds until the deadline. */
  readonly leftMs?: number
  /** While it goes on: what is waited for: the oldest request, tasks, load balancers. */
  readonly waitingFor?: readonly string[]
  /** Requests that were cut. */
  readonly cutCount?: number
  /** The first of them: method, route and age. */
  readonly cut?: readonly string[]
  /** Places in the code, as in `DrainReport`. */
  readonly closedEarly?: readonly string[]
  readonly unfinishedTasks?: readonly string[]
  /** The hooks that failed or did not end in time, and why. */
  readonly failedHooks?: readonly string[]
  readonly undeliveredBytes?: number
  readonly unknownConnections?: number
  /** Name and message of the error. */
  readonly error?: string
}

/** Requests that are named. The others are counted. */
const mostCut = 5

/** The outcome of a drain that is over. */
export function outcomeOf(report: DrainReport): Outcome {
  const { forced, hooks, error } = report
  const failed = hooks.filter(({ outcome }) => outcome !== 'ok')
  return filled({
    outcome: endingOf(report),
    by: 'podrain',
    reason: report.reason,
    startedAt: new Date(report.startedAt).toISOString(),
    durationMs: Math.round(report.durationMs),
    settleMs: Math.round(report.settleMs),
    answered: report.answered,
    cutCount: forced.length,
    cut: forced.slice(0, mostCut).map(requestInWords),
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
  const { forced, unfinishedTasks, undeliveredBytes, unknownConnections } = report
  if (forced.length + unfinishedTasks.length + undeliveredBytes + unknownConnections > 0) return 'cut'
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
    leftMs: Math.round(drain.budgetMs),
    waitingFor: [...(oldest ? [requestInWords(oldest)] : []), ...tasks.map(scrubbed), ...waits],
    closedEarly: drain.closedEarly,
    error: error === undefined ? undefined : inShort(error),
  })
}

/** The outcome of several drains of one pod: what any of them lost, and the worst ending. */
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
    // As long as one of them goes on, it is what a reader of a killed pod asks for.
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

/** A number that is greater for worse endings. */
export function badness({ outcome }: Pick<Outcome, 'outcome'>): number {
  return endings.indexOf(outcome)
}

/** Without empty lists, zeros and what is undefined; but `durationMs`, `settleMs` and `answered` stay. */
function filled(outcome: { [Name in keyof Outcome]: Outcome[Name] | undefined }): Outcome {
  const counts = ['durationMs', 'settleMs', 'answered', 'inFlight', 'leftMs']
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
 * Without secrets that are recognized by their form: query strings, tokens in fragments, passwords in URLs, and
 * credentials of an Authorization header. Each pattern takes time in proportion to the text, because an error may quote
 * a whole body, and the drain stands still meanwhile.
 */
function scrubbed(text: string): string {
  return (
    text
      .replace(/\/\/[^\s"'`<>/]*@/g, '//')
      // A password that contains a slash. `host:8080/` is none.
      .replace(/\/\/[^\s"'`<>/:@]{0,100}:(?!\d+[/?#])[^\s"'`<>@]{1,200}@/g, '//')
      .replace(/\?(?![.?])[^\s"'`<>]+|#[\w-]+=[^\s"'`<>]*/g, '')
      .replace(/\b(Bearer|Basic) [\w.~+/=-]{8,}/g, '$1 …')
  )
}

/** How many items of a list, and how many characters of each, are tried one after the other until all fits. */
const fits = [
  [5, 300],
  [5, 100],
  [2, 80],
  [0, 40],
] as const

/**
 * The outcome as one line of JSON. Long lists are shortened: their last item says how many more there are.
 * @param longest Bytes, 1000 or more.
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
