import type { Run } from './measure.js'

/** What the bench keeps, and its section of the page is made of. */
export interface LintData {
  readonly repeats: number
  readonly runs: readonly Run[]
}
