import type { Server } from 'node:http'
import stoppable from 'stoppable'
import { type Draining, http1, limit, mortal, on, type Peer } from './peer.js'

const drains: Draining = (server, application) => {
  const stopping = stoppable(server as Server, limit(application.terms))
  // Told a second time it also calls back with an error, as `close()` does: no reason to fail.
  return mortal(server, application, (exit) => stopping.stop((_error, gracefully) => exit(gracefully ? 0 : 1)))
}

export const stoppablePeer: Peer = {
  name: 'stoppable',
  packages: ['stoppable'],
  wired:
    '`stoppable(server, grace)`, the time being the grace period, and `server.stop((error, gracefully) => …)` with exit ' +
    'code 1 if it was not graceful. It offers no wait for load balancers.',
  leftOut: 'node:http2: it takes “any HTTP or HTTPS Server instance”.',
  drains,
  subjects: on('stoppable', http1, drains),
}
