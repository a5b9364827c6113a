import type { Server } from 'node:net'
import { type AdapterOptions, resolveAdapterOptions } from './adapter-options.js'
import { Drain } from './drain.js'
import { defaultSocket, type Holder, isControlServer, listenForControl } from './endpoints/control-listener.js'
import type { Prestop } from './endpoints/drain-view.js'
import { endpoints } from './endpoints/endpoints.js'
import { scraper } from './endpoints/metrics.js'
import { defaultPaths, type EndpointOptions, type EndpointPaths, endpointOptionNames } from './endpoints/options.js'
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
  /** Answers a control request, and counts nothing. Returns false on the application's port if there is a control port. */
  readonly answer: Answer
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
 * `'later'` if `watch()` will pass the server: until then, `/readyz` on a control port or socket responds with 503. `false` if there
 * will be no server, as in the primary of a cluster. `'stand-in'` for a preload: as `false`, and every other adapter on the same
 * control port or socket is asked in place of this one.
 * @param logger The framework's logger. The drain uses it if neither the options nor the environment set a logger.
 * @throws {TypeError | RangeError} for the same reasons as `Drain` and `controlEndpoints`, and if options of a drain are given
 * together with `drain`, or if two adapters of one drain share a control port and have different tokens
 * @throws {Error} if another drain watches the server
 */
export function attach(
  options: AdapterOptions = {},
  server?: ({ server: Server } & WatchOptions) | 'later' | 'stand-in' | false,
  logger?: Logger,
): Attachment {
  const { shared, controlPort, metrics, controlSocket, drainOptions, resolved } = resolveAdapterOptions(options)
  const drain = shared ?? new Drain(loggingTo(logger, drainOptions))
  const awaitsServer = server === 'later'
  const answerControl = endpoints(drain, { ...resolved, awaitsServer }, prestopOf(drain))
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
  const releases: (() => void)[] = []
  const release = (): void => {
    for (const leave of releases) leave()
  }
  const hold = (
    place: { port: number } | { path: string },
    option: 'controlPort' | 'controlSocket',
    rest: Asked,
  ): void => {
    const setBy = sourceOf(options, option)
    releases.push(listenForControl(place, { drain, setBy, standsIn: server === 'stand-in', ...rest }))
  }
  try {
    if (controlPort !== undefined) {
      const scrape = metrics && scraper(metrics, drain.logger)
      const onPort: Answer = scrape ? (...exchange) => answerControl(...exchange) || scrape(...exchange) : answerControl
      const settings = settingsOf(options, [...endpointOptionNames.filter((name) => name !== 'token'), 'metrics'])
      const opened = server === undefined ? () => warnOfNoServer(drain) : undefined
      hold({ port: controlPort }, 'controlPort', { answer: onPort, tokens: resolved.tokens, settings, opened })
    }
    if (controlSocket !== false) {
      // File permissions replace the token, and `podrain-prestop` asks for the default path.
      const onSocket = { ...resolved, awaitsServer, paths: defaultPaths, tokens: [] }
      const settings = settingsOf(options, ['checks', 'checkTimeout', 'readyzWhileDraining'])
      const path = controlSocket === true ? defaultSocket : controlSocket
      hold({ path }, 'controlSocket', { answer: endpoints(drain, onSocket, prestopOf(drain)), tokens: [], settings })
    }
    if (typeof server === 'object') watch(server.server, server)
  } catch (error) {
    release()
    if (!shared) void drain.dispose() // otherwise the drain would stay registered for signals
    throw error
  }
  if (server === undefined) drain.expectServer(isControlServer)
  const isWatched = typeof server === 'object'
  let warned = false
  return {
    drain,
    answer,
    watch,
    paths: controlPort === undefined ? resolved.paths : new Map(),
    release,
    handle(request, response) {
      try {
        // A watched server has answered its control requests already. But a middleware that is mounted under a path gets the
        // control requests of that path here.
        if (drain.track(request, response, isWatched ? answer : undefined) && isWatched) return false
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

/** What differs between the control port and the control socket. */
type Asked = Pick<Holder, 'answer' | 'tokens' | 'settings' | 'opened'>

/** The options with these names that the code has set. */
function settingsOf(options: AdapterOptions, names: readonly (keyof AdapterOptions)[]): Record<string, unknown> {
  return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]))
}

/**
 * Returns a function that answers the control endpoints of a drain, for a framework without an adapter. A trailing slash and a
 * query string are ignored. A HEAD request gets the headers of a GET, but HEAD `/prestop` gets 405 and starts no drain. The
 * environment variables of the control endpoints count as for an adapter: with PODRAIN_CONTROL_PORT, podrain answers on that port,
 * and the function answers nothing.
 * @throws {TypeError | RangeError} if an option or a variable has the wrong type, a path does not begin with `/`, two endpoints
 * have the same path, or two adapters of the drain share a control port and have different tokens
 */
export function controlEndpoints(drain: Drain, options: EndpointOptions = {}): Answer {
  return attach({ ...options, drain }, false).answer
}

/** Warns of a control port that is open while a middleware knows no server. */
function warnOfNoServer(drain: Drain): void {
  if (drain.knowsServer) return
  drain.logger.warn(
    'the middleware learns its server from the first request, so /readyz on the control port is 200 before the application ' +
      'listens: pass the server at the start, `watch(server)`',
  )
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
