import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Readable } from 'node:stream'
import type { Terms } from '../stage.js'

/** What a handler returns as its response; undefined if it writes to the response itself, or does not respond. */
export type Reply = string | Buffer | Readable | { readonly status: number } | undefined

/** A route of the application under test. */
export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  /** Whether the handler takes over the response from its framework. */
  readonly takesOver: boolean
  readonly handle: (request: IncomingMessage, response: ServerResponse) => Reply | Promise<Reply>
}

/** The application that the server under test must serve. */
export interface Application {
  readonly routes: readonly Route[]
  /** The times of the drain. Each library gets those for which it has options. */
  readonly terms: Terms
  /** Whether the server must accept WebSockets on `/socket`, and send each message back. */
  readonly webSocket: boolean
  /** Settings that a sentence about one kind of server needs. */
  readonly setting: object
}

/** A server under test, ready to listen. */
export interface Running {
  readonly server: Server
  /** Listens on a host and port or on a unix socket, with the method of the framework. @default server.listen() */
  readonly listen?: (where: { host: string; port: number } | { path: string }) => Promise<unknown>
  /** Starts the drain, as SIGTERM does. Resolves with the exit code when the process would exit. */
  readonly terminate: () => Promise<number>
  /** The number of requests in flight. */
  readonly inFlight?: () => number
  /** The signal that aborts when the drain begins. */
  readonly signal?: () => AbortSignal
  /** Releases everything after a test. */
  readonly dispose?: () => Promise<unknown>
}

/** A kind of server in this process, with its drain. */
export interface Subject<Has extends Running = Running> {
  readonly name: string
  /** The needs that the server meets. */
  readonly has: readonly string[]
  readonly start: (application: Application) => Has | Promise<Has>
}
