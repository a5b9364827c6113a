import http, { type Server } from 'node:http'
import http2 from 'node:http2'
import type { Server as NetServer } from 'node:net'
import { WebSocketServer } from 'ws'

export type Protocol = 'http1' | 'http2' | 'webSocket'

/** Makes a new server of each protocol. It does not listen, and has no code for a drain. */
export const servers: Record<Protocol, () => NetServer> = {
  http1: () => http.createServer(echo),
  http2: () => http2.createServer((request, response) => void request.resume().on('end', () => response.end('hello'))),
  webSocket,
}

/** Responds with the method, the path and the body of the request as the server has parsed them. */
const echo: http.RequestListener = (request, response) => {
  let body = ''
  request.setEncoding('latin1')
  request.on('data', (text: string) => {
    body += text
  })
  request.on('end', () => response.end(`${request.method} ${request.url} ${JSON.stringify(body)}`))
}

/** Sends every message back. */
function webSocket(): Server {
  const server = http.createServer()
  const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } })
  sockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
    socket.on('error', () => {}) // `ws` has already closed the connection with the status of the error
  })
  return server
}
