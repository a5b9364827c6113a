/** What a client sends on a connection, and the outcomes that a standard allows. */
export interface Vector {
  /** The section of the standard, as in "RFC 9112 §6.3". */
  readonly section: string
  /** What the client sends, in words. */
  readonly sends: string
  /** The bytes, one character each. */
  readonly bytes: string
  /** Whether the client ends its side of the connection after the bytes. Otherwise the server would wait for more. */
  readonly ends?: boolean
  /** Each outcome that the standard allows. */
  readonly allowed: readonly string[]
  /** The outcome when the drain tells the connection to leave, if that outcome differs. */
  readonly leaving?: string
}
