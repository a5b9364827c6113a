import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** Answers a control request and returns true, or returns false and leaves the request to the application. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * User-Agents of clients that are not users: the kubelet (probes and hooks), the health checkers of Google's and
 * Amazon's load balancers and of Envoy, Prometheus.
 */
const probes = /^(?:kube-probe\/|kube-lifecycle\/|GoogleHC\/|ELB-HealthChecker\/|Envoy\/HC|Prometheus\/)/

/**
 * Whether a request is a probe or a scrape. It does not count as in flight and does not show that traffic still comes.
 */
export function isProbe(headers: IncomingHttpHeaders): boolean {
  return probes.test(headers['user-agent'] ?? '')
}

/** The properties of a request that have its URL. */
export interface Asked {
  readonly url?: string | undefined
  readonly originalUrl?: unknown
}

/**
 * The URL that a client asked for. Routers remove the path that they are mounted under from `url` and keep the whole in
 * `originalUrl`.
 */
export function originalUrlOf({ url = '', originalUrl }: Asked): string {
  return typeof originalUrl === 'string' ? originalUrl : url
}

/**
 * The path that a client asked for, without the query string. Not for hot paths: under Express, looking up
 * `originalUrl` is slow where it is missing.
 */
export function routeOf(request: Asked): string {
  const url = originalUrlOf(request)
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
