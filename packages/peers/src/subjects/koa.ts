import http from 'node:http'
import http2 from 'node:http2'
import type { Server } from 'node:net'
import { promisify } from 'node:util'
import { bodyParser } from '@koa/bodyparser'
import Router from '@koa/router'
import type { Application } from '@podrain/contract'
import { drain } from '@podrain/koa'
import helmet from 'helmet'
import koa3, { type Middleware } from 'koa'
import compress from 'koa-compress'
import koa2 from 'koa2'
import { WebSocketServer } from 'ws'
import type { OurNeed } from '../behaviours/behaviour.js'
import { echo } from './node.js'
import { abilities, answersItself, optionsOf, running } from './ours.js'
import { type Mount, type OurSubject, settingOf } from './subject.js'

/** The versions of Koa. */
const versions: Record<string, typeof koa3> = { 'Koa 2': koa2 as never, 'Koa 3': koa3 }

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void

/** The routes of the application, in Koa. */
function route(app: koa3, { routes }: Application): void {
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

const setSecurityHeaders = promisify(helmet())

/** Middleware in front of the drain's middleware, by mount. */
const inFront: Partial<Record<Mount, Middleware>> = {
  'behind a body parser': bodyParser(),
  'behind compression': compress({ threshold: 0 }),
  'behind helmet': async ({ req, res }, next) => {
    await setSecurityHeaders(req, res)
    return next()
  },
  'behind authentication': (context, next) => {
    if (context.headers.authorization !== undefined) return next()
    context.status = 401
    return undefined
  },
  'behind a redirect': (context, next) => {
    if (context.headers['x-forwarded-proto'] === 'https') return next()
    context.status = 301
    return context.redirect(`https://pod${context.url}`)
  },
}

/** The servers for Koa, which works with Node's HTTP/1 and HTTP/2 responses. */
const transports: Record<string, { has: readonly OurNeed[]; create: (handler: Handler) => Server }> = {
  'Koa 2': { has: ['http1', 'plain'], create: http.createServer },
  'Koa 3': { has: ['http1', 'plain'], create: http.createServer },
  'Koa 3 (http2)': { has: ['http2'], create: (handler) => http2.createServer(handler as never) },
}

export const koaSubjects: readonly OurSubject[] = Object.entries(transports).map(([name, { has, create }]) => ({
  name,
  has: [...has, ...abilities, 'handlers', 'middleware'],
  start(application) {
    const Koa = versions[name.slice(0, 'Koa 0'.length)] as typeof koa3
    const { mount = 'first' } = settingOf(application)
    const app = new Koa({ proxy: mount === 'behind “trust proxy”' })
    const middleware = drain(optionsOf(application))
    const first = inFront[mount]
    if (first) app.use(first)
    if (mount === 'in a router') app.use(new Router().all(/.*/, middleware).routes() as never)
    else if (mount !== 'last') app.use(middleware)
    route(app, application)
    if (mount === 'last') app.use(middleware)
    const server = create(app.callback())
    if (answersItself.includes(mount)) middleware.watch(server)
    if (application.webSocket) echo(new WebSocketServer({ server: server as http.Server }))
    return running(server, middleware.drain)
  },
}))
