/**
 * The share of responses that tell their client to leave, rising from 0 to 1 while the drain settles. A client that is
 * led away before the endpoints have changed would only come back.
 */
export class Ramp {
  #length: number
  #begun: number | undefined

  /** @param length Milliseconds from the beginning of the drain until every response says it. */
  constructor(length: number) {
    this.#length = length
  }

  /** Whether it has begun: the server is draining. */
  get active(): boolean {
    return this.#begun !== undefined
  }

  begin(now: number): void {
    this.#begun = now
  }

  /** There is no time for a ramp: all at once. */
  hurry(): void {
    this.#length = 0
  }

  stop(): void {
    this.#begun = undefined
  }

  /** 0 while serving, up to 1. */
  share(now: number): number {
    if (this.#begun === undefined) return 0
    const elapsed = now - this.#begun
    return elapsed >= this.#length ? 1 : elapsed / this.#length
  }
}
