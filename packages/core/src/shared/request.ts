import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** Answers a control request and returns true, or returns false and leaves the request to the application. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * User-Agents of clients that are not users: the kubelet (probes and hooks), the health checkers of Google's and
 * Amazon's load balancers and of Envoy, Prometheus.
 */
const probes = /^(?:kube-probe\/|kube-lifecycle\/|GoogleHC\/|ELB-HealthChecker\/|Envoy\/HC|Prometheus\/)/

/**
 * Whether a request is a probe or a scrape. Such a request does not count as in flight, and does not prolong the settle wait.
 */
export function isProbe(headers: IncomingHttpHeaders): boolean {
  return probes.test(headers['user-agent'] ?? '')
}

/** The properties of a request that contain its URL. */
export interface Asked {
  readonly url?: string | undefined
  readonly originalUrl?: unknown
}

/**
 * The URL that a client has requested. Routers remove their mount path from `url`, and keep the whole URL in `originalUrl`.
 */
export function originalUrlOf({ url = '', originalUrl }: Asked): string {
  return typeof originalUrl === 'string' ? originalUrl : url
}

/**
 * The path that a client has requested, without the query string. Not for hot paths, because under Express, looking up a missing
 * `originalUrl` is slow.
 */
export function pathOf(request: Asked): string {
  const url = originalUrlOf(request)
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
