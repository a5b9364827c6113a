import type { LostEvent, MoreLostHappening, RehearsalEvent } from './events.js'

/** A loss, how many it stands for, and whether it is an event of its own. */
export type Counted = readonly [loss: LostEvent, count: number, inFull: boolean]

/** Every loss among the events. Losses that are only counted become copies of the first one, at their own time. */
export function* lossesIn(events: Iterable<RehearsalEvent>): Generator<Counted> {
  for (const event of events) {
    if (event.type === 'lost') yield [event, 1, true]
    if (event.type !== 'more-lost') continue
    const { like, counts } = event
    for (const [t, count] of counts) yield [later(like, t - like.t), count, false]
  }
}

/** The same loss, `ms` milliseconds later. */
function later({ upstream, ...loss }: LostEvent, ms: number): LostEvent {
  const moved = { ...loss, t: loss.t + ms, sentAt: loss.sentAt + ms }
  if (upstream === undefined) return moved
  return { ...moved, upstream: { ...upstream, sentAt: upstream.sentAt + ms, endedAt: upstream.endedAt + ms } }
}

/** How many losses the event counts. */
export function countOf({ counts }: MoreLostHappening): number {
  return counts.reduce((sum, [, count]) => sum + count, 0)
}

/** Similar losses: with the same client, pod, request, cause and diagnosis. */
interface Group {
  /** The first losses, in full. */
  readonly full: LostEvent[]
  /** The first of those that are only counted. */
  like: LostEvent | undefined
  /** How many of the others were lost in the slot that begins at the time in the key. */
  readonly counts: Map<number, number>
}

/** The most losses of one group in full, if there is no room for all. */
const usual = 100

/**
 * Shortens a list of losses: all in full while they are few; else the first of each group in full, and the others counted by time.
 * Losses must be added in the order of time.
 */
export class Abridgement {
  readonly #most: number
  readonly #slot: number
  readonly #groups = new Map<string, Group>()
  #full = 0
  #limit = Number.POSITIVE_INFINITY

  /** @param most How many losses are kept in full, over all groups. @param slot The length of the time slots in which the others are counted, in ms. */
  constructor(most = 5000, slot = 100) {
    this.#most = most
    this.#slot = slot
  }

  add(loss: LostEvent, count = 1, inFull = true): void {
    const { client, pod, method, path, cause, diagnosis } = loss
    const key = [client, pod, method, path, cause, diagnosis].join(' ')
    const group: Group = this.#groups.get(key) ?? { full: [], like: undefined, counts: new Map() }
    this.#groups.set(key, group)
    if (!inFull || group.full.length >= this.#limit) this.#count(group, loss, count)
    else if (group.full.push(loss) && ++this.#full > this.#most && this.#limit > 1) this.#shorten()
  }

  /** The losses as events, not in the order of time. */
  get events(): RehearsalEvent[] {
    return [...this.#groups.values()].flatMap(({ full, like, counts }): RehearsalEvent[] => {
      if (like === undefined) return full
      const sorted = [...counts].sort(([a], [b]) => a - b)
      return [...full, { t: sorted[0]?.[0] ?? like.t, type: 'more-lost', like, counts: sorted }]
    })
  }

  /** Makes room. The limit is at least halved each time, so this runs seldom. */
  #shorten(): void {
    const room = Math.floor(this.#most / (2 * this.#groups.size))
    this.#limit = Math.max(1, Math.min(usual, room))
    for (const group of this.#groups.values()) {
      const others = group.full.splice(this.#limit)
      this.#full -= others.length
      const [first] = others
      if (first !== undefined) group.like = first
      for (const loss of others) this.#count(group, loss, 1)
    }
  }

  #count(group: Group, loss: LostEvent, count: number): void {
    group.like ??= loss
    const slot = Math.floor(loss.t / this.#slot) * this.#slot
    group.counts.set(slot, (group.counts.get(slot) ?? 0) + count)
  }
}
