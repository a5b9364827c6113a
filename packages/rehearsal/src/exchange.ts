import http from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientAgent } from './client-agent.js'
import type { LossCause } from './events.js'
import type { ClientTimeouts } from './options.js'
import type { Endpoint } from './service.js'

/** One request of a client. */
export interface ExchangeSpec {
  readonly endpoint: Endpoint
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** The client's kept connection; undefined for a connection of its own. */
  readonly agent: ClientAgent | undefined
  readonly timeouts: Readonly<ClientTimeouts>
}

/** Why an exchange did not succeed. */
export interface Failure {
  readonly cause: LossCause
  readonly message: string
}

const chunk = Buffer.alloc(4096, 'x')
const chunks = 4
const chunkPause = 50

const getHeaders = { Host: 'localhost', 'User-Agent': 'podrain-rehearsal' }
const postHeaders = { ...getHeaders, 'Content-Type': 'text/plain', 'Content-Length': chunk.length * chunks }

/** Sends one request. Resolves with undefined when its whole body arrived with a 2xx; never rejects. */
export function exchange({ endpoint, method, path, agent, timeouts }: ExchangeSpec): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    let status = 0
    let complete = false
    let settled = false
    let timer: NodeJS.Timeout | undefined

    const request = http.request({
      host: endpoint.host,
      port: endpoint.port,
      path,
      method,
      agent: agent ?? false,
      headers: method === 'POST' ? postHeaders : getHeaders,
    })
    const settle = (failure?: Failure) => {
      if (settled) return
      settled = true
      clearTimeout(timer)
      resolve(failure)
      // An exchange that is complete keeps its connection, whatever its status.
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
      socket.once('connect', () => limit(timeouts.total, 'not answered'))
    })
    // Once there is a status, the response's 'close' says more than an error does.
    request.on('error', (error) => {
      if (status === 0) lose(causeOf(error), error.message)
    })
    request.once('response', (response) => {
      status = response.statusCode ?? 0
      agent?.heed(response.headers['keep-alive'])
      response.resume()
      response.on('error', () => {})
      response.once('close', () => {
        complete = response.complete
        const success = status >= 200 && status < 300
        if (!success) lose(`status ${status}`, response.statusMessage ?? '')
        else if (!complete) lose('truncated', 'the connection ended before the body did')
        // An answer that came early: the request is still being sent, and the connection is not free until it is.
        else if (!request.writableFinished) request.once('finish', () => settle()).once('close', () => settle())
        else settle()
      })
    })
    if (method === 'POST') void upload(request)
    else request.end()
  })
}

/** Names how a request was lost that never got a status. */
function causeOf(error: NodeJS.ErrnoException): LossCause {
  if (error.code === 'ECONNREFUSED') return 'refused'
  if (error.code === 'ECONNRESET' || error.code === 'EPIPE') return 'reset'
  return error.code === 'ETIMEDOUT' ? 'timeout' : 'error'
}

/** Sends the body in chunks with pauses in between, as over a slow line. */
async function upload(request: http.ClientRequest): Promise<void> {
  for (let sent = 0; sent < chunks && !request.destroyed; sent++) {
    request.write(chunk)
    await sleep(chunkPause)
  }
  request.end()
}
