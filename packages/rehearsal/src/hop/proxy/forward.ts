import http, { type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { type FrontPlan, type Place, patience } from '../front.js'

/** Headers that a proxy does not forward, because they are about one connection (RFC 9110 §7.6.1). */
const ofConnection = ['connection', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding', 'upgrade']

/** Idempotent methods (RFC 9110 §9.2.2): such a request is retried if it has no body. A body would have to be kept for the retry. */
const repeatable = ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE']

/** Forwards requests over keep-alive connections. Answers 502 when the connection to the pod fails, and 504 after a timeout. */
export class Forwarder {
  readonly #agent: http.Agent
  readonly #upstream: Place
  readonly #retries: number

  constructor({ upstream, keepAlive, retries }: FrontPlan) {
    this.#agent = new http.Agent({ keepAlive: keepAlive > 0, maxFreeSockets: keepAlive, scheduling: 'lifo' })
    this.#upstream = upstream
    this.#retries = retries
  }

  forward(request: IncomingMessage, response: ServerResponse): void {
    const { method = '', headers } = request
    const hasBody = headers['content-length'] !== undefined || headers['transfer-encoding'] !== undefined
    this.#try(request, response, hasBody, repeatable.includes(method) && !hasBody ? this.#retries : 0)
  }

  #try(request: IncomingMessage, response: ServerResponse, hasBody: boolean, retries: number): void {
    const { method, url: path } = request
    const upstream = http.request({
      ...this.#upstream,
      method,
      path,
      agent: this.#agent,
      headers: throughHeaders(request.rawHeaders, hasBody && request.headers['content-length'] === undefined),
      timeout: patience.answer * 1000,
    })
    const giveUp = () => {
      if (!response.writableFinished) upstream.destroy()
    }
    response.once('close', giveUp)
    upstream.once('timeout', () => this.#refuse(response, upstream, 504))
    upstream.once('error', () => {
      response.removeListener('close', giveUp)
      if (response.headersSent || response.destroyed) return
      if (retries > 0) this.#try(request, response, hasBody, retries - 1)
      else this.#refuse(response, upstream, 502)
    })
    upstream.once('response', (answer) => {
      upstream.setTimeout(0)
      answer.once('error', () => {})
      // A response that was truncated on the pod's side is truncated on the client's side too.
      answer.once('close', () => {
        if (!answer.complete) response.destroy()
      })
      response.writeHead(answer.statusCode ?? 502, answer.statusMessage, throughHeaders(answer.rawHeaders))
      response.flushHeaders()
      answer.pipe(response)
    })
    if (hasBody) request.pipe(upstream)
    else upstream.end()
  }

  #refuse(response: ServerResponse, upstream: ClientRequest, status: 502 | 504): void {
    upstream.destroy()
    if (response.headersSent || response.destroyed) return
    // Without `close`, the rest of this request's body would be parsed as the next request.
    response.writeHead(status, { 'Content-Length': 0, Connection: 'close' }).end()
  }
}

/** The headers that are forwarded. `chunked`: a body of unknown length follows. */
function throughHeaders(raw: readonly string[], chunked = false): string[] {
  const headers: string[] = []
  for (let index = 0; index < raw.length; index += 2) {
    const [name = '', value = ''] = raw.slice(index, index + 2)
    if (!ofConnection.includes(name.toLowerCase())) headers.push(name, value)
  }
  if (chunked) headers.push('Transfer-Encoding', 'chunked')
  return headers
}
