import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { type AdapterOptions, attach, type Drain } from '@podrain/core'

export interface DrainMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /** The drain of this application. */
  readonly drain: Drain
  /**
   * Gives it the server: from then on the control endpoints are answered before any middleware, wherever this one is
   * mounted, and requests are counted from the first on.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server): void
}

/**
 * Express middleware. Mount it first: what is mounted before it can keep a probe or the hook from its endpoint, unless it
 * is given the server.
 *
 * @example
 * app.use(drain())
 *
 * @throws {TypeError | RangeError} for a bad option
 */
export function drain(options: AdapterOptions = {}): DrainMiddleware {
  const { drain, handle, watch } = attach(options)
  function drainMiddleware(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (!handle(request, response)) next()
  }
  return Object.assign(drainMiddleware, { drain, watch })
}

export type { AdapterOptions, Drain }
