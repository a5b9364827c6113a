import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { type AdapterOptions, attach, type Drain } from '@podrain/core'

/** The part of Koa's context that the middleware uses. Koa 2 and 3 have it. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  respond?: boolean | undefined
}

/** The middleware, with its drain. */
export interface DrainMiddleware {
  (context: KoaContext, next: () => Promise<unknown>): Promise<unknown>
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
 * Koa middleware. Use it first, or pass it the server: otherwise a middleware that is used before it can keep probes
 * and the hook from their endpoints.
 *
 * @example
 * app.use(drain())
 *
 * @throws {TypeError | RangeError} for a wrong option
 */
export function drain(options: AdapterOptions = {}): DrainMiddleware {
  const { drain, handle, watch } = attach(options)
  // Not async: that would allocate one more promise for every request.
  function drainMiddleware(context: KoaContext, next: () => Promise<unknown>): Promise<unknown> {
    if (handle(context.req, context.res)) {
      context.respond = false // Koa must not respond, as podrain has
      return Promise.resolve()
    }
    const handling = next()
    drain.handling(context.res, handling)
    return handling
  }
  return Object.assign(drainMiddleware, { drain, watch })
}

export type { AdapterOptions, Drain }
