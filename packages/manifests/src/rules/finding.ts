import type { Edit } from '../text/edits.js'

/**
 * - `error`: the API server refuses the object, or requests will be lost, or the pod will be killed.
 * - `warning`: requests will be lost under usual conditions.
 * - `info`: worth knowing; whether it is a mistake depends on facts outside the files.
 */
export type Severity = 'error' | 'warning' | 'info'

/** All severities, the most severe first. */
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
  /** If several kustomizations use the file, and only some have the finding: the names of those. */
  readonly builds?: readonly string[]
  /** For a Helm template: the chart. Then lines are those of the rendered text. */
  readonly chart?: string
  /** What is wrong, with the arithmetic. */
  readonly message: string
  /** What to write instead. */
  readonly fix?: string
  /** The fix as edits, if it is safe to apply. */
  readonly edits?: readonly Edit[]
}
