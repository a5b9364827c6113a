import { type Draining, http1, type Library, limitAfterSettling, mortal, settled, sigterm } from './library.js'

const drains: Draining = async (server, application) => {
  const { createTerminus } = await import('@godaddy/terminus')
  createTerminus(server, {
    healthChecks: { '/healthcheck': async () => {} },
    beforeShutdown: () => settled(application.terms),
    useExit0: true,
    timeout: limitAfterSettling(application.terms),
  })
  return mortal(server, application, sigterm)
}

export const terminus: Library = {
  name: '@godaddy/terminus',
  packages: ['@godaddy/terminus', 'stoppable'],
  wired:
    '`createTerminus(server, { healthChecks, beforeShutdown, useExit0: true, timeout })`, as its README has it for ' +
    'Kubernetes: `beforeShutdown` waits for load balancers, and the time is what is left of the grace period.',
  leftOut: 'node:http2: it closes with stoppable.',
  servers: http1,
  drains,
}
