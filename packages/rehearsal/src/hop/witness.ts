import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { Sighting } from './relay/messages.js'

/** A client hears of an end within this many ms, also on a machine that is busy. */
const near = 2000
/** How far apart the same moment may be told, in ms: clocks are read to a tenth. */
const rounding = 0.2
/** So long a hop may not have heard of the end of a connection that nothing was under way on, in ms. */
const deaf = 1000
/** What a hop answers itself. */
const ownAnswers = ['status 502', 'status 503', 'status 504']

/** Knows what was seen between hop and pods, and tells by it which pod had a part in what a client met. */
export class Witness {
  readonly #seen: Sighting[] = []
  #answers: Record<string, number> = {}
  /** How answers were last shared among the pods. */
  #shares: ReadonlyArray<readonly [pod: string, answers: number]> = []
  /** Answers of which nobody knows yet who gave them. */
  #owed = 0

  /** Something was seen. */
  note(seen: Sighting): void {
    while (this.#seen[0] !== undefined && this.#seen[0].endedAt < seen.endedAt - 3 * near) this.#seen.shift()
    this.#seen.push(seen)
  }

  /** Pods have begun so many answers. */
  count(answered: Readonly<Record<string, number>>): void {
    for (const [pod, count] of Object.entries(answered)) this.#answers[pod] = (this.#answers[pod] ?? 0) + count
  }

  /**
   * What a request was lost by. It was seen after the client had sent it, and ended before the client heard; of those that fit, it is
   * the one that was sent first. It costs one request only, so it is not found again.
   */
  identify(loss: Loss, t: number): Sighting | undefined {
    const fitting = this.#seen.filter((seen) => isWithin(seen, loss, t) && canBe(seen, loss))
    const answers = fitting.filter(({ end }) => end === 'answered')
    // What a pod has answered itself no hop has made up.
    const [first, ...others] = answers.length > 0 ? answers : fitting
    if (first === undefined) return this.#met(loss, t)
    const found = others.reduce((earlier, seen) => (seen.sentAt < earlier.sentAt ? seen : earlier), first)
    return this.#take(found)
  }

  /** A kept connection that a pod had closed when the hop sent the request over it, and had not heard of that. */
  #met(loss: Loss, t: number): Sighting | undefined {
    if (!canBe({ end: 'unanswered' }, loss)) return undefined
    const met = this.#seen.findLast(
      ({ end, endedAt }) => end === 'cut' && endedAt >= loss.sentAt - deaf && endedAt <= t,
    )
    if (met === undefined) return undefined
    const { endedAt } = this.#take(met)
    return { ...met, end: 'unanswered', reused: true, sentAt: loss.sentAt, endedAt: Math.max(endedAt, loss.sentAt) }
  }

  #take(found: Sighting): Sighting {
    this.#seen.splice(this.#seen.indexOf(found), 1)
    return found
  }

  /** The load knows how many requests were answered, and the relay by whom. */
  credit(sample: Sample): Sample {
    const answered: Record<string, number> = {}
    const answers = Object.entries(this.#answers)
    if (answers.length > 0) this.#shares = answers
    this.#answers = {}
    this.#owed += Object.values(sample.answered).reduce((sum, count) => sum + count, 0)
    const all = this.#shares.reduce((sum, [, count]) => sum + count, 0)
    let counted = 0
    let given = 0
    for (const [pod, count] of this.#shares) {
      counted += count
      const upTo = Math.round((this.#owed * counted) / all)
      if (upTo > given) answered[pod] = upTo - given
      given = upTo
    }
    this.#owed -= given
    return { ...sample, answered }
  }
}

/** Whether it happened while the client waited. */
function isWithin({ end, sentAt, endedAt }: Sighting, loss: Loss, t: number): boolean {
  // A hop that gives a request up may tell its client before it leaves the pod.
  const latest = end === 'given up' ? t + near : t + rounding
  return sentAt >= loss.sentAt - rounding && endedAt <= latest && endedAt >= t - near
}

/** Whether a client can have met this. */
function canBe({ end, status }: Pick<Sighting, 'end' | 'status'>, { cause }: Loss): boolean {
  if (end === 'answered') return cause === `status ${status}`
  if (cause.startsWith('status')) return end !== 'cut' && ownAnswers.includes(cause)
  return cause === 'truncated' ? end === 'cut' || end === 'unanswered' : true
}
