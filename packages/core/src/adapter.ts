import type { Server } from 'node:net'
import { type AdapterOptions, resolveAdapterOptions } from './adapter-options.js'
import { Drain } from './drain.js'
import { defaultSocket, isControlServer, listenForControl } from './endpoints/control-listener.js'
import type { Prestop } from './endpoints/drain-view.js'
import { endpoints } from './endpoints/endpoints.js'
import { scraper } from './endpoints/metrics.js'
import { defaultPaths, type EndpointOptions, type EndpointPaths, resolveEndpoints } from './endpoints/options.js'
import type { DrainOptions, WatchOptions } from './options.js'
import type { Logger } from './shared/log.js'
import type { Answer } from './shared/request.js'
import { sourceOf, withVariables } from './variables.js'
import { environmentOfProcess } from './workers/environment.js'

/** What an adapter gets from `attach()`. */
export interface Attachment {
  readonly drain: Drain
  /** Counts a request. Answers the request and returns true if it is a control request. Otherwise returns false. */
  readonly handle: Answer
  /** The control endpoints on the application's port, by path. Empty if there is a control port. */
  readonly paths: ReadonlyMap<string, keyof EndpointPaths>
  /**
   * Watches a server, and answers the control endpoints in front of the application's listeners.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server, options?: WatchOptions): void
  /** Closes the control port and socket now. Without this call they close with the drain. */
  release(): void
}

function loggingTo(logger: Logger | undefined, options: DrainOptions): DrainOptions {
  return logger === undefined || withVariables(options, ['logger']).logger !== undefined
    ? options
    : { ...options, logger }
}

/**
 * Creates a drain with its control endpoints. Every adapter calls this function.
 * @param server The server to watch, and how to close its framework. `undefined` if the first request will show the server.
 * `false` if there will be no server, as in the primary of a cluster.
 * @param logger The framework's logger. The drain uses it if neither the options nor the environment set a logger.
 * @throws {TypeError | RangeError} for the same reasons as `Drain` and `controlEndpoints`, and if options of a drain are given
 * together with `drain`
 * @throws {Error} if another drain watches the server
 */
export function attach(
  options: AdapterOptions = {},
  server?: ({ server: Server } & WatchOptions) | false,
  logger?: Logger,
): Attachment {
  const { shared, controlPort, metrics, controlSocket, drainOptions, resolved } = resolveAdapterOptions(options)
  const drain = shared ?? new Drain(loggingTo(logger, drainOptions))
  const answerControl = endpoints(drain, resolved, prestopOf(drain))
  const answer: Answer = controlPort === undefined ? answerControl : () => false
  const servers = new Set<Server>()
  const checkListeners = (server: Server): void => {
    // In a later turn, because the application may add its listeners in the callback of `listen()`.
    setImmediate(() => {
      if (drain.state !== 'closed' && ![...servers].some(hasRequestListener))
        warnOfNoListener(server, resolved.paths.keys(), drain.logger)
    })
  }
  const watch: Attachment['watch'] = (server, options = {}) => {
    const { onRelease } = options
    const gone = (): void => {
      servers.delete(server)
      onRelease?.()
    }
    drain.watch(server, { ...options, answer, ...(onRelease && { onRelease: gone }) })
    if (controlPort !== undefined || resolved.paths.size === 0 || servers.has(server)) return
    servers.add(server)
    if (server.listening) checkListeners(server)
    else server.once('listening', () => checkListeners(server))
  }
  if (server) {
    try {
      watch(server.server, server)
    } catch (error) {
      if (!shared) void drain.dispose() // otherwise the drain would stay registered for signals
      throw error
    }
  }
  if (server === undefined) drain.expectServer(isControlServer)
  const releases: (() => void)[] = []
  if (controlPort !== undefined) {
    const scrape = metrics && scraper(metrics, drain.logger)
    const onPort: Answer = scrape ? (...exchange) => answerControl(...exchange) || scrape(...exchange) : answerControl
    releases.push(listenForControl(drain, onPort, { port: controlPort }, sourceOf(options, 'controlPort')))
  }
  if (controlSocket !== false) {
    // File permissions replace the token, and `podrain-prestop` asks for the default path.
    const handle = endpoints(drain, { ...resolved, paths: defaultPaths, tokens: [] }, prestopOf(drain))
    const path = controlSocket === true ? defaultSocket : controlSocket
    releases.push(listenForControl(drain, handle, { path }, sourceOf(options, 'controlSocket')))
  }
  let warned = false
  return {
    drain,
    watch,
    paths: controlPort === undefined ? resolved.paths : new Map(),
    release() {
      for (const release of releases) release()
    },
    handle(request, response) {
      try {
        // A watched server has answered its control requests already. But a middleware that is mounted under a path gets the
        // control requests of that path here.
        if (drain.track(request, response, server ? answer : undefined) && server) return false
      } catch (error) {
        // The middleware is mounted twice. The first one does the work, so no request is lost. The log names the mistake.
        if (!warned) drain.logger.error((error as Error).message)
        warned = true
        return false
      }
      return answer(request, response)
    },
  }
}

/**
 * Returns a function that answers the control endpoints of a drain, for a framework without an adapter. A trailing slash and a
 * query string are ignored. A HEAD request gets the headers of a GET, but HEAD `/prestop` gets 405 and starts no drain.
 * @throws {TypeError | RangeError} if an option has the wrong type, a path does not begin with `/`, or two endpoints
 * have the same path
 */
export function controlEndpoints(drain: Drain, options: EndpointOptions = {}): Answer {
  return endpoints(drain, resolveEndpoints(options), prestopOf(drain))
}

/** What `/prestop` waits for: the drain of this process, or of all workers of the pod. */
function prestopOf(drain: Drain): Prestop {
  return environmentOfProcess().join(drain) ?? ((gone) => drain.prestop({ signal: gone }))
}

/** Whether the server has listeners for requests. Without such a listener, podrain does not see requests either. */
function hasRequestListener(server: Server): boolean {
  return server.listenerCount('request') > 0
}

/**
 * Warns of a server without listeners for requests: its control endpoints do not answer. The kubelet does not show the mistake,
 * because it takes a response of any status to the preStop hook for a success.
 */
function warnOfNoListener(server: Server, paths: Iterable<string>, logger: Logger): void {
  const address = server.address()
  const name = typeof address === 'object' && address ? `The server on port ${address.port}` : 'The server'
  logger.warn(
    `${name} has no listener for "request" (one that serves HTTP/2 by "stream" has none), so the control endpoints are not ` +
      `answered on it (${[...paths].join(', ')}): set \`controlPort\`, and point probes and hook there`,
  )
}
