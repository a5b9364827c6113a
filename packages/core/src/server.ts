import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import { type AdapterOptions, attach } from './adapter.js'
import type { Drain } from './drain.js'
import type { Handler } from './endpoints.js'

/**
 * Drains a plain `node:http` server. Call it after the request handler is attached, before or after `listen()`.
 *
 * @example
 * const server = http.createServer(app)
 * const drain = drainServer(server)
 * server.listen(8080)
 *
 * @throws {TypeError | RangeError} for a bad option
 * @throws {Error} if a drain watches the server already
 */
export function drainServer(server: Server, options: AdapterOptions = {}): Drain {
  const { drain, handle } = attach(options, { server })
  answerFirst(server, handle)
  return drain
}

/** Puts the control endpoints in front of the listeners that are there, so that not both answer one request. */
function answerFirst(server: Server, handle: Handler): void {
  type Listener = (this: Server, request: IncomingMessage, response: ServerResponse) => void
  const count = server.listeners('request')[0] as Listener
  const application = server.rawListeners('request').slice(1) as Listener[]
  server.removeAllListeners('request')
  server.on('request', count)
  server.on('request', function (this: Server, request, response) {
    if (handle(request, response)) return
    for (const listener of application) listener.call(this, request, response)
  })
}
