import http from 'node:http'
import net from 'node:net'

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
  const own = Object.getOwnPropertyDescriptor(server, 'closeIdleConnections')
  Object.defineProperty(server, 'closeIdleConnections', { value: () => {}, configurable: true })
  try {
    http.Server.prototype.close.call(server)
  } finally {
    if (own) Object.defineProperty(server, 'closeIdleConnections', own)
    else Reflect.deleteProperty(server, 'closeIdleConnections')
  }
}
