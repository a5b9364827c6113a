import type { Server } from 'node:http'
import { type Draining, http1, type Library, limit, mortal } from './library.js'

const drains: Draining = async (server, application) => {
  const { default: stoppable } = await import('stoppable')
  const stopping = stoppable(server as Server, limit(application.terms))
  // On a second call, `stop()` calls back with an error, as `close()` does. That is not a failure.
  return mortal(server, application, (exit) => stopping.stop((_error, gracefully) => exit(gracefully ? 0 : 1)))
}

export const stoppable: Library = {
  name: 'stoppable',
  packages: ['stoppable'],
  wired:
    '`stoppable(server, grace)`, the time being the grace period, and `server.stop((error, gracefully) => …)` with exit ' +
    'code 1 if it was not graceful. It offers no wait for load balancers.',
  leftOut: 'node:http2: it takes “any HTTP or HTTPS Server instance”.',
  servers: http1,
  drains,
}
