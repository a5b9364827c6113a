import type { IncomingMessage } from 'node:http'
import type { Http2ServerRequest } from 'node:http2'
import type { OpenRequest } from '../shared/report.js'

/** A look at a draining server. */
export interface Look {
  readonly now: number
  /** How far the ramp has risen, 0 to 1. */
  readonly share: number
  /** Milliseconds without a byte after which nobody goes on sending. */
  readonly patience: number
}

/** A request in flight, and whether cutting it would lose something. */
export interface OpenOnCarrier extends OpenRequest {
  /** It is complete, is being answered, or was still being sent since the closing began. */
  readonly alive: boolean
}

/** What the handler of a request returned. */
export interface Handling {
  readonly promise: Promise<unknown>
  /** Nobody else looks at it: what it rejects with is an unhandled rejection, and stays one. */
  readonly unseen: boolean
  readonly request: IncomingMessage | Http2ServerRequest
}

/** What requests come on: a connection (HTTP/1), a session (HTTP/2), or a tunnel, which a connection became by upgrade. */
export interface Carrier {
  /** Requests begun and not yet closed. */
  readonly pending: number
  /** When it was opened, its newest request began, or, while draining, its last response closed. */
  readonly since: number
  /** Whether good-bye has been said on it. */
  readonly ended: boolean
  /** The drain begins. */
  drain(now: number): void
  /** The drain is undone. */
  resume(): void
  /** Leads the client away if its turn has come. Returns how many requests have to be waited for. */
  look(look: Look): number
  /** Until when it is to be kept though it carries no request: one may be on its way. */
  heldUntil(quiet: number): number
  /** It carries no request: says good-bye, if none can be expected on it any more. */
  endIdle(now: number): void
  destroy(): void
  /** What is in flight. @param begun when the closing began */
  open(now: number, begun: number): OpenOnCarrier[]
  /** It is gone, and whatever it still carried with it. */
  clear(): void
}
