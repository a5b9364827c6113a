import type { LostEvent, LostHappening } from './events.js'

/**
 * Every loss of a rehearsal, in little memory: what many losses have in common is kept once, and of each loss only three numbers:
 * when it was sent, when it was lost, and the index of the common part. The reasons are found at the end, so no loss may be dropped before.
 */
export class LossLedger implements Iterable<LostEvent> {
  readonly #likes: LostHappening[] = []
  readonly #known = new Map<string, number>()
  readonly #t: number[] = []
  readonly #sentAt: number[] = []
  readonly #like: number[] = []
  /** The indexes sorted by time; valid until the next loss. */
  #order: readonly number[] = []

  add(loss: LostHappening, t: number): void {
    const { sentAt, ...common } = loss
    const key = JSON.stringify(common)
    const like = this.#known.get(key) ?? this.#likes.push(loss) - 1
    this.#known.set(key, like)
    this.#t.push(t)
    this.#sentAt.push(sentAt)
    this.#like.push(like)
  }

  /** The losses so far, in the order of time. */
  *[Symbol.iterator](): Generator<LostEvent> {
    for (const index of this.#inOrder()) {
      const like = this.#likes[this.#like[index] ?? 0]
      if (like !== undefined) yield { ...like, t: this.#t[index] ?? 0, sentAt: this.#sentAt[index] ?? 0 }
    }
  }

  #inOrder(): readonly number[] {
    if (this.#order.length === this.#t.length) return this.#order
    const at = (index: number) => this.#t[index] ?? 0
    this.#order = [...this.#t.keys()].sort((a, b) => at(a) - at(b))
    return this.#order
  }
}
