import type { Rehearsal } from '../../result/rehearsal.js'
import { disruptionOf } from './disruption.js'
import type { Figure, Lane, Moment, Stretch } from './drawing.js'
import { type Interval, intervalsOf, perSecond, seriesOf } from './load-series.js'
import { groupLosses, type LossGroup, lostIn } from './losses.js'
import { type Course, coursesOf } from './timeline.js'

/** Similar losses within this many ms are one entry: they could not be drawn apart. */
const closest = 5
/** The most entries on a page. Where there are more, losses further apart are joined too. */
const mostEntries = 25_000
/** The most individual reasons on a page. */
const mostWhys = 2000

/** The data of a rehearsal's drawing. */
export function figureOf(result: Rehearsal): Figure {
  const { events, summary } = result
  const update = disruptionOf(result)
  const since = (t: number) => Math.round((t - update.from) * 10) / 10
  const phases = events.flatMap((event) => (event.type === 'phase' ? [event] : []))
  const intervals = intervalsOf(result)
  const groups = groupLosses(result)
  const lanes = coursesOf(result).map((course) => laneOf(course, groups, intervals, since))
  const ofPods = new Set(lanes.map(({ pod }) => pod))
  for (const row of new Set(groups.map(({ kind }) => kind.row))) {
    if (!ofPods.has(row)) lanes.push({ ...emptyLane, pod: row, lost: lostIn(row, groups) })
  }
  const { losses, whys } = lossesOf(groups, since)
  // The start of the first pods is left out: it has nothing to do with the update.
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
    update: { from: since(update.from), to: since(update.to), noun: update.noun },
    lanes,
    lossKinds: groups.map(({ kind: { row, ...kind } }) => ({
      lane: lanes.findIndex((lane) => lane.pod === row),
      ...kind,
    })),
    losses,
    whys,
    load: seriesOf(intervals, since),
  }
}

const emptyLane: Omit<Lane, 'pod' | 'lost'> = {
  spans: [],
  known: [],
  stale: [],
  deaf: [],
  told: [],
  moments: [],
  exits: [],
  answered: [],
}

type Since = (t: number) => number

function laneOf(course: Course, groups: readonly LossGroup[], intervals: readonly Interval[], since: Since): Lane {
  const { pod } = course
  const moment = ({ t, what }: Moment) => ({ t: since(t), what })
  const stretch = ({ from, to }: Stretch) => [since(from), since(to)] as const
  return {
    pod,
    spans: course.spans.map(({ state, from, to }) => [state, since(from), since(to)]),
    known: course.known.map(stretch),
    stale: course.stale.map(stretch),
    deaf: course.deaf.map(stretch),
    told: course.told.map(since),
    moments: course.moments.map(moment),
    exits: course.exits.map(moment),
    lost: lostIn(pod, groups),
    answered: intervals.map((interval) => perSecond(interval.answered[pod] ?? 0, interval)),
  }
}

/** The losses in the order of time, joined as little as {@link mostEntries} allows. */
function lossesOf(groups: readonly LossGroup[], since: Since): Pick<Figure, 'losses' | 'whys'> {
  for (let slot = closest; ; slot *= 2) {
    const whys = new Map<string, number>()
    const losses = groups.flatMap((group, index) => entriesOf(group, index, slot, since, whys))
    // Each kind has at least one entry, so there cannot be fewer entries than kinds.
    if (losses.length > Math.max(mostEntries, groups.length)) continue
    return { losses: losses.sort(([a], [b]) => a - b), whys: [...whys.keys()] }
  }
}

function entriesOf(
  { losses }: LossGroup,
  kind: number,
  slot: number,
  since: Since,
  whys: Map<string, number>,
): Array<[number, number, number, number]> {
  const entries: Array<[number, number, number, number]> = []
  for (const { t, why, count } of losses) {
    const last = entries.at(-1)
    if (last !== undefined && since(t) - last[0] < slot) {
      last[2] += count
      continue
    }
    if (!whys.has(why) && whys.size < mostWhys) whys.set(why, whys.size)
    entries.push([since(t), kind, count, whys.get(why) ?? -1])
  }
  return entries
}
