import type { Server } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Need } from '../../behaviour.js'
import type { Application, Running, Subject, Terms } from '../../subject.js'
import { build, listenWith, transports } from '../fastify.js'
import { serve, servers } from '../node.js'

/** Another way to end a server, with what the table says of it. */
export interface Peer {
  /** What its rows begin with. */
  readonly name: string
  /** The packages whose versions decide what it does. */
  readonly packages: readonly string[]
  /** How it is wired here, for whoever doubts that this is fair. */
  readonly wired: string
  /** Servers that it is not run on, and why. */
  readonly leftOut?: string
  /** Its wiring, for whoever brings servers of their own. */
  readonly drains?: Draining
  /** The same for Fastify. */
  readonly drainsFastify?: DrainingFastify
  readonly subjects: readonly Subject[]
}

/** What the servers of all libraries have; the rest is for those that have it to themselves. */
export const common: readonly Need[] = ['http1', 'http2', 'tls', 'plain', 'websocket']

/** What a library does with a server. */
export type Draining = (server: Server, application: Pick<Application, 'terms'>) => Running | Promise<Running>

export type DrainingFastify = (app: FastifyInstance, terms: Terms) => unknown

export type Exit = (code: number) => void

/**
 * A server in a process of its own that is told to end, seen from within: its clients live there too, so nothing exits.
 * @param tell how the process is told. If this throws, or rejects, the process fails as Node's do.
 */
export function mortal(server: Server, { terms }: Pick<Application, 'terms'>, tell: (exit: Exit) => unknown): Running {
  let exit: Exit = () => {}
  const over = new Promise<number>((resolve) => {
    exit = resolve
  })
  // Whatever a library does after its exit, the first one counts.
  process.exit = ((code?: number) => exit(code ?? 0)) as never
  return {
    server,
    terminate: async () => {
      setTimeout(exit, terms.grace, killed)
      void (async () => tell(exit))().catch(() => exit(1))
      const code = await over
      server.close()
      return code
    },
  }
}

/** The exit code of a process that is still there when its grace period is over, as a kubelet and a shell see it. */
export const killed = 137

/** As a kubelet: a process that does not listen, or not any more, ends at once. */
export function sigterm(exit: Exit): void {
  if (!process.emit('SIGTERM', 'SIGTERM')) exit(143)
}

/** The time limit of a library that begins to close at once: it fits into the grace period, as ours does. */
export function limit(terms: Terms): number {
  return terms.grace - 100
}

/** The time limit of a library that has waited for load balancers before. */
export function limitAfterSettling(terms: Terms): number {
  return limit(terms) - terms.settle
}

/** Load balancers have their time. */
export function settled(terms: Terms): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, terms.settle))
}

/** The servers of Node that a library is run on. */
export const http1: readonly string[] = ['node:http', 'node:https']
export const all: readonly string[] = [...http1, 'node:http2 (allowHTTP1)']

/** The same drain on several of them. */
export function on(library: string, names: readonly string[], drain: Draining): Subject[] {
  return Object.entries(servers)
    .filter(([name]) => names.includes(name))
    .map(([name, { has, create }]) => ({
      name: `${library} on ${name}`,
      has: [...has, 'websocket'],
      start(application) {
        // As Node's 5 s to a grace period of 30 s: connections that turn idle too late must be able to end in time.
        const server = Object.assign(create(application), { keepAliveTimeout: 1000 })
        serve(server, application)
        return drain(server, application)
      },
    }))
}

/** The same drain of Fastify, over HTTP/1 and over HTTP/2. */
export function onFastify(library: string, drain: DrainingFastify): Subject[] {
  return Object.entries(transports)
    .filter(([name]) => ['http', 'http2, allowHTTP1'].includes(name))
    .map(([name, { has, options }]) => ({
      name: `${library} on Fastify 5 (${name})`,
      has: [...has, 'websocket'],
      async start(application) {
        const app = await build(application, options(application), async (app) => {
          await drain(app, application.terms)
        })
        return { ...mortal(app.server, application, sigterm), listen: listenWith(app) }
      },
    }))
}
