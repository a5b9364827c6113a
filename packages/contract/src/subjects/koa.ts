import http from 'node:http'
import { drain } from '@podrain/koa'
import koa3 from 'koa'
import koa2 from 'koa2'
import { WebSocketServer } from 'ws'
import type { Application, Subject } from '../subject.js'
import { echo } from './node.js'
import { abilities, optionsOf, running } from './ours.js'

/** The versions of Koa. */
export const versions: Record<string, typeof koa3> = { 'Koa 2': koa2 as never, 'Koa 3': koa3 }

/** The routes of the application, in Koa. */
export function route(app: koa3, { routes }: Application): void {
  app.silent = true
  app.use(async (context, next) => {
    const method = context.method === 'HEAD' ? 'GET' : context.method
    const found = routes.find((route) => route.method === method && route.path === context.path)
    if (!found) return next()
    if (found.takesOver) context.respond = false
    const reply = await found.handle(context.req, context.res)
    if (reply === undefined) return undefined
    if (typeof reply === 'object' && 'status' in reply) context.status = reply.status
    else context.body = reply
    return undefined
  })
}

export const koaSubjects: readonly Subject[] = Object.entries(versions).map(([name, Koa]) => ({
  name,
  has: ['http1', 'plain', ...abilities, 'koa'],
  start(application) {
    const app = new Koa()
    const middleware = drain(optionsOf(application))
    app.use(middleware)
    route(app, application)
    const server = http.createServer(app.callback())
    if (application.webSocket) echo(new WebSocketServer({ server }))
    return running(server, middleware.drain)
  },
}))
