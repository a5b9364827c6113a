import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Clock } from '@podrain/core'
import { credentials, type KubeConfigLike } from './config.js'
import { Lines } from './lines.js'

/** Milliseconds until a response must have begun, and must have ended if it is not a watch. */
const responseTimeout = 10_000
/** The longest response that is not a watch, in characters. The EndpointSlices of 10,000 pods have about five million. */
const longestResponse = 16 * 2 ** 20
/** The longest event of a watch, in characters. etcd accepts objects of up to 1.5 MB. */
const longestLine = 4 * 2 ** 20
/** The longest `Retry-After` that is respected, in seconds. */
const longestRetryAfter = 600

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** A failure that the API has reported: a status other than 200 and 201, or an ERROR event of a watch. */
export class ApiError extends Error {
  /** The HTTP status. 0 if a watch has ended early without a status. */
  readonly status: number
  /** The value of `Retry-After`, in milliseconds. 0 without that header. */
  readonly retryAfter: number

  constructor(status: number, message: string, retryAfter = 0) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/** The response has more characters than this package keeps in memory. */
export class ResponseTooLong extends Error {
  constructor() {
    super(`the response has more than ${longestResponse} characters`)
  }
}

/** `stop()` was called. */
export class Stopped extends Error {}

export interface WatchListener {
  /**
   * Called when the watch is open.
   * @param date The server's time, in milliseconds since the epoch. undefined if the response has no `Date`.
   */
  onOpen(date: number | undefined): void
  /** @throws {Error} to end the watch */
  onLine(line: string): void
}

/**
 * A client for the Kubernetes API. Its requests do not keep the process alive, and can all be ended at once. The client of
 * @kubernetes/client-node does not fit: its sockets keep the process alive, it does not limit the length of a line of a watch, and it
 * ignores lines that are not JSON.
 */
export class Api {
  readonly #config: KubeConfigLike
  readonly #clock: Clock
  /** The functions that end the requests in progress. */
  readonly #open = new Set<(error: Error) => void>()
  #stopped = false

  constructor(config: KubeConfigLike, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  /**
   * Reads an object or a list.
   * @param limit Milliseconds for the whole response.
   * @throws {ApiError | ResponseTooLong | Stopped | SyntaxError | Error}
   */
  async get(path: string, query: Query, limit: number = responseTimeout): Promise<unknown> {
    // The API server compresses responses of more than 128 kB.
    const { response, done } = await this.#send('GET', path, query, limit, { 'accept-encoding': 'gzip' })
    return done(async () => JSON.parse(await textOf(response, longestResponse)))
  }

  /**
   * Changes an object.
   * @param strategy A strategic merge patch finds the items of a list by their name. A merge patch replaces the list.
   */
  async patch(path: string, body: object, strategy: 'merge' | 'strategic-merge' = 'merge'): Promise<void> {
    await this.#write('PATCH', path, body, `application/${strategy}-patch+json`)
  }

  /** Creates an object. */
  async post(path: string, body: object): Promise<void> {
    await this.#write('POST', path, body, 'application/json')
  }

  /**
   * Opens a watch. Resolves when the API server has ended the watch.
   * @param limit Milliseconds after which the client ends the watch, because its connection may be dead without an error.
   */
  async watch(path: string, query: Query, limit: number, listener: WatchListener): Promise<void> {
    const { request, response, done } = await this.#send('GET', path, { ...query, watch: true }, limit, {})
    await done(async () => {
      listener.onOpen(dateOf(response))
      const lines = new Lines(longestLine, (line) => listener.onLine(line))
      await read(request, response, (piece) => lines.push(piece))
      lines.flush()
    })
  }

  /** Ends all requests in progress. Later requests fail with `Stopped`. */
  stop(): void {
    this.#stopped = true
    for (const fail of this.#open) fail(new Stopped())
  }

  async #write(method: string, path: string, body: object, type: string): Promise<void> {
    const headers = { 'content-type': type }
    const { response, done } = await this.#send(method, path, {}, responseTimeout, headers, JSON.stringify(body))
    await done(() => textOf(response, longestResponse))
  }

  async #send(
    method: string,
    path: string,
    query: Query,
    limit: number,
    headers: Readonly<Record<string, string>>,
    body?: string,
  ): Promise<{
    request: ClientRequest
    response: IncomingMessage
    /** Reads the response with `use`, and ends the request afterwards. */
    done<T>(use: () => Promise<T>): Promise<T>
  }> {
    if (this.#stopped) throw new Stopped()
    let request: ClientRequest | undefined
    let fail = (_error: Error): void => {}
    const failed = new Promise<never>((_resolve, reject) => {
      fail = (error) => {
        reject(error)
        request?.destroy(error)
      }
    })
    failed.catch(() => {}) // otherwise a failure that nothing awaits would be an unhandled rejection
    this.#open.add(fail)
    const giveUp = (): void => fail(new Error('the API server did not respond in time'))
    let cancel = this.#clock.after(Math.min(responseTimeout, limit), giveUp)
    const end = (): void => {
      cancel()
      this.#open.delete(fail)
      request?.destroy()
    }
    try {
      const { server, options } = await Promise.race([credentials(this.#config), failed])
      if (this.#stopped) throw new Stopped()
      const url = new URL(server.replace(/\/$/, '') + path)
      for (const [name, value] of Object.entries(query))
        if (value !== undefined) url.searchParams.set(name, String(value))
      const sent = (url.protocol === 'http:' ? http : https).request(url, {
        agent: false, // leaves no socket in a pool
        ...options,
        method,
        headers: {
          ...(options.headers as Record<string, string>),
          accept: 'application/json',
          'user-agent': 'podrain',
          ...headers,
          ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
        },
      })
      request = sent
      sent.on('socket', (socket) => socket.unref().setKeepAlive(true, 15_000))
      sent.on('error', fail)
      const answered = new Promise<IncomingMessage>((resolve) => void sent.on('response', resolve))
      sent.end(body)
      const response = await Promise.race([answered, failed])
      if (response.statusCode !== 200 && response.statusCode !== 201) throw await errorOf(response)
      cancel()
      cancel = this.#clock.after(limit, giveUp)
      return {
        request: sent,
        response,
        async done(use) {
          try {
            return await use()
          } finally {
            end()
          }
        },
      }
    } catch (error) {
      end()
      throw error
    }
  }
}

/** Passes on the pieces of a response until the response is complete. */
function read(request: ClientRequest, response: IncomingMessage, onPiece: (piece: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    response.setEncoding('utf8') // a character of several bytes may come in two pieces
    response.on('data', (piece: string) => {
      try {
        onPiece(piece)
      } catch (error) {
        reject(error)
        request.destroy()
      }
    })
    response.on('end', resolve)
    response.on('error', reject)
    request.on('error', reject)
    response.on('close', () => reject(new Error('the connection closed before the response was complete')))
  })
}

/** @throws {Error} also if the response is not complete, compressed or not */
async function textOf(response: IncomingMessage, longest: number): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  const isPacked = response.headers['content-encoding'] === 'gzip'
  // pipeline() passes an error of the response to the decompressed stream.
  const pieces = isPacked ? pipeline(response, createGunzip(), () => {}) : response
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true })
    if (text.length > longest) throw new ResponseTooLong()
  }
  return text
}

async function errorOf(response: IncomingMessage): Promise<ApiError> {
  const status = response.statusCode ?? 0
  const text = await textOf(response, 2 ** 16).catch(() => '')
  let message = `status ${status}`
  try {
    const said: unknown = JSON.parse(text).message
    if (typeof said === 'string') message = `${status}: ${said.slice(0, 500)}`
  } catch {
    // The response is not from the API server, but from a proxy in front of it.
  }
  return new ApiError(status, message, retryAfterOf(response))
}

/**
 * The value of `Retry-After` in milliseconds. The API server sends seconds. A proxy in front of it may send a date. The API server sends
 * `Retry-After` with each 429, and usually one second (kubernetes/kubernetes, apiserver/pkg/server/filters/maxinflight.go). A 429
 * without it, as a proxy may send, counts as the same.
 */
function retryAfterOf(response: IncomingMessage): number {
  const { 'retry-after': told = response.statusCode === 429 ? '1' : '' } = response.headers
  const seconds = Number(told)
  const ms = Number.isNaN(seconds) ? Date.parse(told) - (dateOf(response) ?? Date.now()) : seconds * 1000
  return ms > 0 ? Math.min(ms, longestRetryAfter * 1000) : 0
}

function dateOf(response: IncomingMessage): number | undefined {
  const date = Date.parse(response.headers.date ?? '')
  return Number.isNaN(date) ? undefined : date
}
