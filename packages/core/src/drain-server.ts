import type { Server } from 'node:net'
import { attach } from './adapter.js'
import type { AdapterOptions } from './adapter-options.js'
import type { Drain } from './drain.js'

/**
 * Drains a plain server of `node:http`, `node:https` or `node:http2`. Its control endpoints are answered in front of
 * the application's listeners, including listeners that are added later.
 *
 * @example
 * const server = http.createServer(app)
 * const drain = drainServer(server)
 * server.listen(8080)
 *
 * @throws {TypeError | RangeError} for a wrong option
 * @throws {Error} if another drain watches the server
 */
export function drainServer(server: Server, options: AdapterOptions = {}): Drain {
  return attach(options, { server }).drain
}
