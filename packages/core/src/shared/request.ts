import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'

/** Answers a request and returns true, or leaves it to the application and returns false. */
export type Answer = (request: IncomingMessage, response: ServerResponse) => boolean

/**
 * Those who look at a pod but are not its users, by the start of their User-Agent: the kubelet (readiness and liveness
 * probes, and the hook itself), Google's and Amazon's load balancers, Envoy's health checker, Prometheus.
 */
const probes = /^(?:kube-probe\/|kube-lifecycle\/|GoogleHC\/|ELB-HealthChecker\/|Envoy\/HC|Prometheus\/)/

/** Whether a request is a probe or a scrape: it neither counts nor shows that traffic still comes. */
export function isProbe(headers: IncomingHttpHeaders): boolean {
  return probes.test(headers['user-agent'] ?? '')
}

/** What a request says that it asks for. */
export interface Asked {
  readonly url?: string | undefined
  readonly originalUrl?: unknown
}

/** What a client asked for. Routers cut the path that they are mounted under off `url`, and keep the whole beside it. */
export function originalUrlOf({ url = '', originalUrl }: Asked): string {
  return typeof originalUrl === 'string' ? originalUrl : url
}

/** The path that a client asked for, without the query string. Only for those who ask: `originalUrl` is dear to look for. */
export function routeOf(request: Asked): string {
  const url = originalUrlOf(request)
  const query = url.indexOf('?')
  return query === -1 ? url : url.slice(0, query)
}
