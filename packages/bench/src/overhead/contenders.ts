/**
 * The servers that are measured. Each library is imported only by its own contender. V8 compiles the same code differently in a
 * process that has loaded other libraries.
 */
import { createServer, type Server } from 'node:http'
import { libraries } from '@podrain/peers/libraries'
import { besideName, hasBeside, ours } from '../ours.js'

/** The server alone, and the server with podrain. */
export const bare = 'bare'
export const podrain = 'podrain'

/** podrain on the server, in front of the framework, and not as a middleware. */
const onServer = 'podrain, drainServer(server)'

/** The bare server a second time. The difference between the two bare servers is the error of the measurement. */
export const twin = 'bare, again'

const body = { hello: 'world' }

/** The smallest code that counts requests in flight. It has nothing else that a drain needs. */
const byHand = 'a counter by hand'

/** The cost of one more middleware in the framework, whatever the middleware does. */
const empty = 'an empty middleware'

/** The times of a Kubernetes pod, in milliseconds, as the libraries get them. */
const terms = { grace: 30_000, settle: 5000, keepAlive: 5000 }
const options = { logger: false } as const

interface Framework {
  readonly name: string
  /** Contenders of this framework only, besides those that work on any server. */
  readonly own?: readonly string[]
  /** Creates an application with one route, and applies the contender to it. */
  create(contender: string): Promise<Server>
}

const known: readonly Framework[] = [
  {
    name: 'node:http',
    own: [byHand],
    async create(contender) {
      const server = createServer((_request, response) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
      })
      if (isOurs(contender)) drainOn(server, contender)
      if (contender === byHand) countByHand(server)
      return server
    },
  },
  {
    name: 'Fastify',
    own: libraries.filter(({ drainsFastify }) => drainsFastify).map(({ name }) => name),
    async create(contender) {
      const { fastify } = await import('fastify')
      const app = fastify()
      if (isOurs(contender)) await app.register(ours('fastify', contender === besideName).gracefulShutdown, options)
      await libraries.find(({ name }) => name === contender)?.drainsFastify?.(app, terms)
      app.get('/', async () => body)
      await app.ready()
      return app.server
    },
  },
  {
    name: 'Express',
    own: [onServer, empty],
    async create(contender) {
      const { default: express } = await import('express')
      const app = express()
      if (contender === empty) app.use((_request, _response, next) => next())
      if (isOurs(contender)) app.use(ours('express', contender === besideName).drain(options))
      app.get('/', (_request, response) => void response.json(body))
      const server = createServer(app)
      if (contender === onServer) drainOn(server, contender)
      return server
    },
  },
  {
    name: 'Koa',
    own: [onServer, empty],
    async create(contender) {
      const { default: Koa } = await import('koa')
      const app = new Koa()
      if (contender === empty) app.use((_context, next) => next())
      if (isOurs(contender)) app.use(ours('koa', contender === besideName).drain(options))
      app.use((context) => {
        context.body = body
      })
      const server = createServer(app.callback())
      if (contender === onServer) drainOn(server, contender)
      return server
    },
  },
]

/** The packages whose versions are stored with the result. */
export const packages: readonly string[] = [
  '@podrain/core',
  'express',
  'fastify',
  'koa',
  ...new Set(libraries.flatMap((library) => library.packages).filter((name) => name !== 'fastify')),
]

export const frameworks: readonly string[] = known.map(({ name }) => name)

function isOurs(contender: string): boolean {
  return contender === podrain || contender === besideName
}

function drainOn(server: Server, contender: string): void {
  ours('core', contender === besideName).drainServer(server, options)
}

function countByHand(server: Server): void {
  let inFlight = 0
  const closed = (): void => {
    inFlight--
  }
  server.prependListener('request', (_request, response) => {
    inFlight++
    response.on('close', closed)
  })
  process.on('SIGUSR2', () => console.log(inFlight)) // a use of the number, because V8 leaves out what nothing reads
}

/** The contenders that do something with each request, without the bare server. */
export function contendersOf(framework: string): string[] {
  // A library without packages is only an API of Node, and costs a request nothing.
  const ofAny = libraries.filter(({ drains, packages }) => drains && packages.length > 0).map(({ name }) => name)
  return [twin, podrain, ...(hasBeside() ? [besideName] : []), ...(find(framework).own ?? []), ...ofAny]
}

/** Creates the server of a contender. The server does not listen yet. */
export async function createContender(framework: string, contender: string): Promise<Server> {
  const server = await find(framework).create(contender)
  await libraries.find(({ name }) => name === contender)?.drains?.(server, { terms })
  return server
}

function find(framework: string): Framework {
  const found = known.find(({ name }) => name === framework)
  if (!found) throw new Error(`Expected one of ${frameworks.join(', ')}, got ${framework}`)
  return found
}
