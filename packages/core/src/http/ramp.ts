/**
 * The share of clients that are shed. It rises from 0 to 1 at the beginning of the drain. A client that is shed before load
 * balancers have followed may only connect to this pod again.
 */
export class Ramp {
  readonly #length: number
  /** Whether this drain has no time for the ramp, or no need for it. */
  #hurried = false
  #begun: number | undefined

  /** @param length Milliseconds from the beginning of the drain until every response sheds its client. */
  constructor(length: number) {
    this.#length = length
  }

  /** Whether the ramp has begun, which means that the server drains. */
  get active(): boolean {
    return this.#begun !== undefined
  }

  begin(now: number): void {
    this.#begun = now
  }

  /** Sheds all clients from now on, until the drain is undone. */
  hurry(): void {
    this.#hurried = true
  }

  stop(): void {
    this.#begun = undefined
    this.#hurried = false
  }

  /** The share, from 0 (also while serving) to 1. */
  share(now: number): number {
    if (this.#begun === undefined) return 0
    const elapsed = now - this.#begun
    return this.#hurried || elapsed >= this.#length ? 1 : elapsed / this.#length
  }
}
