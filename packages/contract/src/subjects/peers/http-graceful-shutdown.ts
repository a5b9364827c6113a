import gracefulShutdown from 'http-graceful-shutdown'
import { all, type Draining, limitAfterSettling, mortal, on, type Peer, settled } from './peer.js'

const drains: Draining = (server, application) => {
  const shutdown = gracefulShutdown(server, {
    timeout: limitAfterSettling(application.terms),
    preShutdown: () => settled(application.terms),
  })
  return mortal(server, application, async (exit) => {
    await shutdown()
    exit(0)
  })
}

export const httpGracefulShutdown: Peer = {
  name: 'http-graceful-shutdown',
  packages: ['http-graceful-shutdown'],
  wired:
    '`gracefulShutdown(server, { timeout, preShutdown })`: `preShutdown`, where “all HTTP sockets are still available and ' +
    'untouched”, waits for load balancers, and the time is what is left of the grace period. Ended by the function that ' +
    'it returns.',
  drains,
  subjects: on('http-graceful-shutdown', all, drains),
}
