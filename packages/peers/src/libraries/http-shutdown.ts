import { type Draining, http1, type Library, mortal } from './library.js'

const drains: Draining = async (server, application) => {
  const { default: httpShutdown } = await import('http-shutdown')
  const stopping = httpShutdown(server)
  // If `shutdown()` fails, as `close()` does on a second call or on a server that never listened, the code in its README logs the error.
  // Then nothing keeps the process alive.
  return mortal(server, application, (exit) => stopping.shutdown(() => exit(0)))
}

export const httpShutdown: Library = {
  name: 'http-shutdown',
  packages: ['http-shutdown'],
  wired:
    '`server = httpShutdown(server)`, and `server.shutdown(() => process.exit(0))`. It offers neither a time limit ' +
    'nor a wait for load balancers.',
  leftOut: 'node:http2: it takes “a Nodejs HTTP server”, and extends those of `http` and `https`.',
  servers: http1,
  drains,
}
