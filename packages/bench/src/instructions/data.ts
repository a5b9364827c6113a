/** The stored result of the bench. Its section of the page is written from it. */
export interface InstructionsData {
  readonly valgrind: string
  /** Each count is of this many requests, after the same number of other requests. */
  readonly requests: number
  /** The numbers of connections that each server was measured with. V8 compiles the same code differently for each number. */
  readonly connections: readonly number[]
  /** Instructions per request by framework and contender, in the order of `connections`. The bare server comes first. */
  readonly counts: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>>
}
