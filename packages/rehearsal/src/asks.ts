import { integer, number, path, record, refuse, strings, text } from './checks.js'
import type { PlannedRequest, RehearsalOptions, RequestPaths, RequestPlan, RequestSpec } from './options.js'

/** One request a client may send, with everything it says. */
export interface Ask {
  readonly method: string
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | undefined
  readonly weight: number
  /** undefined: any 2xx. */
  readonly status: readonly number[] | undefined
}

/** Paths that stand for one kind of client each. */
const single = ['stream', 'post', 'download', 'webSocket', 'sse', 'http2'] as const

/** A plain GET. */
export function get(path: string): Ask {
  return { method: 'GET', path, headers: {}, body: undefined, weight: 1, status: undefined }
}

/** What the first three kinds of client ask for; empty when they have nothing to ask. */
export function asksOf(requests: RehearsalOptions['requests'] = { get: '/' }): readonly Ask[] {
  const { get: path, mix } = pathsOf(requests)
  if (path !== undefined) return [get(path)]
  return (mix ?? []).map((spec) => ({
    method: spec.method ?? 'GET',
    path: spec.path,
    headers: { ...spec.headers },
    body: spec.body,
    weight: spec.weight ?? 1,
    status: spec.status === undefined ? undefined : [spec.status].flat(),
  }))
}

/** Checks `requests`, and says what may be shown of it. */
export function planRequests(requests: RehearsalOptions['requests'] = { get: '/' }): RequestPlan {
  const paths = record('requests', pathsOf(requests), ['get', 'mix', ...single])
  if (paths.get !== undefined && paths.mix !== undefined) {
    refuse('requests', 'either with `get` or with `mix`, which is asked for instead', requests)
  }
  const optional = (name: (typeof single)[number] | 'get') =>
    paths[name] === undefined ? null : path(`requests.${name}`, paths[name])
  if (paths.mix !== undefined) checkMix(Array.isArray(requests) ? 'requests' : 'requests.mix', paths.mix)
  const mix = paths.mix === undefined ? null : asksOf(requests).map(shown)
  return {
    get: optional('get'),
    mix,
    stream: optional('stream'),
    post: optional('post'),
    download: optional('download'),
    webSocket: optional('webSocket'),
    sse: optional('sse'),
    http2: optional('http2'),
  }
}

/** A list is a mix and nothing else. */
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

/** Values of headers and bodies may be secrets. */
function shown({ method, path, headers, body, weight, status }: Ask): PlannedRequest {
  const bodyBytes = body === undefined ? 0 : Buffer.byteLength(body)
  return { method, path, headerNames: Object.keys(headers), bodyBytes, weight, status: status ?? null }
}
