import { type Spread, spread } from '../statistics.js'
import type { Pair } from './measure.js'

/** The pairs of all processes, by variant. */
export type Pairs = Readonly<Record<string, readonly Pair[]>>

/** How much each variant adds to a bare request. */
export type Added = Readonly<Record<string, Spread>>

/** What the bench keeps, and its section of the page is made of. */
export interface RequestData {
  readonly starts: number
  readonly rounds: number
  readonly requests: number
  /** Nanoseconds of a bare request's whole life cycle. */
  readonly alone: Spread
  /** Nanoseconds of a request's whole life cycle, by variant. */
  readonly time: Added
  /** Bytes that are allocated from when the server has the request to when its response has closed, by variant. */
  readonly bytes: Added
}

/** Round by round; without those in which something was collected. */
export function added(pairs: Pairs): Added {
  const differences = ([bare, variant]: Pair): number[] => (bare === null || variant === null ? [] : [variant - bare])
  return Object.fromEntries(Object.entries(pairs).map(([name, all]) => [name, spread(all.flatMap(differences))]))
}

export function alone(pairs: Pairs): Spread {
  return spread(Object.values(pairs).flatMap((all) => all.flatMap(([bare]) => bare ?? [])))
}
