import { createServer } from 'node:net'

/** Ports handed out by this process: rehearsals that run side by side must not get the same one. */
const taken = new Set<number>()

/**
 * Finds a free loopback port below the range that outgoing connections draw theirs from (32768 on Linux, 49152
 * elsewhere): a port the kernel picks could be taken by one of our own clients before the pod listens on it.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = 20_000 + Math.floor(Math.random() * 12_000)
    if (taken.has(port)) continue
    taken.add(port)
    if (await isFree(port)) return port
    taken.delete(port)
  }
  throw new Error('Found no free port on 127.0.0.1 from 20000 to 32000')
}

/** Gives a port back once its pod is gone. */
export function releasePort(port: number): void {
  taken.delete(port)
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
