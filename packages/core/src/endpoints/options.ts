import { defaultCheckTimeout } from '../shared/timing.js'
import { fail, knownKeys, plainObject, positiveDuration } from '../shared/validate.js'
import type { Check } from './checks.js'

/** The path of each control endpoint. `false` turns the endpoint off. */
export interface EndpointPaths {
  /** Is the pod ready to get traffic? Responds with 200 or 503. @default '/readyz' */
  readyz?: string | false
  /** Is the process alive? Always responds with 200. @default '/livez' */
  livez?: string | false
  /** For `lifecycle.preStop.httpGet`. Starts the drain, and responds when the pod may be signalled. @default '/prestop' */
  prestop?: string | false
  /** The status of the drain as JSON (`DrainStatus`), with its times (`DrainTimes`). @default '/drainz' */
  drainz?: string | false
  /**
   * Is the pod idle (200), or busy with requests or tasks (503)? For controllers that choose which pod to remove.
   * @default false; '/busyz' is the usual path
   */
  busyz?: string | false
}

/** The options of the control endpoints. */
export interface EndpointOptions {
  /** The paths. @default `/readyz`, `/livez`, `/prestop` and `/drainz` */
  endpoints?: EndpointPaths
  /** Conditions for being ready, by name. `/readyz` responds with 503 if one of them throws or rejects. @default none */
  checks?: Readonly<Record<string, Check>>
  /**
   * Milliseconds for each check. The time must be shorter than the probe's `timeoutSeconds` (1 s by default). Otherwise the
   * kubelet gives up before the response that names the failed check. @default 800
   */
  checkTimeout?: number
  /**
   * What `/readyz` responds while draining: 503 (`'fail'`), or the result of the checks (`'pass'`). Use `'pass'` for a single
   * replica, `externalTrafficPolicy: Local` or sticky sessions: kube-proxy sends to a terminating pod that still serves if there
   * is no other pod (KEP-1669). @default 'fail'
   */
  readyzWhileDraining?: 'fail' | 'pass'
  /**
   * If set, `/prestop` and `/drainz` require `Authorization: Bearer <token>`. The hook sends the header by `httpHeaders`.
   * With a list, any of the tokens is accepted, so that pods and manifest need not get a new token at the same moment. A token is
   * printable ASCII without white space at its ends, because a header can carry nothing else.
   * @default the environment variable PODRAIN_TOKEN, or none
   */
  token?: string | readonly string[]
}

export const endpointOptionNames: readonly (keyof EndpointOptions)[] = [
  'endpoints',
  'checks',
  'checkTimeout',
  'readyzWhileDraining',
  'token',
]

const usualNames = ['readyz', 'livez', 'prestop', 'drainz'] as const
const endpointNames = [...usualNames, 'busyz'] as const

/** The default paths, without those that are turned off by default. */
export const defaultPaths: ReadonlyMap<string, keyof EndpointPaths> = new Map(
  usualNames.map((name) => [`/${name}`, name]),
)

/** All options, with defaults for those that were not set, and the endpoints by path. */
export interface ResolvedEndpoints
  extends Required<Pick<EndpointOptions, 'checks' | 'checkTimeout' | 'readyzWhileDraining'>> {
  readonly paths: ReadonlyMap<string, keyof EndpointPaths>
  /** Empty if no token is required. */
  readonly tokens: readonly string[]
}

/**
 * Fills in the defaults and checks the options.
 * @throws {TypeError | RangeError} if an option has the wrong type, a path does not begin with `/`, or two endpoints
 * have the same path
 */
export function resolveEndpoints(options: EndpointOptions): ResolvedEndpoints {
  const { endpoints = {}, checks = {}, checkTimeout = defaultCheckTimeout, readyzWhileDraining = 'fail' } = options
  plainObject('endpoints', endpoints)
  knownKeys('endpoint', endpoints, endpointNames)
  plainObject('checks', checks)
  for (const [name, check] of Object.entries(checks)) {
    if (typeof check !== 'function') fail(TypeError, `Expected \`checks.${name}\` to be a function`, check)
  }
  positiveDuration('checkTimeout', checkTimeout)
  if (readyzWhileDraining !== 'fail' && readyzWhileDraining !== 'pass') {
    fail(TypeError, "Expected `readyzWhileDraining` to be 'fail' or 'pass'", readyzWhileDraining)
  }
  const paths = new Map<string, keyof EndpointPaths>()
  for (const name of endpointNames) {
    const path = endpoints[name] ?? (name === 'busyz' ? false : `/${name}`)
    if (path === false) continue
    if (typeof path !== 'string' || !/^\/[^?#]*[^?#/]$/.test(path)) {
      fail(
        TypeError,
        `Expected \`endpoints.${name}\` to be a path that begins with / such as '/${name}', or false`,
        path,
      )
    }
    if (paths.has(path)) fail(TypeError, `Expected \`endpoints.${name}\` to be a path of its own`, path)
    paths.set(path, name)
  }

  return { paths, checks, checkTimeout, readyzWhileDraining, tokens: tokensOf(options.token) }
}

function tokensOf(option: unknown): string[] {
  const [name, token] =
    option === undefined ? ['the environment variable PODRAIN_TOKEN', process.env.PODRAIN_TOKEN] : ['`token`', option]
  if (token === undefined) return []
  const tokens: unknown[] = Array.isArray(token) ? token : [token]
  // An empty token would admit every caller that sends `Authorization: Bearer` with an empty token.
  const given = tokens.filter((each) => typeof each === 'string' && each.trim() !== '') as string[]
  // The errors do not show the value, because it is a secret, and logs contain errors.
  if (tokens.length === 0 || given.length < tokens.length) {
    throw new TypeError(`Expected ${name} to be a string that is not empty, or a list of such (is the variable set?)`)
  }
  for (const each of given) {
    const why = whyNoHeaderHas(each)
    if (why === undefined) continue
    throw new TypeError(
      `Expected ${name} to be a token that a header can carry (Authorization: Bearer <token>), got one that ${why}`,
    )
  }
  return given
}

/**
 * The reason why no header can carry this token. undefined if a header can. The hook would always be refused with such a token,
 * and the kubelet takes the refusal for a success.
 */
function whyNoHeaderHas(token: string): string | undefined {
  if (/[\r\n]$/.test(token))
    return 'ends with a line break: read from a file, it wants `.trim()`; in a Secret, `printf` in place of `echo`'
  if (token.trim() !== token) return 'begins or ends with white space'
  if (/^bearer\s/i.test(token)) return 'begins with `Bearer`: leave that word out'
  if (/[^ -~]/.test(token)) return 'has a character that is not printable ASCII'
  return undefined
}
