import type { Pair } from './measure.js'

/** The pairs of all processes, by variant. */
export type Pairs = Readonly<Record<string, readonly Pair[]>>

/** What the bench keeps, and its section of the page is made of. */
export interface RequestData {
  readonly starts: number
  readonly rounds: number
  readonly requests: number
  /** Nanoseconds of a request's whole life cycle. */
  readonly time: Pairs
  /** Bytes that are allocated from when the server has the request to when its response has closed. */
  readonly bytes: Pairs
}
