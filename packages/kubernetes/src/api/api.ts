import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import { pipeline } from 'node:stream'
import { createGunzip } from 'node:zlib'
import type { Clock } from '@podrain/core'
import { credentials, type KubeConfigLike } from './config.js'
import { Lines } from './lines.js'

/** Milliseconds until an answer has begun, and for one that is no watch, ended. */
const patience = 10_000
/** Characters of an answer that is no watch. The EndpointSlices of 10,000 pods have about five million. */
const longestAnswer = 16 * 2 ** 20
/** Characters of one event. etcd takes objects of up to 1.5 MB. */
const longestLine = 4 * 2 ** 20
/** Seconds for which the API may ask to be left alone: what asks for more is none. */
const longestRetryAfter = 600

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The API has answered with a status that is none of success, in its headers or as an event. */
export class ApiError extends Error {
  readonly status: number
  /** Milliseconds that it asks to be left alone. */
  readonly retryAfter: number

  constructor(status: number, message: string, retryAfter = 0) {
    super(message)
    this.status = status
    this.retryAfter = retryAfter
  }
}

/** The answer has more characters than are kept in memory. */
export class TooLong extends Error {
  constructor() {
    super(`the response has more than ${longestAnswer} characters`)
  }
}

/** Somebody called `stop()`. */
export class Stopped extends Error {}

export interface WatchListener {
  /** The watch is open. */
  onOpen(date: number | undefined): void
  /** @throws {Error} to end the watch */
  onLine(line: string): void
}

/**
 * The Kubernetes API, over requests that keep no process alive and can all be ended at once. Not the client of client-node: its
 * sockets hold the process, a line of a watch may be as long as it likes, and what is no JSON is passed over in silence.
 */
export class Api {
  readonly #config: KubeConfigLike
  readonly #clock: Clock
  /** What ends each request that goes on. */
  readonly #open = new Set<(error: Error) => void>()
  #stopped = false

  constructor(config: KubeConfigLike, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  /** @param limit Milliseconds for the whole of it */
  async get(path: string, query: Query, limit: number = patience): Promise<unknown> {
    // The API server compresses answers of more than 128 kB.
    const { response, done } = await this.#send('GET', path, query, limit, { 'accept-encoding': 'gzip' })
    return done(async () => JSON.parse(await textOf(response, longestAnswer)))
  }

  /**
   * Changes an object.
   * @param strategy A strategic patch finds the items of a list by their name. A merge patch replaces the list.
   */
  async patch(path: string, body: object, strategy: 'merge' | 'strategic-merge' = 'merge'): Promise<void> {
    await this.#write('PATCH', path, body, `application/${strategy}-patch+json`)
  }

  /** Creates an object. */
  async post(path: string, body: object): Promise<void> {
    await this.#write('POST', path, body, 'application/json')
  }

  /**
   * Resolves when the API has ended the watch.
   * @param limit Milliseconds after which it is ended from here: its connection may be dead without a word.
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

  /** Ends everything that goes on, and begins nothing any more. */
  stop(): void {
    this.#stopped = true
    for (const fail of this.#open) fail(new Stopped())
  }

  async #write(method: string, path: string, body: object, type: string): Promise<void> {
    const headers = { 'content-type': type }
    const { response, done } = await this.#send(method, path, {}, patience, headers, JSON.stringify(body))
    await done(() => textOf(response, longestAnswer))
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
    /** Ends the request with what is done with its answer. */
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
    failed.catch(() => {}) // also of one that failed when nobody waited for it
    this.#open.add(fail)
    const giveUp = (): void => fail(new Error('the API server did not respond in time'))
    let cancel = this.#clock.after(Math.min(patience, limit), giveUp)
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
        agent: false, // no socket is left in a pool
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

/** Hands on what comes until the answer has come whole. */
function read(request: ClientRequest, response: IncomingMessage, onPiece: (piece: string) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    response.setEncoding('utf8') // a letter of several bytes may come in two pieces
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

/** @throws {Error} also for an answer that ends in the middle, compressed or not */
async function textOf(response: IncomingMessage, longest: number): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  const isPacked = response.headers['content-encoding'] === 'gzip'
  // A failure of the response becomes one of what is read here.
  const pieces = isPacked ? pipeline(response, createGunzip(), () => {}) : response
  for await (const piece of pieces) {
    text += decoder.decode(piece, { stream: true })
    if (text.length > longest) throw new TooLong()
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
    // A proxy in front of the API speaks for it.
  }
  return new ApiError(status, message, retryAfterOf(response))
}

/** Milliseconds: it is told in seconds or, by a proxy in front of the API, as a date. */
function retryAfterOf(response: IncomingMessage): number {
  const { 'retry-after': told = '' } = response.headers
  const seconds = Number(told)
  const ms = Number.isNaN(seconds) ? Date.parse(told) - (dateOf(response) ?? Date.now()) : seconds * 1000
  return ms > 0 ? Math.min(ms, longestRetryAfter * 1000) : 0
}

function dateOf(response: IncomingMessage): number | undefined {
  const date = Date.parse(response.headers.date ?? '')
  return Number.isNaN(date) ? undefined : date
}
