import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  constants,
  type IncomingHttpHeaders,
  type OutgoingHttpHeaders,
} from 'node:http2'
import { connectTo } from '../shared/connect.js'
import type { Ask } from './ask.js'
import { askAgainAndAgain, type Client, type ClientSpec, draw, perSecond, type Range, unreachable } from './client.js'
import { answering, type Endpoint } from './endpoint.js'
import { causeOf, type Failure, noEndpoint } from './outcome.js'

/** Pause after a response before the next request, in ms. */
const pause: Range = [5, 25]
/** Requests that a client has in flight at most. */
const concurrency = 4
/** Requests per second of a client, if they are answered at once. */
export const http2PerSecond: number = concurrency * perSecond(pause)
/** How often a request is tried, the first attempt included. */
const mostAttempts = 5

/** `unsent`: no byte of the request has left. `unprocessed`: the server has refused the stream without processing it. */
type Outcome = Failure | 'answered' | 'unsent' | 'unprocessed'

/** A response of which at least the headers have arrived, when its stream is closed. */
export interface Http2Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly trailers: IncomingHttpHeaders
  /** Whether the stream ended with END_STREAM and without an error. */
  readonly isWhole: boolean
}

/** What is sent over HTTP/2, and what counts as success. */
export interface Dialect {
  headersOf(ask: Ask): OutgoingHttpHeaders
  bodyOf(ask: Ask): Uint8Array | undefined
  /** How often a request is sent again after a server has refused it without processing it. */
  readonly mostRepeats: number
  /** Why the response counts as a loss; undefined: it is a success. */
  failureOf(ask: Ask, answer: Http2Answer): Failure | undefined
}

interface Connection {
  readonly session: ClientHttp2Session
  endpoint: Endpoint
  /** Whether it has served a request. */
  served: boolean
  /** Why the session failed. */
  error: NodeJS.ErrnoException | undefined
}

/**
 * Sends requests over one session, up to four at a time. The session is agreed by ALPN where the endpoint uses TLS, else by prior
 * knowledge (RFC 9113 §3). After a GOAWAY the client opens another session. A stream that the server has not processed, as GOAWAY or
 * REFUSED_STREAM says, is sent again as often as the dialect allows, and is no loss.
 */
export class Http2Client implements Client {
  readonly #spec: ClientSpec
  readonly #dialect: Dialect
  #connection: Connection | undefined

  constructor(spec: ClientSpec, dialect: Dialect) {
    this.#spec = spec
    this.#dialect = dialect
  }

  async run(stop: AbortSignal): Promise<void> {
    const pauseOf = () => draw(pause, this.#spec.random)
    await Promise.all(Array.from({ length: concurrency }, () => askAgainAndAgain(stop, pauseOf, () => this.request())))
    this.close()
  }

  close(): void {
    this.#connection?.session.close()
  }

  /** Sends one request and waits for its outcome. Never rejects. */
  async request(): Promise<void> {
    const { asks, clock, pick, timeouts, onSent, onAnswered, onLost } = this.#spec
    const sentAt = clock()
    onSent()
    let outcome: Outcome = 'unsent'
    let endpoint: Endpoint | undefined
    let reused = false
    let repeats = 0
    for (let attempt = 0; attempt < mostAttempts && isOpen(outcome); attempt++) {
      endpoint = this.#connection?.endpoint ?? pick()
      if (endpoint === undefined) outcome = noEndpoint
      else if (endpoint.unreachable && this.#connection === undefined) outcome = await unreachable(timeouts)
      else {
        const connection = this.#connect(endpoint)
        reused = connection.served
        outcome = await this.#send(connection)
        endpoint = connection.endpoint
      }
      if (outcome === 'unprocessed' && repeats++ === this.#dialect.mostRepeats) break
    }
    if (outcome === 'answered') return onAnswered(endpoint?.name ?? '', clock() - sentAt)
    const failure: Failure = isOpen(outcome) ? { cause: 'error', message: 'the server refused every attempt' } : outcome
    const { method = 'GET', path = '' } = asks[0] ?? {}
    onLost({ ...failure, pod: endpoint?.name ?? null, method, path, sentAt, reused })
  }

  /** The open session, or a new one. */
  #connect(endpoint: Endpoint): Connection {
    if (this.#connection !== undefined) return this.#connection
    const { host, port, tls = false } = endpoint
    const session = connect(`http${tls ? 's' : ''}://${host}:${port}`, {
      createConnection: () => connectTo(endpoint, { protocols: ['h2'] }),
    })
    const connection: Connection = { session, endpoint, served: false, error: undefined }
    const forget = () => {
      if (this.#connection === connection) this.#connection = undefined
    }
    session.on('error', (error) => {
      connection.error ??= error
      forget()
    })
    session.on('goaway', forget).on('close', forget)
    this.#connection = connection
    return connection
  }

  #send(connection: Connection): Promise<Outcome> {
    const { asks, timeouts, podHeader } = this.#spec
    const dialect = this.#dialect
    const [ask] = asks
    return new Promise((resolve) => {
      const { session } = connection
      if (ask === undefined || session.closed || session.destroyed) return resolve('unsent')
      const body = dialect.bodyOf(ask)
      let stream: ClientHttp2Stream
      try {
        stream = session.request(dialect.headersOf(ask), { endStream: body === undefined })
      } catch {
        // The session has begun to close, so no byte of the request has left.
        return resolve('unsent')
      }
      let headers: IncomingHttpHeaders | undefined
      let trailers: IncomingHttpHeaders = {}
      let ended = false
      let expired: Failure | undefined
      let failed: NodeJS.ErrnoException | undefined
      const expire = (ms: number, what: string) => {
        expired = { cause: 'timeout', message: `${what} within ${ms} ms` }
        stream.close(constants.NGHTTP2_CANCEL)
        if (session.connecting) session.destroy()
      }
      const limit = (ms: number, what: string) => setTimeout(() => expire(ms, what), ms)
      let timer = session.connecting ? limit(timeouts.connect, 'not connected') : limit(timeouts.total, 'not answered')
      const connected = () => {
        clearTimeout(timer)
        timer = limit(timeouts.total, 'not answered')
      }
      if (session.connecting) session.once('connect', connected)
      stream.on('response', (received) => {
        headers = received
        connection.endpoint = answering(connection.endpoint, received, podHeader)
      })
      stream.on('trailers', (received) => {
        trailers = received
      })
      stream.on('error', (error) => {
        failed = error
      })
      stream.on('end', () => {
        ended = !stream.aborted
      })
      stream.resume()
      if (body !== undefined) stream.end(body)
      stream.on('close', () => {
        clearTimeout(timer)
        session.off('connect', connected)
        resolve(expired ?? outcome())
      })
      const outcome = (): Outcome => {
        if (headers === undefined) {
          if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return 'unprocessed'
          // When a session fails, Node cancels its streams. The session's error says why.
          const error = connection.error ?? (failed?.cause instanceof Error ? failed.cause : failed)
          if (error === undefined) return { cause: 'reset', message: 'the connection ended before the answer began' }
          const cause = causeOf(error)
          return { cause: cause === 'error' ? 'reset' : cause, message: error.message }
        }
        const isWhole = ended && stream.rstCode === constants.NGHTTP2_NO_ERROR
        const failure = dialect.failureOf(ask, { status: Number(headers[':status']), headers, trailers, isWhole })
        if (failure !== undefined) return failure
        connection.served = true
        return 'answered'
      }
    })
  }
}

/** Whether the request can be sent again. */
function isOpen(outcome: Outcome): outcome is 'unsent' | 'unprocessed' {
  return outcome === 'unsent' || outcome === 'unprocessed'
}
