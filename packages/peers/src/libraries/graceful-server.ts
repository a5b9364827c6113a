import { type Draining, http1, type Library, mortal } from './library.js'

const drains: Draining = async (server, application) => {
  const { default: GracefulServer } = await import('@gquittet/graceful-server')
  const graceful = GracefulServer(server as never, { kubernetes: true, timeout: application.terms.settle })
  server.once('listening', () => graceful.setReady())
  // `stop()` exits with 0. Its own signal handler would exit with the number of the signal.
  return mortal(server, application, () => graceful.stop())
}

export const gracefulServer: Library = {
  name: '@gquittet/graceful-server',
  packages: ['@gquittet/graceful-server'],
  wired:
    '`GracefulServer(server, { kubernetes: true, timeout })` and `setReady()` when it listens. The time, “to wait before ' +
    'shutting down the server”, waits for load balancers: with the whole grace period it keeps fewer sentences. Ended by ' +
    '`stop()`, because at SIGTERM it exits with 15.',
  leftOut: 'node:http2: its documentation takes an `http.Server`.',
  servers: http1,
  drains,
}
