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
import { type DrainOptions, drainOptionNames } from './options.js'
import { resolveOptions } from './resolve-options.js'
import { fail, knownKeys, method, plainObject } from './shared/validate.js'
import { controlOptionNames, refuseUnknownVariables, resolveWithVariables, withVariables } from './variables.js'
import { hasPrimary } from './workers/link.js'

/** The options of every adapter: those of the drain, those of the control endpoints, and these. */
export interface AdapterOptions extends DrainOptions, EndpointOptions {
  /**
   * A drain to share with another application or a queue worker. Its options must not be given then. @default a drain
   * of its own
   */
  drain?: Drain
  /**
   * A TCP port for the control endpoints, in plain HTTP. It answers until the drain is closed. The application's port
   * then has no control endpoints, so point probes and hook to this port.
   * @default none: the control endpoints are on the application's port
   */
  controlPort?: number
  /**
   * The source of `/metrics` on the control port, such as prom-client's `register`. It answers until the drain is
   * closed, so that a scrape sees the drain. Requires `controlPort`.
   * @default none
   */
  metrics?: MetricsSource
  /**
   * A unix socket for `podrain-prestop`, the hook without network: its path, or `true` for /tmp/podrain.sock. Any
   * process that may write to the file may drain, which is the user of this process.
   * @default false
   */
  controlSocket?: string | boolean
}

/** Options that are checked, except for those of a drain, which the drain checks. */
export interface ResolvedAdapterOptions {
  readonly shared: Drain | undefined
  readonly controlPort: number | undefined
  readonly metrics: MetricsSource | undefined
  readonly controlSocket: string | boolean
  readonly drainOptions: DrainOptions
  readonly resolved: ResolvedEndpoints
}

const ownOptionNames = ['drain', 'controlPort', 'metrics', 'controlSocket'] as const

/**
 * Checks options and the environment as every adapter does, and creates nothing. Unlike an adapter it refuses every variable that begins
 * with `PODRAIN_` and is none.
 * @throws {TypeError | RangeError} as every adapter
 */
export function checkOptions(options: AdapterOptions): void {
  refuseUnknownVariables(process.env)
  const { drainOptions } = resolveAdapterOptions(options)
  resolveWithVariables({ logger: false, ...drainOptions } as DrainOptions, drainOptionNames, resolveOptions)
}

/**
 * Checks the options and what the environment adds to them, except for those of a drain, which the drain checks. A worker leaves the
 * control port and socket of the environment to the one that drains it: all of them have the same environment.
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
  knownKeys('option', rest, [...drainOptionNames, ...endpointOptionNames, ...ownOptionNames])
  checkControl(controlPort, controlSocket)
  if (metrics !== undefined) method('metrics', metrics, 'metrics')
  if (metrics !== undefined && controlPort === undefined) {
    throw new TypeError(
      'Option `metrics` is for the control port: set `controlPort`, or serve the metrics in the application',
    )
  }
  if ('token' in rest && rest.token === undefined) {
    // If the variable for the token is not set, the endpoints must not be open to everybody.
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
