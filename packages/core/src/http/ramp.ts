/**
 * The share of clients that are shed, rising from 0 to 1 at the beginning of the drain. A client that is shed before
 * the endpoints have changed would only come back to this pod.
 */
export class Ramp {
  #length: number
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

  /** Sheds all clients at once, because there is no time for a ramp. */
  hurry(): void {
    this.#length = 0
  }

  stop(): void {
    this.#begun = undefined
  }

  /** The share, from 0 (also while serving) to 1. */
  share(now: number): number {
    if (this.#begun === undefined) return 0
    const elapsed = now - this.#begun
    return elapsed >= this.#length ? 1 : elapsed / this.#length
  }
}
