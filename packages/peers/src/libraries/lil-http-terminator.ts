import { type Draining, http1, type Library, limit, mortal } from './library.js'

const drains: Draining = async (server, application) => {
  const { default: HttpTerminator } = await import('lil-http-terminator')
  const terminator = HttpTerminator({
    server,
    gracefulTerminationTimeout: limit(application.terms),
    maxWaitTimeout: limit(application.terms),
  })
  return mortal(server, application, async (exit) => {
    // The code in its README exits with 0, whatever `terminate()` returns.
    await terminator.terminate()
    exit(0)
  })
}

export const lilHttpTerminator: Library = {
  name: 'lil-http-terminator',
  packages: ['lil-http-terminator'],
  wired:
    '`HttpTerminator({ server, gracefulTerminationTimeout, maxWaitTimeout })`, both times being the grace period, ' +
    '`await httpTerminator.terminate()` and `process.exit(0)`, whatever it says. It offers no wait for load balancers.',
  leftOut: 'node:http2: it “gracefully terminates HTTP(S) server”.',
  servers: http1,
  drains,
}
