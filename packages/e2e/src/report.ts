import type { ClientKind, RehearsalEvent, Sample } from '@podrain/rehearsal'

/** How many requests of each kind had their outcome by then. */
export interface RequestsSoFar {
  readonly type: 'requests'
  readonly t: number
  readonly requests: Readonly<Record<ClientKind, number>>
}

/** What the load says when it is over; `t` is on its own clock everywhere. */
export interface Report {
  /** When that was 0: milliseconds since 1970, by the clock of its node. */
  readonly startedAt: number
  /** Losses, and how many requests there were. */
  readonly events: readonly RehearsalEvent[]
  readonly samples: readonly Sample[]
  /** About every second. */
  readonly requests: readonly RequestsSoFar[]
}

const mark = 'result '

/** As lines of a log, none of which is so long that somebody would break it; the last one says that none is missing. */
export function write({ startedAt, ...lists }: Report): string {
  const lines = [...lists.events, ...lists.samples, ...lists.requests].map((line) => JSON.stringify(line))
  return `${[...lines, `${mark}${JSON.stringify({ startedAt, lines: lines.length })}`].join('\n')}\n`
}

/** @throws {Error} when there is none in the log, or not all of it */
export function read(log: string): Report {
  const lines = log.trimEnd().split('\n')
  const last = lines.findIndex((line) => line.startsWith(mark))
  if (last === -1) throw new Error('the load has left no result')
  const { startedAt, lines: count } = JSON.parse(lines[last]?.slice(mark.length) ?? '{}')
  const told = lines.slice(0, last).filter((line) => line.startsWith('{'))
  if (told.length !== count) throw new Error(`of the load’s result, ${count} lines, only ${told.length} are in its log`)
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
