import type { Race } from './measure.js'

/** The stored result of the bench. Its section of the page is written from it. */
export interface OverheadData {
  readonly generator: string
  readonly connections: number
  readonly rounds: number
  readonly starts: number
  readonly seconds: number
  /** Why server and generator could not be pinned to a processor each; undefined if they were. */
  readonly notPinned?: string | undefined
  readonly races: readonly Race[]
}
