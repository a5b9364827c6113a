import { type Draining, http1, type Library, mortal } from './library.js'

const drains: Draining = async (server, application) => {
  const { default: httpShutdown } = await import('http-shutdown')
  const stopping = httpShutdown(server)
  // Where it fails (told a second time, or never listening, as `close()` does), its README logs that, and nothing keeps the
  // process any more.
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
