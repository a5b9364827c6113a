import { all, type Draining, type Library, mortal, settled } from './library.js'

const drains: Draining = (server, application) => mortal(server, application, (exit) => server.close(() => exit(0)))

/** `server.close()` after a preStop hook that sleeps. */
export const afterSleep: Draining = (server, application) =>
  mortal(server, application, async (exit) => {
    await settled(application.terms)
    server.close(() => exit(0))
  })

export const serverClose: Library = {
  name: 'server.close()',
  packages: [],
  wired:
    '`process.on("SIGTERM", () => server.close())`; the process ends when nothing keeps it any more. Once more with what ' +
    'Kubernetes advises for it, a `preStop` hook that sleeps before the signal.',
  servers: all,
  drains,
}
