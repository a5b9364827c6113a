import type { ClientKind, RehearsalEvent, Sample } from '@podrain/rehearsal'

/** How many requests of each kind had ended by the time `t`. */
export interface RequestsSoFar {
  readonly type: 'requests'
  readonly t: number
  readonly requests: Readonly<Record<ClientKind, number>>
}

/** The report of the load. Every `t` is in milliseconds since `startedAt`. */
export interface Report {
  /** The start of the load in milliseconds since 1970, by the clock of its node. */
  readonly startedAt: number
  /** Losses, and how many requests there were. */
  readonly events: readonly RehearsalEvent[]
  readonly samples: readonly Sample[]
  /** The numbers of requests, about once a second. */
  readonly requests: readonly RequestsSoFar[]
}

const mark = 'result '

/** Writes a report as lines of a log, each short enough that a container runtime does not split it. The last line has their number. */
export function write({ startedAt, ...lists }: Report): string {
  const lines = [...lists.events, ...lists.samples, ...lists.requests].map((line) => JSON.stringify(line))
  return `${[...lines, `${mark}${JSON.stringify({ startedAt, lines: lines.length })}`].join('\n')}\n`
}

/**
 * Reads a report from a log.
 * @throws {Error} if the report is missing or incomplete
 */
export function read(log: string): Report {
  const lines = log.trimEnd().split('\n')
  const last = lines.findIndex((line) => line.startsWith(mark))
  if (last === -1) throw new Error('the log of the load has no result')
  const { startedAt, lines: count } = JSON.parse(lines[last]?.slice(mark.length) ?? '{}')
  const told = lines.slice(0, last).filter((line) => line.startsWith('{'))
  if (told.length !== count)
    throw new Error(`the log of the load has ${told.length} of the ${count} lines of its result`)
  const parsed: (RehearsalEvent | Sample | RequestsSoFar)[] = told.map((line) => JSON.parse(line))
  const events: RehearsalEvent[] = []
  const samples: Sample[] = []
  const requests: RequestsSoFar[] = []
  for (const line of parsed) {
    if (line.type === 'sample') samples.push(line)
    else if (line.type === 'requests') requests.push(line)
    else events.push(line)
  }
  return { startedAt, events, samples, requests }
}
