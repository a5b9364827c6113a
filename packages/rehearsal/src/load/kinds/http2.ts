import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2'
import { isSuccess } from '../ask.js'
import { askAgainAndAgain, type Client, type ClientSpec, draw, perSecond, type Range, unreachable } from '../client.js'
import { answering, type Endpoint } from '../endpoint.js'
import { commonHeaders } from '../exchange.js'
import type { Kind } from '../kind.js'
import { causeOf, type Failure, noEndpoint } from '../outcome.js'

/** Pause between two requests of one of its threads, in ms. */
const pause: Range = [5, 25]
/** Requests at a time. */
const threads = 4
/** How often a request is sent again that was not processed. */
const mostAttempts = 5

type Outcome = Failure | 'answered' | 'again'

interface Connection {
  readonly session: ClientHttp2Session
  endpoint: Endpoint
  served: boolean
  /** Why it failed. */
  error: NodeJS.ErrnoException | undefined
}

/**
 * Sends requests over one session (HTTP/2 without TLS, by prior knowledge), up to four at a time, and opens another when
 * the server has said GOAWAY. A stream that the server has not processed, by GOAWAY or by REFUSED_STREAM, is sent again:
 * RFC 9113 §8.7 allows it for any method, and it is no loss.
 */
export class Http2Client implements Client {
  readonly #spec: ClientSpec
  #connection: Connection | undefined

  constructor(spec: ClientSpec) {
    this.#spec = spec
  }

  async run(stop: AbortSignal): Promise<void> {
    const pauseOf = () => draw(pause, this.#spec.random)
    await Promise.all(Array.from({ length: threads }, () => askAgainAndAgain(stop, pauseOf, () => this.request())))
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
    let outcome: Outcome = 'again'
    let endpoint: Endpoint | undefined
    let reused = false
    for (let attempt = 0; outcome === 'again' && attempt < mostAttempts; attempt++) {
      endpoint = this.#connection?.endpoint ?? pick()
      if (endpoint === undefined) outcome = noEndpoint
      else if (endpoint.unreachable && this.#connection === undefined) outcome = await unreachable(timeouts)
      else {
        const connection = this.#connect(endpoint)
        reused = connection.served
        outcome = await this.#send(connection)
        endpoint = connection.endpoint
      }
    }
    if (outcome === 'answered') return onAnswered(endpoint?.name ?? '', clock() - sentAt)
    const failure: Failure = outcome === 'again' ? { cause: 'error', message: 'refused again and again' } : outcome
    const { method = 'GET', path = '' } = asks[0] ?? {}
    onLost({ ...failure, pod: endpoint?.name ?? null, method, path, sentAt, reused })
  }

  /** The session there is, or a new one. */
  #connect(endpoint: Endpoint): Connection {
    if (this.#connection !== undefined) return this.#connection
    const session = connect(`http://${endpoint.host}:${endpoint.port}`)
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
    const [ask] = asks
    return new Promise((resolve) => {
      const { session } = connection
      if (ask === undefined || session.closed || session.destroyed) return resolve('again')
      const { Host: authority = '', ...headers } = commonHeaders
      let stream: ClientHttp2Stream
      try {
        stream = session.request({ ...headers, ':path': ask.path, ':method': ask.method, ':authority': authority })
      } catch {
        // The session has begun to close: nothing of the request has left.
        return resolve('again')
      }
      let status = 0
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
        status = received[':status'] ?? 0
        connection.endpoint = answering(connection.endpoint, received, podHeader)
      })
      stream.on('error', (error) => {
        failed = error
      })
      stream.on('end', () => {
        ended = !stream.aborted
      })
      stream.resume()
      stream.on('close', () => {
        clearTimeout(timer)
        session.off('connect', connected)
        resolve(expired ?? outcome())
      })
      const outcome = (): Outcome => {
        if (status === 0) {
          if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) return 'again'
          // A stream is cancelled because of what its session died of.
          const error = connection.error ?? (failed?.cause instanceof Error ? failed.cause : failed)
          if (error === undefined) return { cause: 'reset', message: 'the connection ended before the answer began' }
          const cause = causeOf(error)
          return { cause: cause === 'error' ? 'reset' : cause, message: error.message }
        }
        if (!isSuccess(ask, status)) return { cause: `status ${status}`, message: '' }
        if (!ended || stream.rstCode !== constants.NGHTTP2_NO_ERROR) {
          return { cause: 'truncated', message: 'the stream ended before the body did' }
        }
        connection.served = true
        return 'answered'
      }
    })
  }
}

export const http2: Kind<'http2'> = {
  path: 'http2',
  help: 'GET over cleartext HTTP/2',
  count: 4,
  method: 'GET',
  perSecond: threads * perSecond(pause),
  paced: false,
  timed: true,
  create: (spec) => new Http2Client(spec),
}
