import type { Rehearsal } from '../rehearse.js'
import type { Figure, Lane, Moment, Stretch } from './drawing.js'
import { type Interval, intervalsOf, perSecond, seriesOf } from './load-series.js'
import { groupLosses, type LossGroup, lostOn } from './losses.js'
import { type Course, coursesOf, nowhere } from './timeline.js'

/** Losses that are alike and this close, in ms, are one entry: no drawing could tell them apart. */
const slot = 5
const around = ['starting pods', 'warming up', 'cooling down', 'done']

/** What happens to the pods: the phase between warming up and cooling down, in ms of the rehearsal's own clock. */
export function updateOf({ events, summary }: Rehearsal): Stretch {
  const phases = events.flatMap((event) => (event.type === 'phase' ? [event] : []))
  const begin = phases.findIndex(({ phase }) => !around.includes(phase))
  return { from: phases[begin]?.t ?? 0, to: phases[begin + 1]?.t ?? summary.durationMs }
}

/** Turns a rehearsal into what is drawn of it. */
export function figureOf(result: Rehearsal): Figure {
  const { events, summary } = result
  const update = updateOf(result)
  const since = (t: number) => Math.round((t - update.from) * 10) / 10
  const phases = events.flatMap((event) => (event.type === 'phase' ? [event] : []))
  const intervals = intervalsOf(result)
  const groups = groupLosses(result)
  const lanes = coursesOf(result).map((course) => laneOf(course, groups, intervals, since))
  const lostNowhere = lostOn(null, groups)
  if (lostNowhere > 0) lanes.push({ ...emptyLane, lost: lostNowhere })
  // How long the first pods took to start has nothing to do with the update.
  const begin = phases.find(({ phase }) => phase !== 'starting pods')?.t ?? 0
  return {
    from: since(begin),
    to: since(summary.durationMs),
    phases: phases
      .filter(({ phase }) => phase !== 'done')
      .map(({ phase, t }, index) => ({
        name: phase,
        from: since(t),
        to: since(phases[index + 1]?.t ?? summary.durationMs),
      })),
    update: { from: since(update.from), to: since(update.to) },
    lanes,
    lossKinds: groups.map(({ kind: { pod, ...kind } }) => ({
      lane: lanes.findIndex((lane) => lane.pod === (pod ?? nowhere)),
      ...kind,
    })),
    losses: groups.flatMap((group, index) => entriesOf(group, index, since)).sort(([a], [b]) => a - b),
    load: seriesOf(intervals, since),
  }
}

const emptyLane: Lane = {
  pod: nowhere,
  spans: [],
  known: [],
  moments: [],
  endedAt: null,
  exit: null,
  lost: 0,
  answered: [],
}

function laneOf(
  course: Course,
  groups: readonly LossGroup[],
  intervals: readonly Interval[],
  since: (t: number) => number,
): Lane {
  const { pod, spans, known, moments, endedAt, exit } = course
  const moment = ({ t, what }: Moment) => ({ t: since(t), what })
  return {
    pod,
    spans: spans.map(({ state, from, to }) => [state, since(from), since(to)]),
    known: known.map(({ from, to }) => [since(from), since(to)]),
    moments: moments.map(moment),
    endedAt: endedAt === null ? null : since(endedAt),
    exit: exit === null ? null : moment(exit),
    lost: lostOn(pod, groups),
    answered: intervals.map((interval) => perSecond(interval.answered[pod] ?? 0, interval)),
  }
}

function entriesOf({ times }: LossGroup, kind: number, since: (t: number) => number): Array<[number, number, number]> {
  const entries: Array<[number, number, number]> = []
  for (const t of times) {
    const last = entries.at(-1)
    if (last !== undefined && since(t) - last[0] < slot) last[2]++
    else entries.push([since(t), kind, 1])
  }
  return entries
}
