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
   * Passes the server to the drain. From then on, podrain answers the control endpoints before any middleware gets them, wherever this
   * middleware is used, and counts all requests.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server): void
}

/**
 * Koa middleware that drains the application. Use it first, or pass the server to its `watch()`. Otherwise a middleware that is used
 * before it may answer probes and the hook itself.
 *
 * @example
 * app.use(drain())
 *
 * @returns The middleware. Its property `drain` is the drain.
 * @throws {TypeError | RangeError} for a wrong option
 */
export function drain(options: AdapterOptions = {}): DrainMiddleware {
  const { drain, handle, watch } = attach(options)
  // The function is not async, because async would allocate one more promise for every request.
  function drainMiddleware(context: KoaContext, next: () => Promise<unknown>): Promise<unknown> {
    if (handle(context.req, context.res)) {
      context.respond = false // Koa must not respond, because podrain does
      return Promise.resolve()
    }
    const handling = next()
    drain.handling(context.res, handling)
    return handling
  }
  return Object.assign(drainMiddleware, { drain, watch })
}

export type { AdapterOptions, Drain }
