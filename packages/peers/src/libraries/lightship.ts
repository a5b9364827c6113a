import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { all, type Draining, type Library, limitAfterSettling, mortal, sigterm } from './library.js'

const drains: Draining = async (server, application) => {
  const { createLightship } = await import('lightship')
  const rest = limitAfterSettling(application.terms)
  const ship = await createLightship({
    shutdownDelay: application.terms.settle,
    gracefulShutdownTimeout: rest,
    shutdownHandlerTimeout: rest,
  })
  server.prependListener('request', (_request: unknown, response: ServerResponse) => {
    const beacon = ship.createBeacon()
    response.once('close', () => beacon.die())
  })
  ship.registerShutdownHandler(() => new Promise((resolve) => server.close(() => resolve())))
  server.once('listening', () => ship.signalReady())
  return mortal(server, application, async (exit) => {
    sigterm(exit)
    // lightship does not exit the process. Node exits when both servers have closed.
    await Promise.all([once(server, 'close'), once(ship.server, 'close')])
    exit(0)
  })
}

export const lightship: Library = {
  name: 'lightship',
  packages: ['lightship'],
  wired:
    '`createLightship({ shutdownDelay, gracefulShutdownTimeout, shutdownHandlerTimeout })`: the delay waits for load ' +
    'balancers, the times are what is left of the grace period. A beacon for each request, until its response has ' +
    'closed, and a shutdown handler that waits for `server.close()`.',
  servers: all,
  drains,
}
