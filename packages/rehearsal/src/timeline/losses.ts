import type { LostEvent, MoreLostHappening, RehearsalEvent } from './events.js'

/** A loss, how many it stands for, and whether it is told in full. */
export type Counted = readonly [loss: LostEvent, count: number, inFull: boolean]

/** Every loss among the events. Those that are only counted are told as the first of them, at another time. */
export function* lossesIn(events: Iterable<RehearsalEvent>): Generator<Counted> {
  for (const event of events) {
    if (event.type === 'lost') yield [event, 1, true]
    if (event.type !== 'more-lost') continue
    const { like, counts } = event
    for (const [t, count] of counts) yield [later(like, t - like.t), count, false]
  }
}

/** The same loss, so many ms later. */
function later({ upstream, ...loss }: LostEvent, ms: number): LostEvent {
  const moved = { ...loss, t: loss.t + ms, sentAt: loss.sentAt + ms }
  if (upstream === undefined) return moved
  return { ...moved, upstream: { ...upstream, sentAt: upstream.sentAt + ms, endedAt: upstream.endedAt + ms } }
}

/** How many losses an event tells of. */
export function countOf({ counts }: MoreLostHappening): number {
  return counts.reduce((sum, [, count]) => sum + count, 0)
}

/** Losses that are alike. */
interface Group {
  /** The first of them. */
  readonly full: LostEvent[]
  /** The first of those that are only counted. */
  like: LostEvent | undefined
  /** How many of the others were lost in the slot that begins at this time. */
  readonly counts: Map<number, number>
}

/** Of losses that are alike, so many are told in full where there is no room for all. */
const usual = 100

/**
 * Keeps losses as a reader needs them: all in full while they are few; else of those that are alike the first in full, and
 * the others counted over time. They are given in the order of time.
 */
export class Abridgement {
  readonly #most: number
  readonly #slot: number
  readonly #groups = new Map<string, Group>()
  #full = 0
  #limit = Number.POSITIVE_INFINITY

  /** @param most So many are told in full, all together. @param slot Milliseconds that the others are counted by. */
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

  /** Not in the order of time. */
  get events(): RehearsalEvent[] {
    return [...this.#groups.values()].flatMap(({ full, like, counts }): RehearsalEvent[] => {
      if (like === undefined) return full
      const sorted = [...counts].sort(([a], [b]) => a - b)
      return [...full, { t: sorted[0]?.[0] ?? like.t, type: 'more-lost', like, counts: sorted }]
    })
  }

  /** Makes room. The limit is halved at least, so this is seldom done. */
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
