import http from 'node:http'
import net from 'node:net'

/**
 * Makes a server accept no more connections, as the `close()` of `net` does. That of `http` also stops the timer by which Node
 * looks for slow clients, and which keeps the server in memory as long as the process lives. But it closes connections that it
 * takes for idle, and takes a response that is ended but not yet sent for idle (nodejs/node#60617). It does that with the
 * server's own `closeIdleConnections()`, which for this moment does nothing. Servers of `http2` have the timer, too, where they
 * speak HTTP/1; their own `close()` would end sessions.
 */
export function unlisten(server: net.Server): void {
  // Under Bun a server of HTTP is none of node:net, and has only its own `close()`.
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

/**
 * Lets a server that is closed be closed once more without an error, as by a listener of the signal that the application has had
 * for years: `server.close((error) => process.exit(error ? 1 : 0))`. On the instance, as the `close` of Node always says it, and
 * for a process that is about to exit, so nothing has to undo it.
 */
export function mayBeClosedAgain(server: net.Server): void {
  const { close } = server
  server.close = function (this: net.Server, callback) {
    if (typeof callback !== 'function') return close.call(this)
    return close.call(this, (error) =>
      callback((error as NodeJS.ErrnoException | undefined)?.code === 'ERR_SERVER_NOT_RUNNING' ? undefined : error),
    )
  } as typeof close
}
