import { defaultCheckTimeout } from '../shared/timing.js'
import { duration, fail, knownKeys, plainObject } from '../shared/validate.js'
import type { Check } from './checks.js'

/** The path of each control endpoint; `false` turns one off. */
export interface EndpointPaths {
  /** Ready to get traffic? @default '/readyz' */
  readyz?: string | false
  /** Alive? Never fails because of a drain. @default '/livez' */
  livez?: string | false
  /** For `lifecycle.preStop.httpGet`: answers when the pod may be signalled. @default '/prestop' */
  prestop?: string | false
  /** What there is still to wait for, as JSON. @default '/drainz' */
  drainz?: string | false
  /** Idle, or busy with requests or tasks? For controllers that choose which pod may go. @default false, try '/busyz' */
  busyz?: string | false
}

export interface EndpointOptions {
  endpoints?: EndpointPaths
  /** Conditions for being ready, by name. Each throws or rejects when it is not met. */
  checks?: Readonly<Record<string, Check>>
  /** Milliseconds for each check. Shorter than the probe's `timeoutSeconds`, or the kubelet never sees which failed. @default 800 */
  checkTimeout?: number
  /**
   * What `/readyz` says while draining. `'pass'` for a single replica, `externalTrafficPolicy: Local` or sticky sessions:
   * Kubernetes sends to a terminating pod that is ready if there is no other (KEP-1669). @default 'fail'
   */
  readyzWhileDraining?: 'fail' | 'pass'
  /**
   * If set, `/prestop` and `/drainz` want `Authorization: Bearer <token>`, from the hook's `httpHeaders`. Of a list any will
   * do, so that a token can be changed without a moment in which pods and manifest disagree. Printable ASCII, without blanks at
   * its ends: no header carries anything else.
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

/** Where they are unless told otherwise. */
export const defaultPaths: ReadonlyMap<string, keyof EndpointPaths> = new Map(
  usualNames.map((name) => [`/${name}`, name]),
)

/** Every option with its value, and the way from a path to its endpoint. */
export interface ResolvedEndpoints
  extends Required<Pick<EndpointOptions, 'checks' | 'checkTimeout' | 'readyzWhileDraining'>> {
  readonly paths: ReadonlyMap<string, keyof EndpointPaths>
  /** Empty if none is wanted. */
  readonly tokens: readonly string[]
}

/**
 * Fills in the defaults and checks the options.
 * @throws {TypeError | RangeError} an option of the wrong type, a path without a leading `/`, two endpoints on one path
 */
export function resolveEndpoints(options: EndpointOptions): ResolvedEndpoints {
  const { endpoints = {}, checks = {}, checkTimeout = defaultCheckTimeout, readyzWhileDraining = 'fail' } = options
  plainObject('endpoints', endpoints)
  knownKeys('endpoint', endpoints, endpointNames)
  plainObject('checks', checks)
  for (const [name, check] of Object.entries(checks)) {
    if (typeof check !== 'function') fail(TypeError, `Expected \`checks.${name}\` to be a function`, check)
  }
  duration('checkTimeout', checkTimeout)
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
  // An empty one would be let in, by everybody who sends an empty one.
  const given = tokens.filter((each) => typeof each === 'string' && each.trim() !== '') as string[]
  // Neither error shows the value: it is a secret, and this ends in a log.
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

/** Why no request can have this token: a hook with it would be refused, which looks like a success to the kubelet. */
function whyNoHeaderHas(token: string): string | undefined {
  if (/[\r\n]$/.test(token))
    return 'ends with a line break: read from a file, it wants `.trim()`; in a Secret, `printf` in place of `echo`'
  if (token.trim() !== token) return 'begins or ends with white space'
  if (/^bearer\s/i.test(token)) return 'begins with `Bearer`: leave that word out'
  if (/[^ -~]/.test(token)) return 'has a character that is not printable ASCII'
  return undefined
}
