import http from 'node:http'
import { connectTo } from '../../shared/connect.js'
import { askAgainAndAgain, type Client, type ClientSpec, draw, type Range, unreachable } from '../client.js'
import { answering, type Endpoint } from '../endpoint.js'
import { commonHeaders } from '../exchange.js'
import type { Kind } from '../kind.js'
import { causeOf, type Failure, noEndpoint } from '../outcome.js'

/** Pause before a connection, in ms. A browser waits longer, and would lose fewer requests. */
const pause: Range = [5, 25]

/**
 * Reads an event stream until the server ends it, and connects again, as `EventSource` does. Each connection is a request.
 * A stream counts as answered if the server ended its body correctly and after a whole event, or if it was intact when the load
 * ended. A stream counts as lost if its status was not 200, or if it was cut.
 */
export class SseClient implements Client {
  readonly #spec: ClientSpec
  #endpoint: Endpoint | undefined

  constructor(spec: ClientSpec) {
    this.#spec = spec
  }

  async run(stop: AbortSignal): Promise<void> {
    await askAgainAndAgain(
      stop,
      () => draw(pause, this.#spec.random),
      () => this.request(stop),
    )
  }

  /** There is nothing to close: each stream has its own connection. */
  close(): void {}

  /** Reads one stream to its end, or until `stop` is aborted. Never rejects. */
  async request(stop: AbortSignal): Promise<void> {
    const { asks, clock, pick, onSent, onAnswered, onLost } = this.#spec
    const path = asks[0]?.path ?? ''
    this.#endpoint = pick()
    const sentAt = clock()
    onSent()
    const failure = this.#endpoint === undefined ? noEndpoint : await this.#read(this.#endpoint, path, stop)
    const pod = this.#endpoint?.name
    if (failure === undefined) onAnswered(pod ?? '', clock() - sentAt)
    else onLost({ ...failure, pod: pod ?? null, method: 'GET', path, sentAt, reused: false })
  }

  #read(endpoint: Endpoint, path: string, stop: AbortSignal): Promise<Failure | undefined> {
    const { timeouts, podHeader } = this.#spec
    if (endpoint.unreachable) return unreachable(timeouts)
    return new Promise((resolve) => {
      let status = 0
      /** The last two characters so far: an event ends with an empty line. */
      let tail = '\n\n'
      const headers = { ...commonHeaders, Accept: 'text/event-stream' }
      const request = http.request({ createConnection: () => connectTo(endpoint), path, headers })
      const stopReading = () => settle()
      const settle = (failure?: Failure) => {
        clearTimeout(timer)
        stop.removeEventListener('abort', stopReading)
        resolve(failure)
        request.destroy()
      }
      // Only the status has a limit: an open stream may be silent for any time.
      const limit = timeouts.connect
      const timer = setTimeout(() => settle({ cause: 'timeout', message: `no answer within ${limit} ms` }), limit)
      stop.addEventListener('abort', stopReading, { once: true })
      request.on('error', (error) => {
        if (status === 0) settle({ cause: causeOf(error), message: error.message })
      })
      request.once('response', (response) => {
        clearTimeout(timer)
        this.#endpoint = answering(this.#endpoint, response.headers, podHeader)
        status = response.statusCode ?? 0
        if (status !== 200) return settle({ cause: `status ${status}`, message: response.statusMessage ?? '' })
        response.setEncoding('utf8').on('data', (text: string) => {
          tail = (tail + text.replaceAll('\r', '')).slice(-2)
        })
        response.on('error', () => {})
        response.once('close', () => {
          if (!response.complete) settle({ cause: 'truncated', message: 'the connection ended before the stream did' })
          else if (tail !== '\n\n')
            settle({ cause: 'truncated', message: 'the stream ended in the middle of an event' })
          else settle()
        })
      })
      request.end()
    })
  }
}

export const sse: Kind<'sse'> = {
  path: 'sse',
  help: 'event stream',
  count: 2,
  method: 'GET',
  perSecond: 1,
  protocol: 'HTTP/1.1',
  paced: false,
  timed: false,
  create: (spec) => new SseClient(spec),
}
