import { chmodSync, lstatSync, renameSync, unlinkSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo, type Server } from 'node:net'
import type { Answer } from '../shared/request.js'
import type { DrainView } from './drain-view.js'

/**
 * Marks the servers of control ports and sockets. They belong to podrain, so no drain may watch them, not even a drain of
 * another copy of the package.
 */
const controlMark: unique symbol = Symbol.for('podrain.control') as never

/** Whether a server is the control port or control socket of a drain, of this or of another copy of the package. */
export function isControlServer(server: Server): boolean {
  return controlMark in server
}

/** The default path of the unix socket, for `podrain-prestop`. */
export const defaultSocket = '/tmp/podrain.sock'

/** The maximum length of a socket path in bytes. Linux allows 107 (unix(7)), and a suffix is added until the socket is ready. */
export const longestPath = 90

/** The ports and the paths of sockets that drains of this process listen on, each with its drain. */
const taken = new Map<number | string, DrainView>()
let count = 0

/**
 * Answers the control endpoints on a separate, plain HTTP server until the drain is closed. The server answers even if the
 * application uses TLS, does not listen yet, or accepts no more connections. It does not keep the process alive. Its errors are
 * logged and not thrown, because the application can serve without it.
 *
 * @param setBy How the port or the path was set: by an option, or by a variable.
 * @returns The function that closes the server earlier.
 */
export function listenForControl(
  drain: DrainView,
  answer: Answer,
  where: { port: number } | { path: string },
  setBy: string,
): () => void {
  const place = 'path' in where ? where.path : where.port
  const cannot = `cannot listen on ${setBy} ${place}, so no hook and no probe of this drain is answered there`
  const owner = taken.get(place)
  if (owner === drain) {
    drain.logger.info(`control endpoints on ${place} already, with the options of the first adapter of this drain`)
    return () => {}
  }
  if (owner) {
    const option = 'path' in where ? 'controlSocket' : 'controlPort'
    drain.logger.error(
      `${cannot}: another drain of this process listens there: give that drain to this adapter as \`drain\`, or set another \`${option}\` in the code`,
    )
    return () => {}
  }
  const server = http.createServer((request, response) => {
    if (!answer(request, response)) response.writeHead(404, { 'content-length': 0 }).end()
  })
  Object.defineProperty(server, controlMark, { value: true })
  server.on('connection', (socket) => socket.unref())
  const logError = (error: NodeJS.ErrnoException): void => {
    taken.delete(place)
    const isInUse = error.code === 'EADDRINUSE'
    const why = isInUse
      ? 'another server has this port: set another one, also in the hook and the probes'
      : error.message
    drain.logger.error(`${cannot}: ${why}`)
  }
  server.on('error', logError)
  let removeFile = (): void => {}
  const close = (): void => {
    if (taken.get(place) === drain) taken.delete(place)
    removeFile()
    server.close()
    server.closeAllConnections()
  }
  if (drain.state === 'closed') return close
  drain.once('report', close)
  if (place !== 0) taken.set(place, drain) // with port 0, the operating system chooses a free port
  if ('path' in where) {
    removeFile = listenOn(server, where.path, logError, (path) => drain.logger.info(`control endpoints on ${path}`))
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
 * Listens on a unix socket that only the owner of the process may use. The socket is created beside the path and
 * renamed, so that it never has other permissions at the path. A file that a killed process left behind is replaced.
 *
 * @returns The function that removes the file, if it is still the same one.
 */
function listenOn(
  server: http.Server,
  path: string,
  logError: (error: Error) => void,
  onListening: (path: string) => void,
): () => void {
  const beside = `${path}.${process.pid.toString(36)}${(count++).toString(36)}`
  let inode: number | undefined
  server.listen(beside, () => {
    ifFree(
      path,
      () => {
        chmodSync(beside, 0o600)
        renameSync(beside, path)
        inode = lstatSync(path).ino
        onListening(path)
      },
      (error) => {
        server.close()
        logError(error)
      },
    )
  })
  server.unref()
  return () => {
    try {
      if (inode !== undefined && lstatSync(path).ino === inode) unlinkSync(path)
    } catch {
      // Something else has removed the file.
    }
  }
}

/**
 * Calls `yes` if the path is free: no file is there, or a socket that no process listens on. Otherwise calls `no`, because
 * another program uses the file.
 */
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
