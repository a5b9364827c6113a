import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Readable } from 'node:stream'
import type { Drain } from '@podrain/core'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'
import type { Need } from './needs.js'

/** What a handler answers with; nothing if it answers, or does not, on the response itself. */
export type Reply = string | Buffer | Readable | { readonly status: number } | undefined

/** A route of the application under test. */
export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Whether the handler takes the response over from its framework. */
  readonly takesOver: boolean
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Reply | Promise<Reply>
}

/** The times of the drain under test, in milliseconds. Each library is given those that it knows. */
export interface Terms {
  /** Until it has to be over. */
  grace: number
  /** For which it still accepts, as load balancers need to learn of its end. */
  settle: number
  /** How long it keeps idle connections at most. */
  keepAlive: number
}

/** Where a middleware is mounted in its application, or behind what. */
export type Mount =
  | 'first'
  | 'last'
  | 'in a router'
  | 'behind “trust proxy”'
  | 'behind a body parser'
  | 'behind compression'
  | 'behind helmet'
  | 'behind an authentication'
  | 'behind a redirect'

/** What a Fastify application has beside its routes. */
export interface FastifyParts {
  readonly options?: FastifyServerOptions
  /** Registered before the drain. */
  readonly before?: (app: FastifyInstance) => unknown
  /** Registered after the drain, and before the routes. */
  readonly after?: (app: FastifyInstance) => unknown
  /** Registers the drain in a scope of its own in place of the root. */
  readonly scoped?: boolean
}

/** What the server under test is to be. */
export interface Application {
  readonly routes: readonly Route[]
  readonly terms: Terms
  readonly tls: { readonly key: string; readonly cert: string }
  /** Answers `Upgrade: websocket`, on servers that are given WebSockets. */
  readonly webSocket: boolean
  /** @default 'first' */
  readonly mount?: Mount | undefined
  readonly fastify?: FastifyParts | undefined
}

/** A server under test, ready to listen. */
export interface Running {
  readonly server: Server
  /** Listens on a free port of 127.0.0.1, or on a path, in the way of its framework. @default server.listen() */
  readonly listen?: (where: { host: string; port: number } | { path: string }) => Promise<unknown>
  /** Begins to end, as on SIGTERM. Resolves, when the process would exit, with the exit code. */
  readonly terminate: () => Promise<number>
  readonly inFlight?: () => number
  readonly signal?: () => AbortSignal
  readonly drain?: Drain
  readonly fastify?: FastifyInstance
  /** Lets go of whatever is left. */
  readonly dispose?: () => Promise<unknown>
}

/** A row of the table: a server, and the drain it is given. */
export interface Subject {
  readonly name: string
  readonly has: readonly Need[]
  readonly start: (application: Application) => Running | Promise<Running>
}
