import { all, mortal, on, type Peer, settled } from './peer.js'

export const serverClose: Peer = {
  name: 'server.close()',
  packages: [],
  wired:
    '`process.on("SIGTERM", () => server.close())`; the process ends when nothing keeps it any more. Once more with what ' +
    'Kubernetes advises for it, a `preStop` hook that sleeps before the signal.',
  subjects: [
    ...on('server.close()', all, (server, application) =>
      mortal(server, application, (exit) => server.close(() => exit(0))),
    ),
    ...on('server.close() after a sleep', ['node:http'], (server, application) =>
      mortal(server, application, async (exit) => {
        await settled(application.terms)
        server.close(() => exit(0))
      }),
    ),
  ],
}
