import { addAbortListener } from 'node:events'
import http from 'node:http'
import { drainServer } from '@podrain/core'
import { WebSocketServer } from 'ws'

const prices = process.env.UPSTREAM_URL ?? 'http://prices'
const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  if (pathname === '/events') return events(response)
  if (pathname === '/next') return next(response)
  response.writeHead(404).end()
})
const drain = drainServer(server)

/** @param {http.ServerResponse} response */
function events(response) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.write('retry: 1000\n\n') // milliseconds until an EventSource reconnects
  const timer = setInterval(() => response.write(`data: ${Date.now()}\n\n`), 100)
  // Ends the stream when the drain begins, or immediately if the drain has begun.
  const listener = addAbortListener(drain.signal, () => response.end())
  // Removes the listener, because the signal would otherwise keep every closed stream in memory.
  response.on('close', () => {
    clearInterval(timer)
    listener[Symbol.dispose]()
  })
}

/** @param {http.ServerResponse} response */
async function next(response) {
  const left = new AbortController()
  response.on('close', () => left.abort())
  try {
    const answer = await fetch(`${prices}/slow`, { signal: AbortSignal.any([left.signal, drain.signal]) })
    response.end(await answer.text())
  } catch (error) {
    // 204 means that there is nothing new. The client sends its next poll to another pod.
    if (drain.signal.aborted) response.writeHead(204).end()
    else response.writeHead(502).end(String(error))
  }
}

// podrain itself closes WebSockets with 1001 ("going away"), between two messages.
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('message', (message) => socket.send(`you said ${message}`))
})

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
