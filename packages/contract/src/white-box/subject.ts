import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import type { Readable } from 'node:stream'
import type { Terms } from '../stage.js'

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

/** What the server under test is to be. */
export interface Application {
  readonly routes: readonly Route[]
  /** The times of the drain. Each library is given those that it knows. */
  readonly terms: Terms
  /** Answers `Upgrade: websocket` on `/socket` with an echo, on servers that are given WebSockets. */
  readonly webSocket: boolean
  /** What a sentence about one kind of server wants of it. */
  readonly setting: object
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
  /** Lets go of whatever is left. */
  readonly dispose?: () => Promise<unknown>
}

/** A server in this process, and the drain it is given. */
export interface Subject<Has extends Running = Running> {
  readonly name: string
  /** The needs that it meets. */
  readonly has: readonly string[]
  readonly start: (application: Application) => Has | Promise<Has>
}
