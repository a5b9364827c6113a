import type { IncomingMessage } from 'node:http'
import type { Received } from './received.js'

/**
 * Compares the bytes that an HTTP/1 connection has received with the bytes of the requests that were parsed from it.
 * Node does not say whether more has arrived behind a request.
 */
export class InboundBytes {
  readonly #received: Received
  /**
   * Where the newest request of this drain ends, in bytes received; probes count, too. Infinity after a chunked body,
   * whose end is not known: nothing is expected behind it. -Infinity on a connection with unknown earlier bytes: more
   * may be there.
   */
  #parsed: number
  /** Number of bytes that were there behind the last request when it was answered. */
  #excess = 0

  constructor(received: Received) {
    this.#received = received
    this.#parsed = received.bytesRead > 0 ? Number.NEGATIVE_INFINITY : 0
  }

  /** Whether the beginning of a request has arrived. */
  get begun(): boolean {
    return this.#received.bytesRead > this.#parsed
  }

  /** Takes all bytes received so far as parsed. */
  parsedAll(): void {
    this.#parsed = this.#received.bytesRead
  }

  /**
   * Takes over a request that is open when the drain begins. Requests before it were not measured, because serving does
   * not measure.
   * @param first Whether it is the first request of the connection.
   */
  adopt(request: IncomingMessage, first: boolean): void {
    if (first) {
      this.behind(request, true)
    } else if (request.complete) {
      this.parsedAll() // whatever arrives from now on is behind it
    } else {
      this.expectNothing()
    }
  }

  /** Takes nothing to be behind the open request, as nothing measured it. */
  expectNothing(): void {
    this.#parsed = Number.POSITIVE_INFINITY
  }

  /**
   * Says what seems to come behind the header of a request:
   * - 'its body': the rest of the body has not arrived. A chunked body counts as this, as its end is not known.
   * - 'another request': the client pipelines. This request must not close the connection, or the next one is lost.
   * - 'nothing'.
   * @param alone Whether no other request is open on the connection.
   */
  behind(request: IncomingMessage, alone: boolean): 'its body' | 'another request' | 'nothing' {
    const chunked = 'transfer-encoding' in request.headers
    const end = this.#parsed + sizeOf(request)
    const excess = this.#received.bytesRead - end // under TLS, too, `bytesRead` counts decrypted bytes
    this.#parsed = chunked ? Number.POSITIVE_INFINITY : end
    if (chunked || (hasBody(request) && excess < 0)) return 'its body'
    if (excess <= 0) return 'nothing'
    // The excess is the same as with the request before: this client spells headers unusually, and does so each time.
    return alone && excess === 2 * this.#excess ? 'nothing' : 'another request'
  }

  /**
   * Called when all requests that arrived completely are answered. Any remaining bytes are the beginning of the next
   * request, or come from an unusual spelling of headers.
   */
  caughtUp(): void {
    const { bytesRead } = this.#received
    const excess = bytesRead - this.#parsed
    if (this.#excess > 0 && excess === 2 * this.#excess) this.#parsed += this.#excess
    // The excess did not grow with another request: it is the end of a body that was answered before it was complete.
    else if (!Number.isFinite(excess) || excess === this.#excess) this.#parsed = bytesRead
    this.#excess = bytesRead - this.#parsed
  }
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0
}

/**
 * The size of a request in bytes, if its headers are spelt `Name: value` without other white space, as nearly all are.
 */
function sizeOf({ method = '', url = '', rawHeaders, headers }: IncomingMessage): number {
  const firstLine = method.length + url.length + '  HTTP/1.1\r\n'.length
  const fields = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0)
  return firstLine + fields + 2 + Number(headers['content-length'] ?? 0)
}
