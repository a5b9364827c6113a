import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { type AdapterOptions, attach, type Drain } from '@podrain/core'

/** The middleware, with its drain. */
export interface DrainMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /** The drain of this application. */
  readonly drain: Drain
  /**
   * Passes the server. From then on the control endpoints are answered before any middleware, wherever this one is
   * mounted, and all requests are counted.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server): void
}

/**
 * Express middleware. Mount it first, or pass it the server: otherwise a middleware that is mounted before it can keep
 * probes and the hook from their endpoints.
 *
 * @example
 * app.use(drain())
 *
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
