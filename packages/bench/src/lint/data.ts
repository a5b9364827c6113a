import type { Run } from './measure.js'

/** The stored result of the bench. Its section of the page is written from it. */
export interface LintData {
  readonly repeats: number
  readonly runs: readonly Run[]
}
