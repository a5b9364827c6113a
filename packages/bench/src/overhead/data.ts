import type { Race } from './measure.js'

/** What the bench keeps, and its section of the page is made of. */
export interface OverheadData {
  readonly generator: string
  readonly connections: number
  readonly rounds: number
  readonly starts: number
  readonly seconds: number
  /** Why server and generator could not each be given a processor. */
  readonly notPinned?: string | undefined
  readonly races: readonly Race[]
}
