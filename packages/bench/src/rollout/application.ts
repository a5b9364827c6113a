import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocketServer } from 'ws'

/** The body of a download, larger than any buffer between server and client. */
const large = Buffer.alloc(20_000_000, 'x')

/** The routes of every contender: one for each kind of request that real services have. */
export const routes: Readonly<Record<string, (request: IncomingMessage, response: ServerResponse) => unknown>> = {
  '/readyz': (_request, response) => response.end('ready'),
  async '/work'(_request, response) {
    await sleep(20)
    response.end('done')
  },
  async '/stream'(_request, response) {
    for (let part = 0; part < 10; part++) {
      if (response.destroyed) return
      response.write(`part ${part}\n`)
      await sleep(200 + Math.random() * 200)
    }
    response.end()
  },
  '/upload'(request, response) {
    request.resume().on('end', () => response.end('thanks'))
  },
  '/download': (_request, response) => response.end(large),
  '/events'(_request, response) {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
    response.write('data: hello\n\n')
    if (ending) return void response.end() // a client that reconnects now must reconnect to another pod
    const timer = setInterval(() => response.write(`data: ${Date.now()}\n\n`), 200)
    open.add(response)
    response.on('close', () => {
      clearInterval(timer)
      open.delete(response)
    })
  },
}

/** The open event streams. They have no end, so the contender must end them. */
const open = new Set<ServerResponse>()
let ending = false

/** Ends the event streams, as every guide to server-sent events advises. */
export function endEventStreams(): void {
  ending = true
  for (const response of open) response.end()
}

export function handle(request: IncomingMessage, response: ServerResponse): void {
  const answer = routes[request.url?.split('?')[0] ?? '']
  if (answer) void answer(request, response)
  else response.writeHead(404).end()
}

/** Answers each message of a WebSocket with itself. */
export function echo(server: Server): void {
  new WebSocketServer({ server, path: '/socket' }).on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.on('error', () => {})
  })
}
