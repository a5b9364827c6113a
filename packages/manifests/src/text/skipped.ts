/** Something that was not judged, and why. */
export interface Skipped {
  readonly file: string
  /** From 1. */
  readonly line: number
  /** What it is, such as `a Helm chart`. */
  readonly what: string
  /** Why it was not judged, and often how to lint it. */
  readonly why: string
}
