import { chmodSync, unlinkSync } from 'node:fs'
import http from 'node:http'
import net, { type AddressInfo } from 'node:net'
import type { Drain } from './drain.js'
import type { Handler } from './endpoints.js'

/** Where the hook without network finds the process, unless told otherwise. */
export const defaultSocket = '/tmp/podrain.sock'

/**
 * Answers the control endpoints on a plain HTTP listener of their own, from now until the drain is closed: also while the
 * application speaks TLS, is not listening yet, or does not accept any more. It keeps no process alive.
 */
export function listenForControl(drain: Drain, answer: Handler, where: { port: number } | { path: string }): void {
  const server = http.createServer((request, response) => {
    if (!answer(request, response)) response.writeHead(404, { 'content-length': 0 }).end()
  })
  const listen = (): void => void server.listen(where).unref()
  const complain = (error: Error): void => {
    const place = 'path' in where ? `\`controlSocket\` ${where.path}` : `\`controlPort\` ${where.port}`
    drain.logger.error(`cannot listen on ${place}, so no hook and no probe is answered there: ${error.message}`)
  }
  server.on('listening', () => {
    if ('path' in where) chmodSync(where.path, 0o600)
    const address = server.address() as AddressInfo | string
    drain.logger.info(`control endpoints on ${typeof address === 'string' ? address : `port ${address.port}`}`)
  })
  server.on('error', (error: NodeJS.ErrnoException) => {
    if (!('path' in where) || error.code !== 'EADDRINUSE') return complain(error)
    ifAbandoned(
      where.path,
      () => {
        unlinkSync(where.path)
        listen()
      },
      () => complain(error),
    )
  })
  drain.once('report', () => {
    server.close()
    server.closeAllConnections()
  })
  listen()
}

/** The file of a unix socket outlives a process that was killed; then nobody listens behind it. */
function ifAbandoned(path: string, yes: () => void, no: () => void): void {
  const probe = net.connect(path)
  probe.on('connect', () => {
    probe.destroy()
    no()
  })
  probe.on('error', ({ code }: NodeJS.ErrnoException) => (code === 'ECONNREFUSED' ? yes() : no()))
}
