import { type Spread, spread } from '../statistics.js'
import type { Pair } from './measure.js'

/** The measured pairs of all processes, by variant. */
export type Pairs = Readonly<Record<string, readonly Pair[]>>

/** How much each variant adds to a bare request. */
export type Added = Readonly<Record<string, Spread>>

/** The stored result of the bench. Its section of the page is written from it. */
export interface RequestData {
  readonly starts: number
  readonly rounds: number
  readonly requests: number
  /** Nanoseconds of a bare request's whole life cycle. */
  readonly alone: Spread
  /** Nanoseconds that a variant adds to the whole life cycle of a request. */
  readonly time: Added
  /** Bytes that a variant allocates between the server's 'request' event and the response's 'close' event. */
  readonly bytes: Added
}

/** The differences of all rounds, except the rounds with a garbage collection. */
export function added(pairs: Pairs): Added {
  const differences = ([bare, variant]: Pair): number[] => (bare === null || variant === null ? [] : [variant - bare])
  return Object.fromEntries(Object.entries(pairs).map(([name, all]) => [name, spread(all.flatMap(differences))]))
}

export function alone(pairs: Pairs): Spread {
  return spread(Object.values(pairs).flatMap((all) => all.flatMap(([bare]) => bare ?? [])))
}
