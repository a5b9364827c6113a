import http from 'node:http'
import net from 'node:net'
import { replaceMethod } from '../shared/replace.js'

/**
 * Stops accepting connections on a server.
 *
 * It calls `close()` of `http.Server`, which also stops the timer that checks for slow clients; that timer would keep
 * the server in memory. But that `close()` also closes idle connections, and takes a response that is ended but not
 * flushed as idle (nodejs/node#60617). So `closeIdleConnections()` of this server does nothing during the call. HTTP/2
 * servers that also speak HTTP/1 have the timer, too; their own `close()` would end sessions.
 */
export function unlisten(server: net.Server): void {
  // Under Bun an HTTP server is not a `net.Server` and has only its own `close()`.
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
 * Lets a server that is closed be closed once more without an error. The application may do so in a listener of the signal that
 * it has had for years, `server.close((error) => process.exit(error ? 1 : 0))`, or in a hook that ends more than the server,
 * such as `app.teardown()` of Feathers. The `close` of Node always says the error, so the one of this server is replaced.
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
