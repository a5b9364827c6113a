import type { Server } from 'node:net'
import { attach } from './adapter.js'
import type { AdapterOptions } from './adapter-options.js'
import type { Drain } from './drain.js'

/**
 * Drains a plain server of `node:http`, `node:https` or `node:http2`. podrain answers the control endpoints before the
 * application's listeners get the request, including listeners that are added later.
 *
 * @example
 * const server = http.createServer(app)
 * const drain = drainServer(server)
 * server.listen(8080)
 *
 * @returns The drain: its state, its events, its hooks.
 * @throws {TypeError | RangeError} for a wrong option
 * @throws {Error} if another drain watches the server
 */
export function drainServer(server: Server, options: AdapterOptions = {}): Drain {
  return attach(options, { server }).drain
}
