import { createHttpTerminator } from 'http-terminator'
import { all, limit, mortal, on, type Peer } from './peer.js'

export const httpTerminator: Peer = {
  name: 'http-terminator',
  packages: ['http-terminator'],
  wired:
    '`createHttpTerminator({ server, gracefulTerminationTimeout })`, the time being the grace period, and ' +
    '`await httpTerminator.terminate()`. It offers no wait for load balancers.',
  subjects: on('http-terminator', all, (server, application) => {
    const terminator = createHttpTerminator({
      server: server as never,
      gracefulTerminationTimeout: limit(application.terms),
    })
    return mortal(server, application, async (exit) => {
      await terminator.terminate()
      exit(0)
    })
  }),
}
