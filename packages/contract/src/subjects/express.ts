import http from 'node:http'
import { Readable } from 'node:stream'
import { drain } from '@podrain/express'
import express5, { type Express } from 'express'
import express4 from 'express4'
import { WebSocketServer } from 'ws'
import type { Application, Subject } from '../subject.js'
import { echo } from './node.js'
import { abilities, optionsOf, running } from './ours.js'

/** The versions of Express. */
export const versions: Record<string, typeof express5> = { 'Express 4': express4, 'Express 5': express5 }

/** The routes of the application, in Express. */
export function route(app: Express, { routes }: Application): void {
  for (const { method, path, handle } of routes) {
    app[method === 'GET' ? 'get' : 'post'](path, (request, response, next) => {
      try {
        const answer = handle(request, response)
        const send = (reply: Awaited<typeof answer>): void => {
          if (reply === undefined) return
          if (reply instanceof Readable) reply.pipe(response)
          else if (typeof reply === 'object' && 'status' in reply) response.sendStatus(reply.status)
          else response.send(reply)
        }
        if (answer instanceof Promise) answer.then(send).catch(next)
        else send(answer)
      } catch (error) {
        next(error)
      }
    })
  }
}

export const expressSubjects: readonly Subject[] = Object.entries(versions).map(([name, express]) => ({
  name,
  has: ['http1', 'plain', ...abilities, 'express'],
  start(application) {
    const app = express()
    const middleware = drain(optionsOf(application))
    app.use(middleware)
    route(app, application)
    app.use(quietly as never)
    const server = http.createServer(app)
    if (application.webSocket) echo(new WebSocketServer({ server }))
    return running(server, middleware.drain)
  },
}))

/** As Express's own, without a line on the console. */
function quietly(_error: Error, _request: unknown, response: http.ServerResponse, _next: unknown): void {
  response.statusCode = 500
  response.end()
}
