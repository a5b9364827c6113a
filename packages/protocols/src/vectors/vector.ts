/** What a client does on a connection, and what a standard lets the server do then. */
export interface Vector {
  /** The section of the standard, as in "RFC 9112 §6.3". */
  readonly section: string
  /** What the client sends, in words. */
  readonly sends: string
  /** The bytes, one character each. */
  readonly bytes: string
  /** Whether the client ends its side behind the bytes, because the server waits for more. */
  readonly ends?: boolean
  /** Each outcome that the standard allows. */
  readonly allowed: readonly string[]
  /** What becomes of it when the drain tells the connection to leave, if that is something else. */
  readonly leaving?: string
}
