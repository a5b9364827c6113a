import { createHttpTerminator } from 'http-terminator'
import { all, type Draining, limit, mortal, on, type Peer } from './peer.js'

const drains: Draining = (server, application) => {
  const terminator = createHttpTerminator({
    server: server as never,
    gracefulTerminationTimeout: limit(application.terms),
  })
  return mortal(server, application, async (exit) => {
    await terminator.terminate()
    exit(0)
  })
}

export const httpTerminator: Peer = {
  name: 'http-terminator',
  packages: ['http-terminator'],
  wired:
    '`createHttpTerminator({ server, gracefulTerminationTimeout })`, the time being the grace period, and ' +
    '`await httpTerminator.terminate()`. It offers no wait for load balancers.',
  drains,
  subjects: on('http-terminator', all, drains),
}
