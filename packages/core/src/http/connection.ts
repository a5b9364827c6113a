import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { OpenRequest } from '../shared/report.js'

/** One round of looking at all connections of a draining server. */
export interface Round {
  readonly now: number
  /** How far the ramp has risen, 0 to 1. */
  readonly share: number
  /** Milliseconds without a byte after which an upload counts as stalled. */
  readonly uploadPause: number
}

/** A request in flight, and whether cutting it would lose something. */
export interface OpenOnConnection extends OpenRequest {
  /** The request is complete, is being answered, or was still being sent since the closing began. */
  readonly alive: boolean
}

/** What the application's handler of a request returned. */
export interface Handling {
  readonly promise: Promise<unknown>
  /** Nobody else looks at the promise: what it rejects with is an unhandled rejection, and stays one. */
  readonly unseen: boolean
  readonly request: IncomingMessage | Http2ServerRequest
}

/**
 * What requests come on: an HTTP/1 connection (http1.ts), an HTTP/2 session (http2.ts), or a connection that was upgraded and
 * is no longer HTTP (upgraded.ts).
 */
export interface Connection {
  /** Requests begun and not yet closed. */
  readonly pending: number
  /** When it was opened, its newest request began, or, while draining, its last response closed. */
  readonly since: number
  /** Whether good-bye has been said on it. */
  readonly ended: boolean
  /** The drain begins. Returns the responses or streams in flight that answer probes, and so are no traffic. */
  drain(now: number): readonly (ServerResponse | ServerHttp2Stream)[]
  /** The drain is undone. */
  resume(): void
  /** Leads the client away if its turn has come. Returns how many requests have to be waited for. */
  visit(round: Round): number
  /** Until when it is to be kept though it carries no request: one may be on its way. */
  heldUntil(quiet: number): number
  /** It carries no request: says good-bye, if none can be expected on it any more. */
  endIdle(now: number): void
  destroy(): void
  /** What is in flight. @param begun when the closing began */
  open(now: number, begun: number): OpenOnConnection[]
  /** It is gone, and whatever it still carried with it. */
  clear(): void
}

/** Who counts the requests of a connection, as the connection tells it what happens. */
export interface ConnectionOwner<Kind extends Connection, Exchange> {
  /** A response (HTTP/1) or stream (HTTP/2) has closed. */
  release(connection: Kind, exchange: Exchange): void
  /** The connection has closed. */
  forget(connection: Connection): void
}
