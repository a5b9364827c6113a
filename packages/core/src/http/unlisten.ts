import http from 'node:http'
import net from 'node:net'
import { replaceMethod } from '../shared/replace.js'

/**
 * Stops accepting connections on a server.
 *
 * It calls `close()` of `http.Server`. That method also stops the timer that checks for slow clients, which would keep the server
 * in memory. It also closes idle connections, and counts a response that is ended but not flushed as idle (nodejs/node#60617). So
 * `closeIdleConnections()` of this server does nothing during the call. HTTP/2 servers that also speak HTTP/1 have the same timer,
 * and their own `close()` would end sessions, so `close()` of `http.Server` is called for them, too.
 */
export function unlisten(server: net.Server): void {
  // Under Bun, an HTTP server is not a `net.Server` and has only its own `close()`.
  if (!(server instanceof net.Server)) {
    ;(server as net.Server).close()
    return
  }
  const restore = replaceMethod(server, 'closeIdleConnections', () => () => {})
  try {
    http.Server.prototype.close.call(server)
  } finally {
    restore()
  }
}

/**
 * Allows a closed server to be closed once more without an error. The application may close it in an old listener of the signal,
 * `server.close((error) => process.exit(error ? 1 : 0))`, or in a hook that ends more than the server, such as `app.teardown()` of
 * Feathers. Node's `close` passes ERR_SERVER_NOT_RUNNING to the callback, so podrain replaces the method of this server.
 * @returns The function that restores it.
 */
export function mayBeClosedAgain(server: net.Server): () => void {
  return replaceMethod(server, 'close', (close) => (callback) => {
    if (typeof callback !== 'function') return close()
    return close((error?: NodeJS.ErrnoException) =>
      callback(error?.code === 'ERR_SERVER_NOT_RUNNING' ? undefined : error),
    )
  })
}
