import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { Admission } from './admission.js'
import { type Check, Checks } from './checks.js'
import type { Drain } from './drain.js'
import { routeOf } from './request.js'
import { duration, fail, knownKeys, plainObject } from './validate.js'

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
  /** If set, `/prestop` and `/drainz` want `Authorization: Bearer <token>`, from the hook's `httpHeaders`. */
  token?: string
}

export const endpointOptionNames: readonly (keyof EndpointOptions)[] = [
  'endpoints',
  'checks',
  'checkTimeout',
  'readyzWhileDraining',
  'token',
]

const endpointNames = ['readyz', 'livez', 'prestop', 'drainz'] as const

/** Answers the request and says so, or leaves it to the application. */
export type Handler = (request: IncomingMessage, response: ServerResponse) => boolean

type Answer = (request: IncomingMessage, response: ServerResponse) => void

/** As many callers of `/prestop` may wait; the kubelet needs one. Others are answered at once. */
const maxWaiting = 8

/**
 * The control endpoints. A trailing slash and a query string are ignored; HEAD is answered like GET, but never drains.
 * @throws {TypeError | RangeError} an option of the wrong type, a path without a leading `/`, two endpoints on one path
 */
export function controlEndpoints(drain: Drain, options: EndpointOptions = {}): Handler {
  const { endpoints = {}, checks = {}, checkTimeout = 800, readyzWhileDraining = 'fail', token } = options
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
  if (token !== undefined && (typeof token !== 'string' || token === '')) {
    fail(TypeError, 'Expected `token` to be a string that is not empty (is the environment variable set?)', token)
  }
  const readiness = new Checks(checks, checkTimeout, drain.logger)
  const admission = new Admission(token, drain.logger)
  let waiting = 0

  const answers: Record<keyof EndpointPaths, Answer> = {
    readyz(request, response) {
      const { state } = drain
      if (!drain.listening) return send(request, response, 503, { ready: false, state, reason: 'not listening' })
      if (state !== 'serving' && readyzWhileDraining === 'fail') {
        return send(request, response, 503, { ready: false, state, reason: state })
      }
      void readiness.run().then((outcomes) => {
        const ready = Object.values(outcomes).every((outcome) => outcome === 'ok')
        const why = ready ? {} : { reason: 'checks' }
        send(request, response, ready ? 200 : 503, { ready, state, ...why, checks: outcomes })
      })
    },
    livez: (request, response) => send(request, response, 200, { live: true, state: drain.state }),
    prestop(request, response) {
      response.shouldKeepAlive = false // or the kubelet keeps the socket open and idle
      if (request.method === 'HEAD') return send(request, response, 405, {}, { allow: 'GET' })
      const done = (): void => send(request, response, 200, drain.status())
      if (waiting >= maxWaiting) return done()
      waiting++
      const gone = new AbortController()
      response.on('close', () => gone.abort())
      void drain.prestop(gone.signal).then(() => {
        waiting--
        done()
      })
    },
    drainz: (request, response) => send(request, response, 200, drain.status()),
  }

  const paths = new Map<string, keyof EndpointPaths>()
  for (const name of endpointNames) {
    const path = endpoints[name] ?? `/${name}`
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

  return function controlEndpoint(request, response) {
    const route = routeOf(request)
    const name = paths.get(route.endsWith('/') ? route.slice(0, -1) : route)
    if (name === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false
    // A refused caller gets what the application says to any path it does not know.
    if ((name === 'prestop' || name === 'drainz') && !admission.admits(request)) return false
    drain.exclude(request, response)
    answers[name](request, response)
    return true
  }
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  if (response.destroyed || response.headersSent) return // the caller has hung up
  const json = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : json)
}
