import type { Server } from 'node:net'
import { Drain, type WatchOptions } from './drain.js'
import { type EndpointOptions, endpointOptionNames, resolveEndpoints } from './endpoint-options.js'
import { controlEndpoints, type Handler } from './endpoints.js'
import { type DrainOptions, drainOptionNames } from './options.js'
import { knownKeys, plainObject } from './validate.js'

/** The options of every adapter: those of the drain and those of the control endpoints. */
export interface AdapterOptions extends DrainOptions, EndpointOptions {
  /** A drain to share with another application or a queue worker, in place of one of its own. */
  drain?: Drain
}

export interface Attachment {
  readonly drain: Drain
  /** Counts the request; answers it, and returns true, if it is for a control endpoint. */
  readonly handle: Handler
  /**
   * Watches a server, and answers the control endpoints in front of everything the application does.
   * @throws {Error} if another drain watches the server
   */
  watch(server: Server, options?: WatchOptions): void
}

/**
 * What every adapter is built on.
 * @param server The server to watch, where it is known from the start, and how to close its framework.
 * @throws {TypeError | RangeError} as `Drain` and `controlEndpoints`; also when options of a drain come with a drain
 * @throws {Error} if another drain watches the server
 */
export function attach(options: AdapterOptions = {}, server?: { server: Server } & WatchOptions): Attachment {
  plainObject('options', options)
  const { drain: shared, ...rest } = options
  knownKeys('option', rest, [...drainOptionNames, ...endpointOptionNames, 'drain'])
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
  resolveEndpoints(endpointOptions) // before the Drain, which takes the signals over
  const drain = shared ?? new Drain(drainOptions)
  const answer = controlEndpoints(drain, endpointOptions)
  const watch: Attachment['watch'] = (server, options) => void drain.watch(server, { ...options, answer })
  if (server) {
    try {
      watch(server.server, server)
    } catch (error) {
      if (!shared) void drain.dispose() // or it would keep the signals
      throw error
    }
  }
  let warned = false
  return {
    drain,
    watch,
    handle(request, response) {
      try {
        // A middleware may be mounted under a path; what is given a server is not.
        drain.track(request, response, server && answer)
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

function split(options: DrainOptions & EndpointOptions): [DrainOptions, EndpointOptions] {
  const isEndpointOption = (name: string): boolean => (endpointOptionNames as readonly string[]).includes(name)
  const given = Object.entries(options).filter(([, value]) => value !== undefined)
  return [
    Object.fromEntries(given.filter(([name]) => !isEndpointOption(name))),
    Object.fromEntries(given.filter(([name]) => isEndpointOption(name))),
  ]
}
