import type { IncomingMessage, ServerResponse } from 'node:http'
import { type AdapterOptions, attach, type Drain } from '@podrain/core'

export interface DrainMiddleware {
  (request: IncomingMessage, response: ServerResponse, next: (error?: unknown) => void): void
  /** The drain of this application. */
  readonly drain: Drain
}

/**
 * Express middleware. Mount it first: what is mounted before it can keep a probe or the hook from its endpoint.
 *
 * @example
 * app.use(drain())
 *
 * @throws {TypeError | RangeError} for a bad option
 */
export function drain(options: AdapterOptions = {}): DrainMiddleware {
  const { drain, handle } = attach(options)
  function drainMiddleware(request: IncomingMessage, response: ServerResponse, next: () => void): void {
    if (!handle(request, response)) next()
  }
  return Object.assign(drainMiddleware, { drain })
}

export type { AdapterOptions, Drain }
