/**
 * What is measured. Everything is loaded where it is needed: a process that has loaded all of it has other code from its
 * compiler than one that serves.
 */
import { createServer, type Server } from 'node:http'
import { libraries } from '@podrain/peers/libraries'
import { besideName, hasBeside, ours } from '../ours.js'

/** The server alone, and with us. */
export const bare = 'bare'
export const podrain = 'podrain'

/** Without the layer that `app.use()` is: in front of the framework, as on any server. */
const onServer = 'podrain, drainServer(server)'

/** The same server once more: how far it is from the first is how far this measurement can be trusted. */
export const twin = 'bare, again'

const body = { hello: 'world' }

/** The least that counts what is in flight, with nothing that a drain needs beside the number. */
const byHand = 'a counter by hand'

/** What a framework itself takes for one more layer, whatever is in it. */
const empty = 'an empty middleware'

/** A Kubernetes pod's, as the libraries are told. */
const terms = { grace: 30_000, settle: 5000, keepAlive: 5000 }
const options = { logger: false } as const

interface Framework {
  readonly name: string
  /** Contenders on this framework alone, beside those of any server. */
  readonly own?: readonly string[]
  /** An application with one route, and what the contender adds to it. */
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

/** Those whose versions matter. */
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
  process.on('SIGUSR2', () => console.log(inFlight)) // or it would be counted in vain, and left out
}

/** Who stands in the path of a request. */
export function contendersOf(framework: string): string[] {
  // What is nothing but Node's own costs a request nothing.
  const ofAny = libraries.filter(({ drains, packages }) => drains && packages.length > 0).map(({ name }) => name)
  return [twin, podrain, ...(hasBeside() ? [besideName] : []), ...(find(framework).own ?? []), ...ofAny]
}

/** A server that is ready to listen. */
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
