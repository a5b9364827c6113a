import type { IncomingMessage, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { Answer } from '../shared/request.js'
import { Admission } from './admission.js'
import { Checks } from './checks.js'
import type { DrainView, Prestop } from './drain-view.js'
import type { EndpointPaths, ResolvedEndpoints } from './options.js'

type Endpoint = (request: IncomingMessage, response: ServerResponse) => void

/** How many callers of `/prestop` may wait at the same time. The kubelet needs one. Further callers get 503 at once. */
const maxWaiting = 8

/**
 * Answers the control endpoints. A trailing slash and a query string are ignored. HEAD is answered like GET, but HEAD
 * `/prestop` gets 405.
 * @param prestop What `/prestop` waits for.
 * @param options.awaitsServer Whether `/readyz` responds with 503 until the drain knows a server.
 */
export function endpoints(
  drain: DrainView,
  options: ResolvedEndpoints & { readonly awaitsServer: boolean },
  prestop: Prestop,
): Answer {
  const { paths, checks, checkTimeout, readyzWhileDraining, tokens, awaitsServer } = options
  const readiness = new Checks(checks, checkTimeout, drain.logger)
  const admission = new Admission(tokens, drain.logger, (refusal) => drain.refused(refusal))
  let waiting = 0

  const answers: Record<keyof EndpointPaths, Endpoint> = {
    readyz(request, response) {
      const { state } = drain
      if (!drain.listening || (awaitsServer && !drain.knowsServer))
        return send(request, response, 503, { ready: false, state, reason: 'not listening' })
      if (state !== 'serving' && readyzWhileDraining === 'fail') {
        return send(request, response, 503, { ready: false, state, reason: state })
      }
      void readiness.run().then((checks) => {
        const passed = Object.values(checks).every((outcome) => outcome === 'ok')
        // A drain may have begun while the checks ran.
        const began = drain.state !== state && readyzWhileDraining === 'fail'
        const ready = passed && !began
        const why = ready ? {} : { reason: began ? drain.state : 'checks' }
        send(request, response, ready ? 200 : 503, { ready, state: drain.state, ...why, checks })
      })
    },
    livez: (request, response) => send(request, response, 200, { live: true, state: drain.state }),
    prestop(request, response) {
      response.shouldKeepAlive = false // otherwise the kubelet keeps the idle socket open
      if (request.method === 'HEAD') return send(request, response, 405, {}, { allow: 'GET' })
      if (waiting >= maxWaiting) return send(request, response, 503, drain.status())
      waiting++
      const gone = new AbortController()
      response.on('close', () => gone.abort())
      void prestop(gone.signal).then(() => {
        waiting--
        send(request, response, 200, drain.status())
      })
    },
    drainz: (request, response) => send(request, response, 200, { ...drain.status(), times: drain.times }),
    busyz(request, response) {
      const busy = drain.inFlight > 0 || drain.status().tasks.length > 0
      send(request, response, busy ? 503 : 200, { busy })
    },
  }

  const places = [...paths].map(([path, name]) => ({ path, name, initial: path.charCodeAt(1) }))
  // Every request passes here, and the first letter rules out nearly all. The loop is by index: with the iterator of
  // `for … of` the function is too long for V8 to inline.
  function find(url: string): keyof EndpointPaths | undefined {
    if (url.length < 2) return undefined // reading beyond the end of '/' is slow in V8
    const initial = url.charCodeAt(1)
    for (let index = 0; index < places.length; index++) {
      const place = places[index] as (typeof places)[number]
      if (place.initial === initial && leadsTo(url, place.path)) return place.name
    }
    return undefined
  }

  return function controlEndpoint(request, response) {
    const name = find(request.url ?? '')
    if (name === undefined || (request.method !== 'GET' && request.method !== 'HEAD')) return false
    // The application responds to a refused caller, as to any unknown path.
    if ((name === 'prestop' || name === 'drainz') && !admission.admits(request, name)) return false
    drain.exclude(request, response)
    answers[name](request, response)
    return true
  }
}

/** Whether the URL is the path, followed by nothing, a slash, a query string, or both. */
function leadsTo(url: string, path: string): boolean {
  if (!url.startsWith(path)) return false
  const end = url[path.length] === '/' ? path.length + 1 : path.length
  return url.length === end || url[end] === '?'
}

function send(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  body: object,
  headers: OutgoingHttpHeaders = {},
): void {
  if (response.destroyed || response.headersSent) return // the caller has disconnected
  const json = `${JSON.stringify(body)}\n`
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(json),
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(request.method === 'HEAD' ? undefined : json)
}
