import { isMainThread } from 'node:worker_threads'
import { Drain } from './drain.js'
import { longestPath } from './endpoints/control-listener.js'
import type { MetricsSource } from './endpoints/metrics.js'
import {
  type EndpointOptions,
  endpointOptionNames,
  type ResolvedEndpoints,
  resolveEndpoints,
} from './endpoints/options.js'
import { adapterOptionNames, type DrainOptions, drainOptionNames } from './options.js'
import { resolveOptions } from './resolve-options.js'
import { fail, knownKeys, method, plainObject } from './shared/validate.js'
import { controlOptionNames, refuseUnknownVariables, resolveWithVariables, withVariables } from './variables.js'
import { hasPrimary } from './workers/link.js'

/** The options of every adapter: those of the drain, those of the control endpoints, and these. */
export interface AdapterOptions extends DrainOptions, EndpointOptions {
  /**
   * A drain to share with another application or a queue worker. The options of the drain are then set on that drain, and are
   * refused here. @default a new drain
   */
  drain?: Drain
  /**
   * A TCP port (0 to 65535) for the control endpoints, in plain HTTP. The port answers until the drain is closed. The
   * application's port then has no control endpoints, so probes and hook must use this port.
   * @default none: the control endpoints are on the application's port
   */
  controlPort?: number
  /**
   * The source of `/metrics` on the control port, such as prom-client's `register`. The control port answers until the
   * drain is closed, so a scrape sees the drain. Requires `controlPort`.
   * @default none
   */
  metrics?: MetricsSource
  /**
   * A unix socket for `podrain-prestop`, the hook without network: the path (at most 90 bytes), or `true` for
   * /tmp/podrain.sock. A process may start the drain if it may write to the socket file. podrain gives that permission only
   * to the user of this process.
   * @default false
   */
  controlSocket?: string | boolean
}

/** Checked options. The drain itself checks `drainOptions`. */
export interface ResolvedAdapterOptions {
  readonly shared: Drain | undefined
  readonly controlPort: number | undefined
  readonly metrics: MetricsSource | undefined
  readonly controlSocket: string | boolean
  readonly drainOptions: DrainOptions
  readonly resolved: ResolvedEndpoints
}

/**
 * Checks options and environment variables as every adapter does, but creates no drain. Unlike an adapter, it also refuses every
 * variable that begins with `PODRAIN_` and is not a variable of podrain.
 * @throws {TypeError | RangeError} if an option or a variable is unknown, has the wrong type or is out of range, or if the times
 * do not fit into the grace period
 */
export function checkOptions(options: AdapterOptions): void {
  refuseUnknownVariables(process.env)
  const { drainOptions } = resolveAdapterOptions(options)
  resolveWithVariables({ logger: false, ...drainOptions } as DrainOptions, drainOptionNames, resolveOptions)
}

/**
 * Checks the options together with the environment variables. The drain itself checks its own options. A worker ignores the
 * variables for the control port and socket: workers and primary have the same environment, and only the primary may listen there.
 */
export function resolveAdapterOptions(options: AdapterOptions): ResolvedAdapterOptions {
  plainObject('options', options)
  if (!isLed()) return resolveWithVariables(options, controlOptionNames, resolveCompleted)
  const isElsewhere =
    options.controlPort === undefined && withVariables(options, ['controlPort']).controlPort !== undefined
  const own = isElsewhere ? { ...options, endpoints: noEndpoints } : options
  return resolveWithVariables(own, endpointOptionNames, resolveCompleted)
}

/** Whether a primary, or the main thread, drains this worker. */
function isLed(): boolean {
  return !isMainThread || hasPrimary()
}

const noEndpoints = { readyz: false, livez: false, prestop: false, drainz: false, busyz: false } as const

function resolveCompleted(options: AdapterOptions): ResolvedAdapterOptions {
  const { drain: shared, controlPort, metrics, controlSocket = false, ...rest } = options
  knownKeys('option', rest, [...drainOptionNames, ...endpointOptionNames, ...adapterOptionNames])
  checkControl(controlPort, controlSocket)
  if (metrics !== undefined) method('metrics', metrics, 'metrics')
  if (metrics !== undefined && controlPort === undefined) {
    throw new TypeError(
      'Option `metrics` is for the control port: set `controlPort`, or serve the metrics in the application',
    )
  }
  if ('token' in rest && rest.token === undefined) {
    // `token: process.env.TOKEN` without the variable must not open the endpoints to everybody.
    throw new TypeError(
      'Expected `token` to be a string, got `undefined` (is the variable set?): for no token, leave the option out',
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
  return { shared, controlPort, metrics, controlSocket, drainOptions, resolved: resolveEndpoints(endpointOptions) }
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
