import http, { type IncomingHttpHeaders } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectTo, readyEvent } from '../shared/connect.js'
import type { ClientAgent } from './agent.js'
import { type Ask, isSuccess } from './ask.js'
import type { ClientTimeouts } from './client.js'
import type { Endpoint } from './endpoint.js'
import { causeOf, type Failure, type LossCause } from './outcome.js'

/** One request of a client. */
export interface ExchangeSpec {
  readonly endpoint: Endpoint
  readonly ask: Ask
  /** The client's keep-alive connection; undefined: the request gets its own connection. */
  readonly agent: ClientAgent | undefined
  readonly timeouts: Readonly<ClientTimeouts>
  /** Whether to upload a body of 16 KiB over about 200 ms, instead of the request's own body. */
  readonly upload?: boolean | undefined
  /** How fast to read the response, in bytes per ms; undefined: as fast as it comes. */
  readonly readRate?: number | undefined
  /** Called when the status and headers have arrived. */
  readonly onHeaders?: ((headers: IncomingHttpHeaders, status: number) => void) | undefined
}

const chunk = Buffer.alloc(4096, 'x')
const chunks = 4
const chunkPause = 50
/** How long an upload takes, in ms. */
export const uploadTime: number = chunks * chunkPause

export const commonHeaders: Readonly<Record<string, string>> = { Host: 'localhost', 'User-Agent': 'podrain-rehearsal' }
const uploadHeaders = { 'Content-Type': 'text/plain', 'Content-Length': chunk.length * chunks }

/** Sends one request. Resolves with undefined when the whole response arrived with a status that counts as success. Never rejects. */
export function exchange(spec: ExchangeSpec): Promise<Failure | undefined> {
  const { endpoint, ask, agent, timeouts, upload = false, readRate, onHeaders } = spec
  return new Promise((resolve) => {
    let status = 0
    let complete = false
    let settled = false
    let timer: NodeJS.Timeout | undefined

    const request = http.request({
      createConnection: () => connectTo(endpoint),
      path: ask.path,
      method: ask.method,
      agent,
      headers: { ...commonHeaders, ...(upload ? uploadHeaders : {}), ...ask.headers },
    })
    const settle = (failure?: Failure) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      resolve(failure)
      // A complete exchange keeps its connection, whatever its status.
      if (failure !== undefined && !(complete && request.writableFinished)) request.destroy()
    }
    const lose = (cause: LossCause, message: string) => settle({ cause, message })
    const limit = (ms: number, what: string) => {
      clearTimeout(timer)
      if (!settled) timer = setTimeout(() => lose('timeout', `${what} within ${ms} ms`), ms)
    }

    request.once('socket', (socket) => {
      if (!socket.connecting) return limit(timeouts.total, 'not answered')
      limit(timeouts.connect, 'not connected')
      socket.once(readyEvent(endpoint), () => limit(timeouts.total, 'not answered'))
    })
    // After the status, the response's 'close' event decides: it says whether the body is complete.
    request.on('error', (error) => {
      if (status === 0) lose(causeOf(error), error.message)
    })
    request.once('response', (response) => {
      status = response.statusCode ?? 0
      agent?.heed(response.headers['keep-alive'])
      onHeaders?.(response.headers, status)
      if (readRate === undefined) response.resume()
      else readSlowly(response, readRate)
      let end = ''
      response.on('error', (error: NodeJS.ErrnoException) => {
        end = ` (${error.code})`
      })
      response.once('close', () => {
        complete = response.complete
        if (!isSuccess(ask, status)) lose(`status ${status}`, response.statusMessage ?? '')
        else if (!complete) lose('truncated', `the connection ended before the body did${end}`)
        // The response came early: the request is still being sent, and the connection is not free until it is sent.
        else if (!request.writableFinished) request.once('finish', () => settle()).once('close', () => settle())
        else settle()
      })
    })
    if (upload) void sendSlowly(request)
    else request.end(ask.body)
  })
}

/** Sends the body in chunks with pauses in between, as over a slow line. */
async function sendSlowly(request: http.ClientRequest): Promise<void> {
  for (let sent = 0; sent < chunks && !request.destroyed; sent++) {
    request.write(chunk)
    await sleep(chunkPause)
  }
  request.end()
}

/** Pauses after each piece, for as long as the piece would take over a slow line. */
function readSlowly(response: http.IncomingMessage, bytesPerMs: number): void {
  response.on('data', (piece: Buffer) => {
    response.pause()
    setTimeout(() => response.resume(), piece.length / bytesPerMs)
  })
}
