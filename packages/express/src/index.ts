import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { type AdapterOptions, attach, type Drain } from '@podrain/core'

/** The middleware, with its drain. */
export interface DrainMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /** The drain of this application. */
  readonly drain: Drain
  /**
   * Passes the server to the drain. From then on, podrain answers the control endpoints before any middleware gets them, wherever this
   * middleware is mounted, and counts all requests.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server): void
}

/**
 * Express middleware that drains the application. Mount it first, or pass the server to its `watch()`. Otherwise a middleware that is
 * mounted before it may answer probes and the hook itself.
 *
 * @example
 * app.use(drain())
 *
 * @returns The middleware. Its property `drain` is the drain.
 * @throws {TypeError | RangeError} for a wrong option
 */
export function drain(options: AdapterOptions = {}): DrainMiddleware {
  const { drain, handle, watch } = attach(options)
  function drainMiddleware(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (!handle(request, response)) next()
  }
  return Object.assign(drainMiddleware, { drain, watch })
}

export type { AdapterOptions, Drain }
