import { subscribe } from 'node:diagnostics_channel'
import type { Server } from 'node:net'
import { isMainThread } from 'node:worker_threads'
import { core, OwnDrain } from './own-drain.js'
import { followCluster, followThreads } from './workers.js'

const switchName = 'PODRAIN_AUTO'

/** All copies of the package share this key. A thread has its own process object, so the preload is installed in each thread. */
const key = Symbol.for('podrain.auto')
const holder = process as { [key]?: true }

if (!holder[key]) {
  holder[key] = true
  install()
}

/**
 * Begins to drain every HTTP server of this process. Until a server listens, this costs one subscription and two listeners for rare
 * events of the process.
 */
function install(): void {
  if (isOff()) return
  // A wrong variable throws here, before the application starts.
  if (Object.keys(process.env).some((name) => name.startsWith('PODRAIN_') && name !== switchName))
    core().checkOptions({})
  const own = new OwnDrain()
  // Node publishes this message before the server accepts its first connection.
  subscribe('tracing:net.server.listen:asyncStart', (message) => {
    const { server } = message as { server: Server }
    if (isHttp(server)) own.watch(server)
  })
  if (!isMainThread) return
  followThreads(own)
  followCluster()
}

/**
 * Whether PODRAIN_AUTO turns the preload off.
 * @throws {TypeError} if the variable is not true, false, 1 or 0
 */
function isOff(): boolean {
  const { [switchName]: value = 'true' } = process.env
  if (['false', '0'].includes(value)) return true
  if (['true', '1'].includes(value)) return false
  throw new TypeError(`Expected ${switchName} to be true or false, got \`${value}\``)
}

/**
 * Whether a server is one of node:http, node:https or node:http2. It is recognised by documented properties that servers of node:net
 * and node:tls lack, and not by its class: the classes of node:http2 are not exported, and a process that serves no HTTP should not load
 * these modules.
 */
function isHttp(server: Server): boolean {
  return 'headersTimeout' in server || 'updateSettings' in server
}
