import { createTerminus } from '@godaddy/terminus'
import { type Draining, http1, limitAfterSettling, mortal, on, type Peer, settled, sigterm } from './peer.js'

const drains: Draining = (server, application) => {
  createTerminus(server, {
    healthChecks: { '/healthcheck': async () => {} },
    beforeShutdown: () => settled(application.terms),
    useExit0: true,
    timeout: limitAfterSettling(application.terms),
  })
  return mortal(server, application, sigterm)
}

export const terminus: Peer = {
  name: '@godaddy/terminus',
  packages: ['@godaddy/terminus', 'stoppable'],
  wired:
    '`createTerminus(server, { healthChecks, beforeShutdown, useExit0: true, timeout })`, as its README has it for ' +
    'Kubernetes: `beforeShutdown` waits for load balancers, and the time is what is left of the grace period.',
  leftOut: 'node:http2: it closes with stoppable.',
  drains,
  subjects: on('@godaddy/terminus', http1, drains),
}
