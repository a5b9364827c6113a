import http, { type IncomingMessage, type ServerResponse } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { Server } from 'node:net'
import { Readable } from 'node:stream'
import type { Application, Reply } from '@podrain/contract'
import { drainServer } from '@podrain/core'
import { WebSocketServer } from 'ws'
import type { OurNeed } from '../behaviours/behaviour.js'
import { certificate } from './certificate.js'
import { abilities, optionsOf, running } from './ours.js'
import type { OurRunning, OurSubject } from './subject.js'

/** The servers of Node, with the needs that they meet. */
export const servers: Record<string, { has: readonly OurNeed[]; create: () => Server | Promise<Server> }> = {
  'node:http': { has: ['http1', 'plain'], create: () => http.createServer() },
  'node:https': { has: ['http1', 'tls'], create: async () => https.createServer(await certificate()) },
  'node:http2': { has: ['http2'], create: () => http2.createServer() },
  'node:http2 (allowHTTP1)': {
    has: ['http1', 'http2', 'tls'],
    create: async () => http2.createSecureServer({ ...(await certificate()), allowHTTP1: true }),
  },
}

/** The application, without a framework. */
export function serve(server: Server, { routes, webSocket }: Application): void {
  server.on('request', async (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url?.split('?')[0]
    const method = request.method === 'HEAD' ? 'GET' : request.method
    const route = routes.find((route) => route.method === method && route.path === path)
    try {
      // A synchronous handler responds during the 'request' event.
      const reply = route ? route.handle(request, response) : { status: 404 }
      send(response, reply instanceof Promise ? await reply : reply)
    } catch {
      send(response, { status: 500 })
    }
  })
  if (webSocket) echo(new WebSocketServer({ server: server as http.Server }))
}

/** Sends each message back. */
export function echo(webSockets: WebSocketServer): void {
  webSockets.on('connection', (socket) => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
}

function send(response: ServerResponse, reply: Reply): void {
  if (reply === undefined || response.destroyed) return
  if (reply instanceof Readable) {
    reply.pipe(response)
  } else if (typeof reply === 'string' || Buffer.isBuffer(reply)) {
    response.end(reply)
  } else {
    response.statusCode = reply.status
    response.end()
  }
}

export const nodeSubjects: readonly OurSubject[] = Object.entries(servers).map(([name, { has, create }]) => ({
  name,
  has: [...has, ...abilities, 'handlers'],
  async start(application): Promise<OurRunning> {
    const server = await create()
    serve(server, application)
    return running(server, drainServer(server, optionsOf(application)))
  },
}))
