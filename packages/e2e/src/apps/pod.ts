import type { IncomingMessage, RequestListener, Server } from 'node:http'
import { Readable } from 'node:stream'
import { finished, pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdapterOptions, Drain } from '@podrain/core'
import { kubernetes } from '@podrain/kubernetes'
import { WebSocketServer } from 'ws'
import { podHeader, requests } from '../traffic.js'

/** Milliseconds that a request takes. */
const work = 20
/** The body of a download. A slow reader takes a second for it. */
const download = Buffer.alloc(5_000_000, 'x')
const name = process.env.HOSTNAME ?? 'here'
let alive = true

export { host, port } from './address.js'

export const options: AdapterOptions = process.env.CONTROL_SOCKET ? { controlSocket: process.env.CONTROL_SOCKET } : {}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Buffer | Readable
}

/** The response to a request, for every framework. WebSockets are in `echo()`. */
export async function answer(request: IncomingMessage): Promise<Answer> {
  const path = request.url
  const say = (body: Answer['body'], status = 200, type = 'text/plain'): Answer => ({
    status,
    headers: { 'content-type': type, [podHeader]: name },
    body,
  })
  if (path === '/alive') return say('alive\n', alive ? 200 : 500)
  if (path === '/die') alive = false
  if (path === requests.stream) return say(Readable.from(pieces('a piece\n', 20, 50)))
  if (path === requests.sse) return say(Readable.from(pieces('data: an event\n\n', 20, 100)), 200, 'text/event-stream')
  if (path === requests.download) return say(download, 200, 'application/octet-stream')
  // Fastify has already read the body.
  if (path === requests.post && !request.readableEnded) {
    request.resume()
    await finished(request, { writable: false }).catch(() => {})
  }
  await sleep(work)
  return say(`${name}\n`)
}

async function* pieces(piece: string, count: number, ms: number): AsyncGenerator<string> {
  for (let n = 0; n < count; n++) {
    await sleep(ms)
    yield piece
  }
}

export const listener: RequestListener = (request, response) => {
  void answer(request).then(({ status, headers, body }) => {
    response.writeHead(status, { ...headers })
    // If a client disconnects, the error concerns only its own response.
    if (body instanceof Readable) return pipeline(body, response).catch(() => {})
    response.end(body)
  })
}

/** Sends every message of a WebSocket back. podrain itself tells clients to leave when it drains. */
export function echo(server: Server): void {
  const sockets = new WebSocketServer({ server, path: requests.webSocket })
  sockets.on('headers', (headers) => headers.push(`${podHeader}: ${name}`))
  sockets.on('connection', (socket) => {
    socket.on('error', () => {})
    socket.on('message', (data) => socket.send(String(data)))
  })
}

/** Follows the cluster with @podrain/kubernetes if the case says so. */
export function follow(drain: Drain): void {
  if (process.env.FOLLOW === 'yes') kubernetes(drain)
}
