import http, { type ClientRequest, type IncomingMessage } from 'node:http'
import https from 'node:https'
import type { Clock } from '@podrain/core'
import { credentials, type KubeConfigLike } from './config.js'
import { Lines } from './lines.js'

/** Milliseconds until an answer has begun, and for one that is no watch, ended. */
const patience = 10_000
/** Characters of an answer that is no watch. A page of 50 full EndpointSlices has about 20 million. */
const longestAnswer = 32 * 2 ** 20
/** Characters of one event. etcd takes objects of up to 1.5 MB. */
const longestLine = 4 * 2 ** 20

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
  readonly #open = new Set<ClientRequest>()
  #stopped = false

  constructor(config: KubeConfigLike, clock: Clock) {
    this.#config = config
    this.#clock = clock
  }

  /** @param limit Milliseconds for the whole of it */
  async get(
    path: string,
    query: Query,
    limit: number = patience,
  ): Promise<{ body: unknown; date: number | undefined }> {
    const { response, done } = await this.#send('GET', path, query, limit)
    return done(async () => ({ body: JSON.parse(await textOf(response, longestAnswer)), date: dateOf(response) }))
  }

  /** A merge patch. */
  async patch(path: string, body: object): Promise<void> {
    const { response, done } = await this.#send('PATCH', path, {}, patience, JSON.stringify(body))
    await done(() => textOf(response, longestAnswer))
  }

  /**
   * Resolves when the API has ended the watch.
   * @param limit Milliseconds after which it is ended from here: its connection may be dead without a word.
   */
  async watch(path: string, query: Query, limit: number, listener: WatchListener): Promise<void> {
    const { request, response, done } = await this.#send('GET', path, { ...query, watch: true }, limit)
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
    for (const request of this.#open) request.destroy(new Stopped())
  }

  async #send(
    method: string,
    path: string,
    query: Query,
    limit: number,
    body?: string,
  ): Promise<{
    request: ClientRequest
    response: IncomingMessage
    /** Ends the request with what is done with its answer. */
    done<T>(use: () => Promise<T>): Promise<T>
  }> {
    const { server, options } = await credentials(this.#config)
    if (this.#stopped) throw new Stopped()
    const url = new URL(server.replace(/\/$/, '') + path)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined) url.searchParams.set(name, String(value))
    const request = (url.protocol === 'http:' ? http : https).request(url, {
      ...options,
      method,
      headers: {
        ...(options.headers as Record<string, string>),
        accept: 'application/json',
        'user-agent': 'podrain',
        ...(body === undefined
          ? {}
          : { 'content-type': 'application/merge-patch+json', 'content-length': Buffer.byteLength(body) }),
      },
    })
    this.#open.add(request)
    request.on('socket', (socket) => socket.unref().setKeepAlive(true, 15_000))
    const giveUp = (): void => void request.destroy(new Error('it did not answer in time'))
    const cancels = [this.#clock.after(Math.min(patience, limit), giveUp)]
    const end = (): void => {
      for (const cancel of cancels) cancel()
      this.#open.delete(request)
      request.destroy()
    }
    try {
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        request.on('response', resolve)
        request.on('error', reject)
        request.end(body)
      })
      cancels.pop()?.()
      cancels.push(this.#clock.after(limit, giveUp))
      if (response.statusCode !== 200) throw await errorOf(response)
      return {
        request,
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
    response.on('close', () => reject(new Error('the connection was closed in the middle of it')))
  })
}

async function textOf(response: IncomingMessage, longest: number): Promise<string> {
  let text = ''
  response.setEncoding('utf8')
  for await (const piece of response) {
    text += piece
    if (text.length > longest) throw new Error(`an answer of more than ${longest} characters`)
  }
  return text
}

async function errorOf(response: IncomingMessage): Promise<ApiError> {
  const status = response.statusCode ?? 0
  const seconds = Number(response.headers['retry-after'])
  const text = await textOf(response, 2 ** 16).catch(() => '')
  let message = `status ${status}`
  try {
    const said: unknown = JSON.parse(text).message
    if (typeof said === 'string') message = `${status}: ${said}`
  } catch {
    // A proxy in front of the API speaks for it.
  }
  return new ApiError(status, message, seconds > 0 ? seconds * 1000 : 0)
}

function dateOf(response: IncomingMessage): number | undefined {
  const date = Date.parse(response.headers.date ?? '')
  return Number.isNaN(date) ? undefined : date
}
