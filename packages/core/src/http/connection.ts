import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Http2ServerRequest, ServerHttp2Stream } from 'node:http2'
import type { OpenRequest } from '../shared/report.js'

/** One pass over all connections of a draining server. */
export interface Round {
  readonly now: number
  /** How far the ramp has risen, from 0 to 1. */
  readonly share: number
  /** Milliseconds without a byte after which an upload counts as stalled. */
  readonly uploadTimeout: number
}

/** A request in flight, and whether cutting it would lose something. */
export interface OpenOnConnection extends OpenRequest {
  /** Whether the request is complete, its response has begun, or its client sent bytes after the closing began. */
  readonly alive: boolean
}

/** One run of an application's request handler. */
export interface HandlerRun {
  readonly promise: Promise<unknown>
  /** Whether only podrain has the promise. podrain must then not hide an unhandled rejection. */
  readonly unseen: boolean
  readonly request: IncomingMessage | Http2ServerRequest
}

/**
 * A connection that carries requests. There are three kinds: an HTTP/1 connection (http1.ts), an HTTP/2 session
 * (http2.ts), and a connection that was upgraded and is no longer HTTP (upgraded.ts).
 */
export interface Connection {
  /** Number of requests that have begun and whose response has not closed. */
  readonly pending: number
  /**
   * When the connection was opened, or when its newest request began, whichever is later. While draining: or when its last
   * response closed.
   */
  readonly since: number
  /** Whether the farewell was sent: a FIN (HTTP/1), GOAWAY (HTTP/2) or a close frame (WebSocket). */
  readonly farewellSent: boolean
  /**
   * Called when the drain begins. Returns the open responses or streams of probes, because probes do not count as traffic.
   */
  drain(now: number): readonly (ServerResponse | ServerHttp2Stream)[]
  /** Called when the drain is undone. */
  resume(): void
  /**
   * Sheds the client if the ramp has reached this connection. Returns the number of requests that the drain must wait for.
   */
  visit(round: Round): number
  /** The time until which this idle connection must stay open, because a request may be on its way. */
  heldUntil(quiet: number): number
  /** Sends the farewell on this idle connection, unless a request may still be on its way. */
  closeIdle(now: number): void
  destroy(): void
  /** Whether the connection has been closed by force, or has ended. */
  readonly destroyed: boolean
  /**
   * The requests in flight.
   * @param begun When the closing began.
   */
  open(now: number, begun: number): OpenOnConnection[]
  /** Called when the connection has closed. Drops the requests that it still carried. */
  clear(): void
}

/** Counts the requests of a connection. The connection calls these methods when requests end. */
export interface ConnectionOwner<Kind extends Connection, Exchange> {
  /** A response (HTTP/1) or stream (HTTP/2) has closed. */
  release(connection: Kind, exchange: Exchange): void
  /** The connection has closed. */
  forget(connection: Connection): void
}
