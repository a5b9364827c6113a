import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Server } from 'node:net'
import { type AdapterOptions, attach, type Drain } from '@podrain/core'

/** What the middleware needs of Koa's context, in Koa 2 and 3. */
export interface KoaContext {
  readonly req: IncomingMessage
  readonly res: ServerResponse
  respond?: boolean | undefined
}

export interface DrainMiddleware {
  (context: KoaContext, next: () => Promise<unknown>): Promise<unknown>
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
 * Koa middleware. Use it first: what is used before it can keep a probe or the hook from its endpoint, unless it is given
 * the server.
 *
 * @example
 * app.use(drain())
 *
 * @throws {TypeError | RangeError} for a bad option
 */
export function drain(options: AdapterOptions = {}): DrainMiddleware {
  const { drain, handle, watch } = attach(options)
  // Not async: that would be one more promise for every request.
  function drainMiddleware(context: KoaContext, next: () => Promise<unknown>): Promise<unknown> {
    if (handle(context.req, context.res)) {
      context.respond = false // answered on the response itself
      return Promise.resolve()
    }
    const handling = next()
    drain.handling(context.res, handling)
    return handling
  }
  return Object.assign(drainMiddleware, { drain, watch })
}

export type { AdapterOptions, Drain }
