import { chmodSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Answer } from '../shared/request.js'
import type { DrainView } from './drain-view.js'

/** Where the hook without network finds the process, unless told otherwise. */
export const defaultSocket = '/tmp/podrain.sock'

/** Bytes that a path may have: 107 on Linux, less what is added until the socket is ready. */
export const longestPath = 90

/** The sockets that drains of this process have. */
const taken = new Set<string>()
let count = 0

/**
 * Answers the control endpoints on a plain HTTP listener of their own, from now until the drain is closed: also while the
 * application speaks TLS, is not listening yet, or does not accept any more. It keeps no process alive. What goes wrong is
 * logged: an application must not fail for it.
 *
 * @returns the way to close it earlier
 */
export function listenForControl(
  drain: DrainView,
  answer: Answer,
  where: { port: number } | { path: string },
): () => void {
  const server = http.createServer((request, response) => {
    if (!answer(request, response)) response.writeHead(404, { 'content-length': 0 }).end()
  })
  server.on('connection', (socket) => socket.unref())
  const complain = (error: Error): void => {
    const place = 'path' in where ? `\`controlSocket\` ${where.path}` : `\`controlPort\` ${where.port}`
    drain.logger.error(`cannot listen on ${place}, so no hook and no probe is answered there: ${error.message}`)
  }
  server.on('error', complain)
  let forget = (): void => {}
  const close = (): void => {
    forget()
    server.close()
    server.closeAllConnections()
  }
  if (drain.state === 'closed') return close
  drain.once('report', close)
  if ('path' in where) {
    forget = listenOn(server, where.path, complain, (path) => drain.logger.info(`control endpoints on ${path}`))
  } else {
    server.listen(where.port, () => {
      drain.logger.info(`control endpoints on port ${(server.address() as AddressInfo).port}`)
    })
    server.unref()
  }
  return () => {
    drain.off('report', close)
    close()
  }
}

/**
 * Listens on a unix socket for its owner alone. It is made beside the path and moved there, so that nobody finds it with
 * other permissions, and the file that a killed process left behind is replaced.
 *
 * @returns what removes the file, if it is still ours
 */
function listenOn(
  server: http.Server,
  path: string,
  complain: (error: Error) => void,
  listening: (path: string) => void,
): () => void {
  if (taken.has(path)) {
    complain(new Error('another drain of this process listens there'))
    return () => {}
  }
  taken.add(path)
  const beside = `${path}.${process.pid.toString(36)}${(count++).toString(36)}`
  let inode: number | undefined
  server.listen(beside, () => {
    ifFree(
      path,
      () => {
        chmodSync(beside, 0o600)
        renameSync(beside, path)
        inode = lstatSync(path).ino
        listening(path)
      },
      (error) => {
        server.close()
        complain(error)
      },
    )
  })
  server.unref()
  return () => {
    taken.delete(path)
    try {
      if (inode !== undefined && lstatSync(path).ino === inode) unlinkSync(path)
    } catch {
      // Somebody has removed it.
    }
  }
}

/** Whether there is nothing at the path, or a socket behind which nobody listens. Anything else is somebody's. */
function ifFree(path: string, yes: () => void, no: (error: Error) => void): void {
  const attempt = (): void => {
    try {
      yes()
    } catch (error) {
      no(error as Error)
    }
  }
  const there = lstatSync(path, { throwIfNoEntry: false })
  if (!there) {
    attempt()
  } else if (!there.isSocket()) {
    no(new Error('there is a file, and it is not a socket'))
  } else {
    const probe = net.connect(path)
    probe.on('connect', () => {
      probe.destroy()
      no(new Error('another process listens there'))
    })
    probe.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ECONNREFUSED') attempt()
      else no(error)
    })
  }
}
