import type { Server } from 'node:http'
import type { Server as AnyServer } from 'node:net'
import { type Logger, seconds } from './log.js'

/** What podrain assumes of a kind of load balancer. */
export interface Preset {
  /** The default of `settle.min`: the milliseconds that the load balancer needs to learn that the pod ends. */
  readonly settle: number
  /**
   * Milliseconds after which the load balancer closes an idle connection. undefined if it keeps no idle connections, or closes them
   * after no fixed time.
   */
  readonly idle?: number
  /**
   * Milliseconds from a change of the endpoints until the load balancer stops routing to the pod: the shortest time, the median and
   * the longest. Never more than `settle`. The rehearsal uses them.
   */
  readonly lag: readonly [min: number, median: number, max: number]
}

/** What routes to the pod. */
export type Behind =
  | 'none'
  | 'kube-proxy'
  | 'ingress-nginx'
  | 'nginx-gateway-fabric'
  | 'haproxy'
  | 'traefik'
  | 'envoy'
  | 'envoy-gateway'
  | 'cilium'
  | 'gke-neg'
  | 'aws-alb'
  | 'aws-nlb'

/**
 * The assumptions for each kind, with their sources. Only the lag of `kube-proxy` is measured: on a real cluster in iptables mode,
 * during a rolling update. The others are rounded from the documentation of the projects and from reports of their users:
 *
 * - `none`: nothing has to learn that the pod ends, as for a queue worker.
 * - `kube-proxy`: syncs at most once a second after the EndpointSlice has changed (`--iptables-min-sync-period`), and keeps no
 *   connections.
 * - `ingress-nginx`: syncs about every 3.3 s and its workers every second; `upstream-keepalive-timeout` is 60 s. The project is
 *   retired since March 2026 (https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/).
 * - `nginx-gateway-fabric`: reloads NGINX for each batch of changes
 *   (https://docs.nginx.com/nginx-gateway-fabric/how-to/upgrade-apps-without-downtime). In its own tests, every batch was handled
 *   within a second (nginx/nginx-gateway-fabric, tests/results/reconfig/2.6.0). But batches wait for each other and for the reload,
 *   and no time is promised. NGINX keeps idle connections since 1.29.7, for a `keepalive_timeout` of 60 s.
 * - `haproxy`: HAProxy's own controller syncs every 5 s (`--sync-period` in documentation/controller.md of
 *   haproxytech/kubernetes-ingress), and OpenShift's router reloads at most every 5 s. HAProxy Ingress reloads at most every 2 s
 *   (`--rate-limit-update`), so 5 s are enough for it. HAProxy closes idle connections when it needs fewer of them, after no fixed
 *   time (`pool-purge-delay`).
 * - `traefik`: applies a change up to 2 s after the previous change (`providersThrottleDuration`,
 *   https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-ingress); `idleConnTimeout` is 90 s.
 * - `envoy` (Istio, Contour): the control plane pushes the change within seconds. The upstream `idle_timeout` is 1 h
 *   (https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts).
 * - `envoy-gateway`: an Envoy that gets the change over xDS. The upstream `idle_timeout` is 1 h, unless `connectionIdleTimeout` of a
 *   BackendTrafficPolicy changes it.
 * - `cilium`: the same for its Ingresses and Gateways, but `proxy-idle-timeout-seconds` is 60. Where Cilium only replaces kube-proxy,
 *   use `kube-proxy`.
 * - `gke-neg`: against 502s of container-native load balancing, Google recommends to wait 40 s. Connections are kept for 600 s.
 * - `aws-alb`: a deregistered target may get requests for up to half a minute. Users report that 5 s of waiting were too short, and
 *   25 s were enough. The idle timeout is 60 s.
 * - `aws-nlb`: keeps sending for two minutes (aws-load-balancer-controller#2366). The idle timeout for TCP is 350 s.
 */
export const presets: Readonly<Record<Behind, Preset>> = {
  none: { settle: 0, lag: [0, 0, 0] },
  'kube-proxy': { settle: 5000, lag: [126, 1074, 1196] },
  'ingress-nginx': { settle: 15_000, idle: 60_000, lag: [200, 2200, 4500] },
  'nginx-gateway-fabric': { settle: 15_000, idle: 60_000, lag: [100, 1000, 4000] },
  haproxy: { settle: 10_000, lag: [100, 2500, 5500] },
  traefik: { settle: 5000, idle: 90_000, lag: [100, 1000, 2500] },
  envoy: { settle: 5000, idle: 3_600_000, lag: [100, 500, 3000] },
  'envoy-gateway': { settle: 5000, idle: 3_600_000, lag: [100, 500, 3000] },
  cilium: { settle: 5000, idle: 60_000, lag: [100, 500, 3000] },
  'gke-neg': { settle: 40_000, idle: 600_000, lag: [2000, 10_000, 30_000] },
  'aws-alb': { settle: 30_000, idle: 60_000, lag: [2000, 10_000, 25_000] },
  'aws-nlb': { settle: 120_000, idle: 350_000, lag: [30_000, 90_000, 120_000] },
}

/**
 * Warns of a server that closes idle connections before the load balancer does. At some time the load balancer sends a request on a
 * connection that the server is just closing. The client then gets a 502, with or without a drain.
 */
export function checkKeepAlive(server: AnyServer, behind: Behind, logger: Logger): void {
  const { idle } = presets[behind]
  const { keepAliveTimeout } = server as Partial<Server>
  // A timeout of 0 means no timeout. HTTP/2 servers have no such property.
  if (idle === undefined || !keepAliveTimeout || keepAliveTimeout > idle) return
  logger.warn(
    `\`keepAliveTimeout\` of the server is ${seconds(keepAliveTimeout)}, but ${behind} keeps idle connections for ` +
      `${seconds(idle)} and will send on one that is just being closed: set it to ${idle + 5000} (milliseconds) or more`,
  )
}
