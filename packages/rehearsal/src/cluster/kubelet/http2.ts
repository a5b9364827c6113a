import { type ClientHttp2Session, constants, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import { readBody } from './body.js'

/** A complete response. */
export interface Http2Answer {
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  readonly body: Buffer
}

/** The server has refused the stream (REFUSED_STREAM): it has not processed the request, so a retry is safe. */
export class UnprocessedError extends Error {
  override readonly name = 'UnprocessedError'
}

/** Sends one request over a session. Rejects when the stream ends without a response, or when `signal` is aborted. */
export function ask(
  session: ClientHttp2Session,
  headers: OutgoingHttpHeaders,
  { body, signal }: { readonly body?: Buffer; readonly signal?: AbortSignal | undefined },
): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    session.once('error', reject)
    const stream = session.request(headers, { endStream: body === undefined, ...(signal && { signal }) })
    let trailers: IncomingHttpHeaders = {}
    stream.once('error', ({ message }) => {
      reject(stream.rstCode === constants.NGHTTP2_REFUSED_STREAM ? new UnprocessedError(message) : new Error(message))
    })
    stream.once('close', () => reject(new Error('the stream ended without an answer')))
    stream.once('trailers', (received) => {
      trailers = received
    })
    stream.once('response', (received) => {
      stream.removeAllListeners('close')
      const length = Number(received['content-length'] ?? 0)
      void readBody(stream, length).then((read) => resolve({ headers: received, trailers, body: read }))
    })
    if (body !== undefined) stream.end(body)
  })
}
