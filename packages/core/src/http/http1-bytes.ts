import type { IncomingMessage } from 'node:http'
import type { Received } from './received.js'

/** What has come in on an HTTP/1 connection, in bytes, and how far it has been parsed: Node does not tell whether there is more. */
export class InboundBytes {
  readonly #received: Received
  /**
   * Where the last request ends, of those that came while draining, probes too: each comes before the next is parsed.
   * Infinite where that is not known: behind a chunked body nothing is expected, behind what came before it was watched there may be more.
   */
  #parsed: number
  /** The bytes that were there behind the last request when it was answered. */
  #excess = 0

  constructor(received: Received) {
    this.#received = received
    this.#parsed = received.bytesRead > 0 ? Number.NEGATIVE_INFINITY : 0
  }

  /** Whether the beginning of a request is there. */
  get begun(): boolean {
    return this.#received.bytesRead > this.#parsed
  }

  /** All that has come has been parsed. */
  parsedAll(): void {
    this.#parsed = this.#received.bytesRead
  }

  /**
   * A request is open when the drain begins. Those before it have not been measured, as that is not done while serving.
   * @param first whether there were none
   */
  adopt(request: IncomingMessage, first: boolean): void {
    if (first) {
      this.behind(request, true)
    } else if (request.complete) {
      this.parsedAll() // what comes from now on is behind it
    } else {
      this.expectNothing()
    }
  }

  /** A request is open that nobody has measured: nothing is expected behind it. */
  expectNothing(): void {
    this.#parsed = Number.POSITIVE_INFINITY
  }

  /**
   * What seems to be behind a header: the rest of its body, which has yet to come; another request, from a client that
   * pipelines, so that this one must not close the connection, or the other is lost; or nothing. Where a chunked body
   * ends is not known.
   * @param alone whether no other request is open
   */
  behind(request: IncomingMessage, alone: boolean): 'its body' | 'another request' | 'nothing' {
    const chunked = 'transfer-encoding' in request.headers
    const end = this.#parsed + sizeOf(request)
    const excess = this.#received.bytesRead - end // under TLS, too, these are the bytes of HTTP
    this.#parsed = chunked ? Number.POSITIVE_INFINITY : end
    if (chunked || (hasBody(request) && excess < 0)) return 'its body'
    if (excess <= 0) return 'nothing'
    // As many bytes too many as with the request before it: an unusual spelling of headers, and it is used again.
    return alone && excess === 2 * this.#excess ? 'nothing' : 'another request'
  }

  /** All that has arrived whole is answered. What is left is the beginning of the next request, or how headers are spelt. */
  caughtUp(): void {
    const { bytesRead } = this.#received
    const excess = bytesRead - this.#parsed
    if (this.#excess > 0 && excess === 2 * this.#excess) this.#parsed += this.#excess
    // The same is still there behind another request: the end of a body that was answered before it was whole.
    else if (!Number.isFinite(excess) || excess === this.#excess) this.#parsed = bytesRead
    this.#excess = bytesRead - this.#parsed
  }
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0
}

/** The bytes of a request as nearly every client writes it: `Name: value`, no other white space. */
function sizeOf({ method = '', url = '', rawHeaders, headers }: IncomingMessage): number {
  const firstLine = method.length + url.length + '  HTTP/1.1\r\n'.length
  const fields = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0)
  return firstLine + fields + 2 + Number(headers['content-length'] ?? 0)
}
