import type { Run } from './measure.js'
import type { Memory } from './server.js'
import type { settle } from './terms.js'

/** The stored result of the bench. Its section of the page is written from it. */
export interface ScaleData {
  readonly repeats: number
  readonly settle: typeof settle
  readonly keepAliveCap: number
  readonly answeredWithin: number
  readonly resolution: number
  readonly notPinned?: string | undefined
  /** How many connections one process may have on this machine, and how many the bench asked for. */
  readonly limit: number
  readonly wanted: number
  readonly runs: readonly Run[]
  /** The memory of a connection without podrain, by the number of connections. */
  readonly bare: readonly (Memory & { readonly idle: number })[]
}
