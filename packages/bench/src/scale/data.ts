import type { Run } from './measure.js'
import type { Memory } from './server.js'
import type { settle } from './terms.js'

/** What the bench keeps, and its section of the page is made of. */
export interface ScaleData {
  readonly repeats: number
  readonly settle: typeof settle
  readonly keepAliveCap: number
  readonly answeredWithin: number
  readonly resolution: number
  readonly notPinned?: string | undefined
  /** How many connections one process may have here, and how many were wanted. */
  readonly limit: number
  readonly wanted: number
  readonly runs: readonly Run[]
  /** What a connection takes without podrain, by how many there are. */
  readonly bare: readonly (Memory & { readonly idle: number })[]
}
