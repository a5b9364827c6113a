import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { core, OwnDrain } from './own-drain.js'
import { followCluster, followThreads } from './workers.js'

const switchName = 'PODRAIN_AUTO'

/** Shared by all copies of the package. A thread has a process object of its own, and installs its own. */
const key = Symbol.for('podrain.auto')
const holder = process as { [key]?: true }

if (!holder[key]) {
  holder[key] = true
  install()
}

/**
 * From now on every HTTP server of this process is drained. Until one listens, this costs a subscription and two
 * listeners for rare events of the process.
 */
function install(): void {
  if (isOff()) return
  // A wrong variable ends the process before it begins.
  if (Object.keys(process.env).some((name) => name.startsWith('PODRAIN_') && name !== switchName))
    core().checkOptions({})
  const own = new OwnDrain()
  // Node publishes it before the server accepts its first connection.
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: Server }
    if (isHttp(server)) own.watch(server)
  })
  if (!isMainThread) return
  followThreads(own)
  followCluster()
}

/** @throws {TypeError} if the variable is neither true nor false */
function isOff(): boolean {
  const { [switchName]: value = 'true' } = process.env
  if (['false', '0'].includes(value)) return true
  if (['true', '1'].includes(value)) return false
  throw new TypeError(`Expected ${switchName} to be true or false, got \`${value}\``)
}

/**
 * Whether a server is one of node:http, node:https or node:http2, by documented properties that servers of node:net and
 * node:tls lack. The classes would not do: those of node:http2 are not exported, and a process that serves no HTTP
 * should load neither module.
 */
function isHttp(server: Server): boolean {
  return 'headersTimeout' in server || 'updateSettings' in server
}
