import type { Edit } from '../text/edits.js'

/**
 * - `error`: it will be refused, or requests will be lost, or the pod killed.
 * - `warning`: requests will be lost under conditions that are usual.
 * - `info`: worth knowing; whether it is wrong depends on what the files do not say.
 */
export type Severity = 'error' | 'warning' | 'info'

/** From the worst on. */
export const severities: readonly Severity[] = ['error', 'warning', 'info']

/** What a rule found. Lines and columns are counted from 1. */
export interface Finding {
  /** The id of the rule. */
  readonly rule: string
  readonly severity: Severity
  readonly file: string
  readonly line: number
  readonly column: number
  readonly endLine: number
  readonly endColumn: number
  /** `Deployment/web`; undefined for a finding about a file. */
  readonly resource?: string
  /** Where in the resource: `spec.template.spec.containers[0]`. */
  readonly path?: string
  /** Of a file that several kustomizations build from, and not all with this outcome: those that do. */
  readonly builds?: readonly string[]
  /** Of a template: the chart. Then the lines are those of what Helm made of it. */
  readonly chart?: string
  /** What is wrong, with the arithmetic. */
  readonly message: string
  /** What to write instead. */
  readonly fix?: string
  /** The same as edits, where that is safe. */
  readonly edits?: readonly Edit[]
}
