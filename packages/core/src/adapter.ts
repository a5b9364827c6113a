import type { Server } from 'node:net'
import { Drain, type WatchOptions } from './drain.js'
import { defaultSocket, listenForControl, longestPath } from './endpoints/control-listener.js'
import type { Prestop } from './endpoints/drain-view.js'
import { endpoints } from './endpoints/endpoints.js'
import { type MetricsSource, scraper } from './endpoints/metrics.js'
import {
  defaultPaths,
  type EndpointOptions,
  type EndpointPaths,
  endpointOptionNames,
  resolveEndpoints,
} from './endpoints/options.js'
import { type DrainOptions, drainOptionNames } from './options.js'
import type { Logger } from './shared/log.js'
import type { Answer } from './shared/request.js'
import { fail, knownKeys, method, plainObject } from './shared/validate.js'
import { environmentOfProcess } from './workers/environment.js'

/** The options of every adapter: those of the drain and those of the control endpoints. */
export interface AdapterOptions extends DrainOptions, EndpointOptions {
  /** A drain to share with another application or a queue worker, in place of one of its own. */
  drain?: Drain
  /**
   * A TCP port of their own for the control endpoints, in plain HTTP, answered to the very end; the application's port then
   * has none of them. Point probes and hook there.
   * @default none: they are on the application's port
   */
  controlPort?: number
  /**
   * What `/metrics` shows on the control port, as prom-client's `register`; to the very end, so that a scrape sees the drain.
   * @default none
   */
  metrics?: MetricsSource
  /**
   * A unix socket for the hook without network, `podrain-prestop`: the path, or `true` for /tmp/podrain.sock. Whoever may
   * write to the file may drain; that is the user of this process.
   * @default none
   */
  controlSocket?: string | boolean
}

const ownOptionNames = ['drain', 'controlPort', 'metrics', 'controlSocket'] as const

export interface Attachment {
  readonly drain: Drain
  /** Counts the request; answers it, and returns true, if it is for a control endpoint. */
  readonly handle: Answer
  /** What is answered in front of the application, by its path; nothing where there is a control port. */
  readonly paths: ReadonlyMap<string, keyof EndpointPaths>
  /**
   * Watches a server, and answers the control endpoints in front of everything the application does.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server, options?: WatchOptions): void
  /** Closes the control port and socket, which otherwise goes on until the drain is closed. */
  release(): void
}

/**
 * What every adapter is built on.
 * @param server The server to watch, where it is known from the start, and how to close its framework. `false` where none will be
 * found either, as in the primary of a cluster.
 * @throws {TypeError | RangeError} as `Drain` and `controlEndpoints`; also when options of a drain come with a drain
 * @throws {Error} if another drain watches the server
 */
export function attach(options: AdapterOptions = {}, server?: ({ server: Server } & WatchOptions) | false): Attachment {
  plainObject('options', options)
  const { drain: shared, controlPort, metrics, controlSocket = false, ...rest } = options
  knownKeys('option', rest, [...drainOptionNames, ...endpointOptionNames, ...ownOptionNames])
  checkControl(controlPort, controlSocket)
  if (metrics !== undefined) method('metrics', metrics, 'metrics')
  if (metrics !== undefined && controlPort === undefined) {
    throw new TypeError('Option `metrics` is for the control port: set `controlPort`, or serve them in the application')
  }
  if ('token' in rest && rest.token === undefined) {
    // A variable that is not set must not open the door.
    throw new TypeError(
      'Expected `token` to be a string, got `undefined` (is the variable set?): for none, leave it out',
    )
  }
  const [drainOptions, endpointOptions] = split(rest)
  if (shared !== undefined && !(shared instanceof Drain)) {
    throw new TypeError(
      'Expected `drain` to be a Drain from @podrain/core (are there two copies of it in node_modules?)',
    )
  }
  const [extra] = shared ? Object.keys(drainOptions) : []
  if (extra !== undefined) {
    throw new TypeError(`Option \`${extra}\` came together with \`drain\`: give it to the Drain that you pass`)
  }
  const resolved = resolveEndpoints(endpointOptions) // before the Drain, which takes the signals over
  const drain = shared ?? new Drain(drainOptions)
  const answerControl = endpoints(drain, resolved, prestopOf(drain))
  const answer: Answer = controlPort === undefined ? answerControl : () => false
  const servers = new Set<Server>()
  const checkListeners = (server: Server): void => {
    // A turn later: in the callback of `listen()` an application may add its listeners.
    setImmediate(() => {
      if (drain.state !== 'closed' && ![...servers].some(isAsked))
        warnOfUnasked(server, resolved.paths.keys(), drain.logger)
    })
  }
  const watch: Attachment['watch'] = (server, options) => {
    drain.watch(server, { ...options, answer })
    if (controlPort !== undefined || resolved.paths.size === 0 || servers.has(server)) return
    servers.add(server)
    if (server.listening) checkListeners(server)
    else server.once('listening', () => checkListeners(server))
  }
  if (server) {
    try {
      watch(server.server, server)
    } catch (error) {
      if (!shared) void drain.dispose() // or it would keep the signals
      throw error
    }
  }
  if (server === undefined) {
    drain.on('state', (state) => {
      if (state === 'closing' && !drain.knowsServer) drain.logger.info(noServer)
    })
  }
  const releases: (() => void)[] = []
  if (controlPort !== undefined) {
    const scrape: Answer = metrics === undefined ? () => false : scraper(metrics, drain.logger)
    const onPort: Answer = (...exchange) => answerControl(...exchange) || scrape(...exchange)
    releases.push(listenForControl(drain, onPort, { port: controlPort }))
  }
  if (controlSocket !== false) {
    // Behind a file nobody needs a token, and the hook knows no other paths.
    const handle = endpoints(drain, { ...resolved, paths: defaultPaths, tokens: [] }, prestopOf(drain))
    releases.push(listenForControl(drain, handle, { path: controlSocket === true ? defaultSocket : controlSocket }))
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
        // A middleware may be mounted under a path; what is given a server is not, and has declined the request there.
        if (drain.track(request, response, server ? answer : undefined) && server) return false
      } catch (error) {
        // Mounted twice. The first one does all the work, so users lose nothing; whoever reads the log learns of it.
        if (!warned) drain.logger.error((error as Error).message)
        warned = true
        return false
      }
      return answer(request, response)
    },
  }
}

/**
 * The control endpoints. A trailing slash and a query string are ignored; HEAD is answered like GET, but never drains.
 * @throws {TypeError | RangeError} an option of the wrong type, a path without a leading `/`, two endpoints on one path
 */
export function controlEndpoints(drain: Drain, options: EndpointOptions = {}): Answer {
  return endpoints(drain, resolveEndpoints(options), prestopOf(drain))
}

/** A middleware learns of its server from the first request. Nobody may have sent one, as when a pod ends while it starts. */
const noServer =
  'no request has reached the middleware, so it knows no server to close: the exit cuts whoever is connected ' +
  '(give it the server, `watch(server)`, and it knows it from the start)'

/** What `/prestop` waits for: where there are other workers, all of them drain. */
function prestopOf(drain: Drain): Prestop {
  return environmentOfProcess().join(drain) ?? ((gone) => drain.prestop({ gone }))
}

/** Whether the server hands requests to anybody, and so to the control endpoints, which stand in front of them. */
function isAsked(server: Server): boolean {
  return server.listenerCount('request') > 0
}

/** Where nobody listens for requests, a hook gets no answer, or one of the application's, which the kubelet takes for success. */
function warnOfUnasked(server: Server, paths: Iterable<string>, logger: Logger): void {
  const address = server.address()
  const name = typeof address === 'object' && address ? `The server on port ${address.port}` : 'The server'
  logger.warn(
    `${name} has no listener for "request" (one that serves HTTP/2 by "stream" has none), so the control endpoints are not ` +
      `answered on it (${[...paths].join(', ')}): set \`controlPort\`, and point probes and hook there`,
  )
}

function checkControl(port: unknown, socket: unknown): void {
  if (port !== undefined && !(Number.isInteger(port) && (port as number) >= 0 && (port as number) < 65_536)) {
    fail(RangeError, 'Expected `controlPort` to be a TCP port, 0 to 65535', port)
  }
  if (typeof socket === 'boolean') return
  const isPath = typeof socket === 'string' && socket !== '' && !socket.includes('\0')
  if (!isPath || Buffer.byteLength(socket) > longestPath) {
    fail(
      TypeError,
      `Expected \`controlSocket\` to be the path of a unix socket, of at most ${longestPath} bytes, or true`,
      socket,
    )
  }
}

function split(options: DrainOptions & EndpointOptions): [DrainOptions, EndpointOptions] {
  const isEndpointOption = (name: string): boolean => (endpointOptionNames as readonly string[]).includes(name)
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return [
    Object.fromEntries(given.filter(([name]) => !isEndpointOption(name))),
    Object.fromEntries(given.filter(([name]) => isEndpointOption(name))),
  ]
}
