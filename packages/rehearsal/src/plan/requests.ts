import { type Ask, plain } from '../load/ask.js'
import { type ClientKind, eachKind, kinds, pathNames } from '../load/kinds.js'
import { integer, number, path, record, refuse, strings, text } from '../shared/checks.js'
import type { GrpcCall, PlannedRequest, RehearsalOptions, RequestPaths, RequestPlan, RequestSpec } from './options.js'

/** The requests of each kind of client; empty for a kind without a path. */
export function asksOf(requests: RehearsalOptions['requests'] = { get: '/' }): Record<ClientKind, readonly Ask[]> {
  const paths = pathsOf(requests)
  return eachKind((kind) => {
    const { path: name, method } = kinds[kind]
    const path = paths[name]
    if (path !== undefined) return [name === 'grpc' ? callOf(path, paths.grpcCall) : plain(path, method)]
    return name === 'get' ? (paths.mix ?? []).map(askOf) : []
  })
}

function callOf(method: string, { message = '', metadata = {} }: GrpcCall = {}): Ask {
  return { ...plain(method, 'POST'), headers: { ...metadata }, body: Buffer.from(message, 'base64') }
}

function askOf({ method = 'GET', path, headers, body, weight = 1, status }: RequestSpec): Ask {
  return {
    method,
    path,
    headers: { ...headers },
    body,
    weight,
    status: status === undefined ? undefined : [status].flat(),
  }
}

/**
 * Checks the option `requests`, fills in its defaults, and leaves out values that may be secrets.
 * @throws TypeError or RangeError that names the option, the value and what was expected.
 */
export function planRequests(requests: RehearsalOptions['requests'] = { get: '/' }): RequestPlan {
  const paths = record('requests', pathsOf(requests), [...pathNames, 'mix', 'grpcCall'])
  if (paths.get !== undefined && paths.mix !== undefined) {
    refuse('requests', 'either with `get` or with `mix`, which is asked for instead', requests)
  }
  if (paths.mix !== undefined) checkMix(Array.isArray(requests) ? 'requests' : 'requests.mix', paths.mix)
  const planned = pathNames.map((name) => {
    const value = paths[name]
    return [name, value === undefined ? null : path(`requests.${name}`, value)]
  })
  return {
    ...Object.fromEntries(planned),
    mix: paths.mix === undefined ? null : paths.mix.map(askOf).map(shown),
    grpcCall: planCall(paths),
  }
}

function planCall({ grpc, grpcCall }: RequestPaths): RequestPlan['grpcCall'] {
  if (grpc === undefined) {
    if (grpcCall !== undefined) refuse('requests.grpcCall', 'left out without a method (`requests.grpc`)', grpcCall)
    return null
  }
  if (!/^\/[\w.]+\/\w+$/.test(grpc)) refuse('requests.grpc', 'a method such as /package.Service/Method', grpc)
  const { message = '', metadata = {} } = record('requests.grpcCall', grpcCall ?? {}, ['message', 'metadata'])
  if (typeof message !== 'string' || Buffer.from(message, 'base64').toString('base64') !== message) {
    refuse('requests.grpcCall.message', 'a message in base64', message)
  }
  return {
    messageBytes: Buffer.byteLength(message, 'base64'),
    metadataNames: Object.keys(strings('requests.grpcCall.metadata', metadata)),
  }
}

/** A list is a mix. */
function pathsOf(requests: RequestPaths | readonly RequestSpec[]): RequestPaths {
  return Array.isArray(requests) ? { mix: requests } : (requests as RequestPaths)
}

function checkMix(option: string, mix: readonly RequestSpec[]): void {
  if (!Array.isArray(mix) || mix.length === 0) refuse(option, 'a list of requests that is not empty', mix)
  for (const [index, spec] of mix.entries()) {
    const at = `${option}[${index}]`
    record(at, spec, ['method', 'path', 'headers', 'body', 'weight', 'status'])
    path(`${at}.path`, spec.path)
    const method = spec.method ?? 'GET'
    if (!/^[A-Z]+$/.test(text(`${at}.method`, method)) || method === 'CONNECT') {
      refuse(`${at}.method`, 'a method in capitals, such as POST, but not CONNECT', method)
    }
    strings(`${at}.headers`, spec.headers ?? {})
    if (spec.body !== undefined && typeof spec.body !== 'string') refuse(`${at}.body`, 'a string', spec.body)
    if (spec.body !== undefined && (method === 'GET' || method === 'HEAD')) {
      refuse(`${at}.body`, `left out of a ${method}: give a \`method\` that has one`, spec.body)
    }
    number(`${at}.weight`, spec.weight ?? 1, 0.001, 1_000_000, 'shares')
    for (const status of [spec.status ?? 200].flat()) integer(`${at}.status`, status, 200, 599)
  }
}

/** Without the values of headers and the body, which may be secrets. */
function shown({ method, path, headers, body, weight, status }: Ask): PlannedRequest {
  const bodyBytes = body === undefined ? 0 : Buffer.byteLength(body)
  return { method, path, headerNames: Object.keys(headers), bodyBytes, weight, status: status ?? null }
}
