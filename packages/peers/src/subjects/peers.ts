import { ownApplication, type Subject } from '@podrain/contract'
import { libraries } from '../libraries/index.js'
import { all, type Draining, type DrainingFastify, type Library, mortal, sigterm } from '../libraries/library.js'
import { afterSleep, serverClose } from '../libraries/server-close.js'
import { build, fastifySubjects, listenWith, transports } from './fastify.js'
import { nestSubject, peerOnNest } from './nest.js'
import { nodeSubjects, serve, servers } from './node.js'

/** A library, and the servers on which it is tested. */
export interface Peer extends Library {
  readonly subjects: readonly Subject[]
}

/** The needs that the servers of all libraries meet. Only these are tested, so that all libraries are tested alike. */
const common: readonly string[] = [...ownApplication, 'http1', 'http2', 'tls', 'plain', 'websocket']

/** The transports of Fastify that a library is tested on. */
const overFastify: readonly string[] = ['http', 'http2, allowHTTP1']

/** podrain, tested only for sentences that the other libraries are tested for, too. Its own tests cover the rest. */
const podrain: Peer = {
  name: 'podrain',
  packages: ['@podrain/core', '@podrain/fastify', 'fastify', '@podrain/nestjs', '@nestjs/core'],
  wired:
    '`drainServer(server, options)`, `app.register(gracefulShutdown, options)` with Fastify, and ' +
    '`PodrainModule.forRoot(options)` with NestJS.',
  subjects: [
    ...nodeSubjects.filter(({ name }) => all.includes(name)),
    ...fastifySubjects.filter(({ name }) => overFastify.some((transport) => name.endsWith(`(${transport})`))),
    nestSubject,
  ].map(({ name, has, start }) => ({
    name: `podrain on ${name}`,
    has: has.filter((ability) => common.includes(ability)),
    start,
  })),
}

/** podrain and all libraries, in the order of the table. */
export const peers: readonly Peer[] = [
  podrain,
  ...libraries.map((library) => ({ ...library, subjects: rows(library) })),
]

function rows(library: Library): Subject[] {
  const { name, drains, drainsFastify, drainsNest } = library
  return [
    ...(drains ? on(name, library.servers ?? [], drains) : []),
    ...(library === serverClose ? on(`${name} after a sleep`, ['node:http'], afterSleep) : []),
    ...(drainsFastify ? onFastify(name, drainsFastify) : []),
    ...(drainsNest ? [peerOnNest(name, drainsNest)] : []),
  ]
}

/** A library on several of Node's servers. */
function on(library: string, names: readonly string[], drain: Draining): Subject[] {
  return names.map((name) => {
    const found = servers[name]
    if (!found) throw new Error(`Expected one of ${Object.keys(servers).join(', ')}, got ${name}`)
    const { has, create } = found
    const subject: Subject = {
      name: `${library} on ${name}`,
      has: [...has, ...ownApplication, 'websocket'],
      async start(application) {
        // Node's 5 s, scaled from a grace period of 30 s to one of 5 s, so that a connection that becomes idle late can still end in time.
        const server = Object.assign(await create(), { keepAliveTimeout: 1000 })
        serve(server, application)
        return drain(server, application)
      },
    }
    return subject
  })
}

/** A library on Fastify, over HTTP/1 and over HTTP/2. */
function onFastify(library: string, drain: DrainingFastify): Subject[] {
  return Object.entries(transports)
    .filter(([name]) => overFastify.includes(name))
    .map(([name, { has, options }]) => ({
      name: `${library} on Fastify 5 (${name})`,
      has: [...has, ...ownApplication, 'websocket'],
      async start(application) {
        const app = await build(application, await options(), async (app) => {
          await drain(app, application.terms)
        })
        return { ...mortal(app.server, application, sigterm), listen: listenWith(app) }
      },
    }))
}
