import type { IncomingMessage } from 'node:http'
import type { Received } from './received.js'

/**
 * Compares the bytes that an HTTP/1 connection has received with the bytes of its parsed requests. The difference shows
 * whether the client has pipelined another request. Node has no public API for that.
 */
export class InboundBytes {
  readonly #received: Received
  /**
   * The position, in received bytes, at which the newest request (or probe) since the beginning of the drain ends.
   * - Infinity after a chunked body: its end is not known, so nothing is expected behind it.
   * - -Infinity on a connection with earlier bytes that were not counted: more may be there.
   */
  #parsed: number
  /** Number of bytes that had arrived behind the last request when it was answered. */
  #excess = 0

  constructor(received: Received) {
    this.#received = received
    this.#parsed = received.bytesRead > 0 ? Number.NEGATIVE_INFINITY : 0
  }

  /** Whether the beginning of a request has arrived. */
  get begun(): boolean {
    return this.#received.bytesRead > this.#parsed
  }

  /** Counts all bytes received so far as parsed. */
  parsedAll(): void {
    this.#parsed = this.#received.bytesRead
  }

  /**
   * Adds a request that is open when the drain begins. The sizes of requests before it are not known, because they are not
   * measured while serving.
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

  /** Assumes that nothing is behind the open request, because its size is not known. */
  expectNothing(): void {
    this.#parsed = Number.POSITIVE_INFINITY
  }

  /**
   * Returns what seems to follow the header of a request:
   * - 'its body': the rest of the body has not arrived. A chunked body counts as this, as its end is not known.
   * - 'another request': the client pipelines. This request must not close the connection, or the next one is lost.
   * - 'nothing'.
   * @param alone Whether no other request is open on the connection.
   */
  behind(request: IncomingMessage, alone: boolean): 'its body' | 'another request' | 'nothing' {
    const chunked = 'transfer-encoding' in request.headers
    const end = this.#parsed + sizeOf(request)
    const excess = this.#received.bytesRead - end // with TLS, `bytesRead` counts decrypted bytes
    this.#parsed = chunked ? Number.POSITIVE_INFINITY : end
    if (chunked || (hasBody(request) && excess < 0)) return 'its body'
    if (excess <= 0) return 'nothing'
    // The excess is the same as for the request before: this client sends unusual white space in every request.
    return alone && excess === 2 * this.#excess ? 'nothing' : 'another request'
  }

  /**
   * Called when all complete requests are answered. The remaining bytes are the beginning of the next request, or come from
   * unusual white space in headers.
   */
  caughtUp(): void {
    const { bytesRead } = this.#received
    const excess = bytesRead - this.#parsed
    if (this.#excess > 0 && excess === 2 * this.#excess) this.#parsed += this.#excess
    // The excess has not grown with another request: it is the end of a body whose request was answered before the body was complete.
    else if (!Number.isFinite(excess) || excess === this.#excess) this.#parsed = bytesRead
    this.#excess = bytesRead - this.#parsed
  }
}

export function hasBody({ headers }: IncomingMessage): boolean {
  return 'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > 0
}

/**
 * The size of a request in bytes, if its headers have the form `Name: value` without further white space, as nearly all have.
 */
function sizeOf({ method = '', url = '', rawHeaders, headers }: IncomingMessage): number {
  const firstLine = method.length + url.length + '  HTTP/1.1\r\n'.length
  const fields = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0)
  return firstLine + fields + 2 + Number(headers['content-length'] ?? 0)
}
