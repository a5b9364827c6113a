import { all, type Draining, type Library, limit, mortal } from './library.js'

const drains: Draining = async (server, application) => {
  const { createHttpTerminator } = await import('http-terminator')
  const terminator = createHttpTerminator({
    server: server as never,
    gracefulTerminationTimeout: limit(application.terms),
  })
  return mortal(server, application, async (exit) => {
    await terminator.terminate()
    exit(0)
  })
}

export const httpTerminator: Library = {
  name: 'http-terminator',
  packages: ['http-terminator'],
  wired:
    '`createHttpTerminator({ server, gracefulTerminationTimeout })`, the time being the grace period, and ' +
    '`await httpTerminator.terminate()`. It offers no wait for load balancers.',
  servers: all,
  drains,
}
