import http from 'node:http'
import { Readable } from 'node:stream'
import type { Application } from '@podrain/contract'
import { drain } from '@podrain/express'
import compression from 'compression'
import express5, { type Express } from 'express'
import express4 from 'express4'
import helmet from 'helmet'
import { WebSocketServer } from 'ws'
import { echo } from './node.js'
import { abilities, answersItself, optionsOf, running } from './ours.js'
import { type Mount, type OurSubject, settingOf } from './subject.js'

/** The versions of Express. */
const versions: Record<string, typeof express5> = { 'Express 4': express4, 'Express 5': express5 }

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

/** Middleware and settings in front of the drain's middleware, by mount. */
const inFront: Partial<Record<Mount, (app: Express, express: typeof express5) => void>> = {
  'behind “trust proxy”': (app) => app.set('trust proxy', true),
  'behind a body parser': (app, express) => app.use(express.json(), express.urlencoded({ extended: false })),
  'behind compression': (app) => app.use(compression({ threshold: 0 })),
  'behind helmet': (app) => app.use(helmet()),
  'behind authentication': (app) => app.use(refuseStrangers),
  'behind a redirect': (app) => app.use(redirectToHttps),
}

export const expressSubjects: readonly OurSubject[] = Object.entries(versions).map(([name, express]) => ({
  name,
  has: ['http1', 'plain', ...abilities, 'middleware'],
  start(application) {
    const { mount = 'first' } = settingOf(application)
    const app = express()
    const middleware = drain(optionsOf(application))
    inFront[mount]?.(app, express)
    if (mount === 'in a router') app.use(express.Router().use(middleware))
    else if (mount !== 'last') app.use(middleware)
    route(app, application)
    if (mount === 'last') app.use(middleware)
    app.use(quietly as never)
    const server = http.createServer(app)
    if (answersItself.includes(mount)) middleware.watch(server)
    if (application.webSocket) echo(new WebSocketServer({ server }))
    return running(server, middleware.drain)
  },
}))

/** Responds with 401 to requests without an Authorization header. */
function refuseStrangers({ headers }: http.IncomingMessage, response: http.ServerResponse, next: () => void): void {
  if (headers.authorization !== undefined) next()
  else response.writeHead(401).end()
}

function redirectToHttps(
  { headers, url }: http.IncomingMessage,
  response: http.ServerResponse,
  next: () => void,
): void {
  if (headers['x-forwarded-proto'] === 'https') next()
  else response.writeHead(301, { location: `https://pod${url}` }).end()
}

/** An error handler like that of Express, without output on the console. */
function quietly(_error: Error, _request: unknown, response: http.ServerResponse, _next: unknown): void {
  response.statusCode = 500
  response.end()
}
