import { createServer, type Server } from 'node:http'
import { peers } from '@podrain/contract/peers'
import { drainServer } from '@podrain/core'
import { drain as expressDrain } from '@podrain/express'
import { gracefulShutdown } from '@podrain/fastify'
import { drain as koaDrain } from '@podrain/koa'
import express from 'express'
import fastify from 'fastify'
import Koa from 'koa'

/** The server alone, and with us. */
export const bare = 'bare'
export const podrain = 'podrain'

/** The same server once more: how far it is from the first is how far this measurement can be trusted. */
export const twin = 'bare, again'

const body = { hello: 'world' }

/** The least that counts what is in flight, with nothing that a drain needs beside the number. */
const byHand = 'a counter by hand'

/** What a framework itself takes for one more layer, whatever is in it. */
const empty = 'an empty middleware'

/** A Kubernetes pod's, as the peers are told. */
const terms = { grace: 30_000, settle: 5000, keepAlive: 5000 }
const options = { logger: false } as const

interface Framework {
  readonly name: string
  /** Peers of this framework alone, beside those of any server. */
  readonly own?: readonly string[]
  /** An application with one route, and what the contender adds to it. */
  create(contender: string): Server | Promise<Server>
}

const known: readonly Framework[] = [
  {
    name: 'node:http',
    own: [byHand],
    create(contender) {
      const server = createServer((_request, response) => {
        response.setHeader('content-type', 'application/json').end(JSON.stringify(body))
      })
      if (contender === podrain) drainServer(server, options)
      if (contender === byHand) countByHand(server)
      return server
    },
  },
  {
    name: 'Fastify',
    own: peers.filter(({ drainsFastify }) => drainsFastify).map(({ name }) => name),
    async create(contender) {
      const app = fastify()
      if (contender === podrain) await app.register(gracefulShutdown, options)
      await peers.find(({ name }) => name === contender)?.drainsFastify?.(app, terms)
      app.get('/', async () => body)
      await app.ready()
      return app.server
    },
  },
  {
    name: 'Express',
    own: [empty],
    create(contender) {
      const app = express()
      if (contender === empty) app.use((_request, _response, next) => next())
      if (contender === podrain) app.use(expressDrain(options))
      app.get('/', (_request, response) => void response.json(body))
      return createServer(app)
    },
  },
  {
    name: 'Koa',
    own: [empty],
    create(contender) {
      const app = new Koa()
      if (contender === empty) app.use((_context, next) => next())
      if (contender === podrain) app.use(koaDrain(options))
      app.use((context) => {
        context.body = body
      })
      return createServer(app.callback())
    },
  },
]

export const frameworks: readonly string[] = known.map(({ name }) => name)

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
  const ofAny = peers.filter(({ drains }) => drains).map(({ name }) => name)
  return [twin, podrain, ...(find(framework).own ?? []), ...ofAny]
}

/** A server that is ready to listen. */
export async function createContender(framework: string, contender: string): Promise<Server> {
  const server = await find(framework).create(contender)
  await peers.find(({ name }) => name === contender)?.drains?.(server, { terms })
  return server
}

function find(framework: string): Framework {
  const found = known.find(({ name }) => name === framework)
  if (!found) throw new Error(`Expected one of ${frameworks.join(', ')}, got ${framework}`)
  return found
}
