import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { Sighting } from './relay/messages.js'

/** ms within which a client notices the end of a connection, also on a busy machine. */
const near = 2000
/** ms by which two threads may report the same time differently: clocks are read to a tenth of a millisecond. */
const rounding = 0.2
/** ms within which a proxy notices that an idle connection has ended. */
const deaf = 1000
/** The responses that a proxy gives itself. */
const ownAnswers = ['status 502', 'status 503', 'status 504']

/** Remembers what the relay saw between proxy and pods, and finds the pod behind a client's loss. */
export class Witness {
  readonly #seen: Sighting[] = []
  #answers: Record<string, number> = {}
  /** The answers of each pod at the last sample that had any: the ratio by which answers are shared out. */
  #shares: ReadonlyArray<readonly [pod: string, answers: number]> = []
  /** Answers that are not credited to a pod yet. */
  #owed = 0

  /** Remembers a sighting of the relay. */
  note(seen: Sighting): void {
    while (this.#seen[0] !== undefined && this.#seen[0].endedAt < seen.endedAt - 3 * near) this.#seen.shift()
    this.#seen.push(seen)
  }

  /** Adds to the number of responses that each pod has begun. */
  count(answered: Readonly<Record<string, number>>): void {
    for (const [pod, count] of Object.entries(answered)) this.#answers[pod] = (this.#answers[pod] ?? 0) + count
  }

  /**
   * Finds the sighting that explains a loss: sent after the client had sent its request, and ended before the client noticed. Of
   * several that fit, it is the one that was sent first. A sighting explains one loss only, so it is removed.
   */
  identify(loss: Loss, t: number): Sighting | undefined {
    const fitting = this.#seen.filter((seen) => isWithin(seen, loss, t) && canBe(seen, loss))
    const answers = fitting.filter(({ end }) => end === 'answered')
    // A status that a pod has answered with explains the loss better than one that the proxy may have made up.
    const [first, ...others] = answers.length > 0 ? answers : fitting
    if (first === undefined) return this.#closedBefore(loss, t)
    const found = others.reduce((earlier, seen) => (seen.sentAt < earlier.sentAt ? seen : earlier), first)
    return this.#take(found)
  }

  /** A keep-alive connection that the pod had closed, and over which the proxy sent the request before it noticed. */
  #closedBefore(loss: Loss, t: number): Sighting | undefined {
    if (!canBe({ end: 'unanswered' }, loss)) return undefined
    const cut = this.#seen.findLast(
      ({ end, endedAt }) => end === 'cut' && endedAt >= loss.sentAt - deaf && endedAt <= t,
    )
    if (cut === undefined) return undefined
    const { endedAt } = this.#take(cut)
    return { ...cut, end: 'unanswered', reused: true, sentAt: loss.sentAt, endedAt: Math.max(endedAt, loss.sentAt) }
  }

  #take(found: Sighting): Sighting {
    this.#seen.splice(this.#seen.indexOf(found), 1)
    return found
  }

  /** Credits the answers of a sample to pods: the load knows how many there were, and the relay which pods gave them. */
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

/** Whether the sighting lies within the time that the client waited. */
function isWithin({ end, sentAt, endedAt }: Sighting, loss: Loss, t: number): boolean {
  // A proxy that gives a request up may answer its client before it closes the connection to the pod.
  const latest = end === 'given up' ? t + near : t + rounding
  return sentAt >= loss.sentAt - rounding && endedAt <= latest && endedAt >= t - near
}

/** Whether the sighting can have led to this kind of loss. */
function canBe({ end, status }: Pick<Sighting, 'end' | 'status'>, { cause }: Loss): boolean {
  if (end === 'answered') return cause === `status ${status}`
  if (cause.startsWith('status')) return end !== 'cut' && ownAnswers.includes(cause)
  return cause === 'truncated' ? end === 'cut' || end === 'unanswered' : true
}
