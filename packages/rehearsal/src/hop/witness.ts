import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { Sighting } from './relay/messages.js'

/** A client hears of an end within this many ms, also on a machine that is busy. */
const near = 2000
/** How much later than it was a time may be told, in ms: clocks are read to a tenth. */
const rounding = 1
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
   * Which end of a connection a request was lost by: one that fits, of those the one that fits best in time. Each end costs one
   * request, so it is not found again.
   */
  identify(loss: Loss, t: number): Sighting | undefined {
    let best: Sighting | undefined
    let least = Number.POSITIVE_INFINITY
    for (const seen of this.#seen) {
      const distance = Math.abs(t - seen.endedAt)
      if (distance > near || seen.sentAt < loss.sentAt - rounding || !canBe(seen, loss)) continue
      const score = distance + seen.sentAt - loss.sentAt
      // With retries, the last attempt counts.
      if (score > least) continue
      least = score
      best = seen
    }
    if (best !== undefined) this.#seen.splice(this.#seen.indexOf(best), 1)
    return best
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

/** Whether a client can have met this. */
function canBe({ end, status }: Sighting, { cause }: Loss): boolean {
  if (end === 'answered') return cause === `status ${status}`
  if (cause.startsWith('status')) return end !== 'cut' && ownAnswers.includes(cause)
  return cause === 'truncated' ? end === 'cut' || end === 'unanswered' : true
}
