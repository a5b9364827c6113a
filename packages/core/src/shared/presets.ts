import type { Server } from 'node:http'
import type { Server as AnyServer } from 'node:net'
import { type Logger, seconds } from './log.js'

/** What podrain assumes of a kind of load balancer. */
export interface Preset {
  /** The default of `settle.min`: milliseconds that the load balancer needs to learn that the pod ends. */
  readonly settle: number
  /** Milliseconds after which the load balancer closes an idle connection; undefined if it keeps none, or for no fixed time. */
  readonly idle?: number
  /** How many milliseconds after a change it sends elsewhere: the soonest, half of the time, the latest. Never above `settle`. */
  readonly lag: readonly [min: number, median: number, max: number]
}

/** What sends requests to the pod. */
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
 * The assumptions for each kind, with the facts behind them. Only the lag of `kube-proxy` is measured, on a real cluster in
 * iptables mode, during a rolling update; the others are what projects and their users report, rounded:
 *
 * - `none`: nothing has to learn that the pod ends, as for a queue worker.
 * - `kube-proxy`: syncs at most once a second after the EndpointSlice has changed, and keeps no connections.
 * - `ingress-nginx`: syncs about every 3.3 s and its workers every second; `upstream-keepalive-timeout` is 60 s. The project is
 *   retired since March 2026: https://kubernetes.io/blog/2025/11/11/ingress-nginx-retirement/
 * - `nginx-gateway-fabric`: reloads NGINX for each batch of changes
 *   (https://docs.nginx.com/nginx-gateway-fabric/how-to/upgrade-apps-without-downtime). Its own tests see every batch handled within a
 *   second (nginx/nginx-gateway-fabric, tests/results/reconfig/2.6.0), but batches wait for each other and for the reload, and no time
 *   is promised. NGINX keeps idle connections since 1.29.7, for a `keepalive_timeout` of 60 s.
 * - `haproxy`: HAProxy's own controller syncs every 5 s (`--sync-period` in documentation/controller.md of
 *   haproxytech/kubernetes-ingress), and OpenShift's router reloads at most every 5 s. HAProxy Ingress reloads at most every 2 s
 *   (`--rate-limit-update`), so 5 s are enough for it. HAProxy closes idle connections as it needs fewer, at no fixed time
 *   (`pool-purge-delay`).
 * - `traefik`: takes a change up to 2 s after the one before (`providersThrottleDuration`,
 *   https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-ingress); `idleConnTimeout` is 90 s.
 * - `envoy` (Istio, Contour): is pushed the change within seconds; the upstream `idle_timeout` is 1 h
 *   (https://www.envoyproxy.io/docs/envoy/latest/faq/configuration/timeouts).
 * - `envoy-gateway`: an Envoy that is told over xDS, and leaves the upstream `idle_timeout` at 1 h, unless `connectionIdleTimeout` of
 *   a BackendTrafficPolicy says otherwise.
 * - `cilium`: the same for its Ingresses and Gateways, but `proxy-idle-timeout-seconds` is 60. Where Cilium only replaces kube-proxy,
 *   it is `kube-proxy`.
 * - `gke-neg`: Google recommends to wait 40 s against 502s of container-native load balancing; keeps connections for
 *   600 s.
 * - `aws-alb`: the deregistration of a target takes up to half a minute to be seen everywhere: 5 s of waiting were too short for
 *   its users, 25 s were enough; the idle timeout is 60 s.
 * - `aws-nlb`: keeps sending for two minutes (aws-load-balancer-controller#2366); the idle timeout of TCP is 350 s.
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
 * Warns of a server that closes idle connections before the load balancer does. Sooner or later a request crosses the
 * closing, and its client gets a 502, with or without a drain.
 */
export function checkKeepAlive(server: AnyServer, behind: Behind, logger: Logger): void {
  const { idle } = presets[behind]
  const { keepAliveTimeout } = server as Partial<Server>
  // A timeout of 0 is none. HTTP/2 servers have no such property.
  if (idle === undefined || !keepAliveTimeout || keepAliveTimeout > idle) return
  logger.warn(
    `\`keepAliveTimeout\` of the server is ${seconds(keepAliveTimeout)}, but ${behind} keeps idle connections for ` +
      `${seconds(idle)} and will send on one that is just being closed: set it to ${idle + 5000} (milliseconds) or more`,
  )
}
