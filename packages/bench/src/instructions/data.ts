/** What the bench keeps, and its section of the page is made of. */
export interface InstructionsData {
  readonly valgrind: string
  /** Each count is of as many requests, after as many others. */
  readonly requests: number
  /** With so many connections each server was asked: the compiler makes something else of the same code each time. */
  readonly connections: readonly number[]
  /** Instructions per request by framework and contender, in the order of `connections`. The bare server is the first. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
}
