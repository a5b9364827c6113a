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
  response.write('retry: 1000\n\n') // milliseconds until an EventSource comes back
  const timer = setInterval(() => response.write(`data: ${Date.now()}\n\n`), 100)
  // Ends the stream when the drain begins, and at once if it has begun.
  const listener = addAbortListener(drain.signal, () => response.end())
  // The signal would otherwise remember every stream.
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
    // Nothing new: the client asks again, elsewhere.
    if (drain.signal.aborted) response.writeHead(204).end()
    else response.writeHead(502).end(String(error))
  }
}

// podrain sends 1001 ("going away") between two frames. Nothing has to be done for it.
const sockets = new WebSocketServer({ server })
sockets.on('connection', (socket) => {
  socket.on('message', (message) => socket.send(`you said ${message}`))
})

server.listen(Number(process.env.PORT ?? 8080), process.env.HOST ?? '0.0.0.0', () => {
  console.log('listening', server.address())
})
