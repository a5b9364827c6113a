import { all, type Draining, type Library, limitAfterSettling, mortal, settled } from './library.js'

const drains: Draining = async (server, application) => {
  const { default: gracefulShutdown } = await import('http-graceful-shutdown')
  const shutdown = gracefulShutdown(server, {
    timeout: limitAfterSettling(application.terms),
    preShutdown: () => settled(application.terms),
  })
  return mortal(server, application, async (exit) => {
    await shutdown()
    exit(0)
  })
}

export const httpGracefulShutdown: Library = {
  name: 'http-graceful-shutdown',
  packages: ['http-graceful-shutdown'],
  wired:
    '`gracefulShutdown(server, { timeout, preShutdown })`: `preShutdown`, where “all HTTP sockets are still available and ' +
    'untouched”, waits for load balancers, and the time is what is left of the grace period. Ended by the function that ' +
    'it returns.',
  servers: all,
  drains,
}
