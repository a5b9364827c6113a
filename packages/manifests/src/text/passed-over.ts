/** Something that was not judged, and why. */
export interface PassedOver {
  readonly file: string
  readonly line: number
  readonly what: string
  readonly why: string
}
