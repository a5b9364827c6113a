import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { inspect } from 'node:util'
import type { DrainTimes } from '@podrain/core'
import { type KubeConfigLike, serviceAccount } from './api/config.js'

/** The options of `kubernetes()`. */
export interface KubernetesOptions {
  /**
   * The name of the pod. The host name is the same, unless the pod has `hostNetwork`, or its name has more than 63 characters.
   * @default the environment variable POD_NAME, or else HOSTNAME, or else the host name
   */
  pod?: string
  /** The namespace of the pod. @default the environment variable POD_NAMESPACE, or else the namespace of the service account */
  namespace?: string
  /** A `KubeConfig` of @kubernetes/client-node, which is an optional peer dependency. @default the pod's service account */
  kubeConfig?: KubeConfigLike
  /**
   * The Services whose EndpointSlices show whether load balancers still send to the pod. With names, podrain reads the slices of these
   * Services only, and does not wait for others. `false` reads no slices.
   * @default all Services whose slices list the pod
   */
  services?: readonly string[] | false
  /**
   * Milliseconds that load balancers in the cluster need to follow the slices. This long after no slice lists the pod as ready, the
   * wait for load balancers may be over, even before `settle.min`. With `false`, the wait is never shorter than `settle.min`.
   * @default 2000 with `behind: 'kube-proxy'` and without the option `settle.min`; otherwise false, because slices show nothing about
   * a load balancer outside of the cluster
   */
  settleAfter?: number | false
  /**
   * The name with which the pod responds to its own Evictions (alpha in Kubernetes 1.37, `lifecycle.k8s.io/v1alpha1`), such as
   * `example.com/checkout`. The pod's `spec.evictionResponders` must have the same name. Pods with the same name get each other's
   * Evictions, so use one name for each application. Needs rbac-eviction.yaml. @default false
   */
  evictionResponder?: string | false
  /**
   * Whether to write annotations on the pod: how busy it is, and `controller.kubernetes.io/pod-deletion-cost`. Needs
   * rbac-annotations.yaml. @default false
   */
  annotations?: boolean | AnnotationSettings
  /**
   * Whether to create a Kubernetes Event about the pod with the outcome of the drain. `'unclean'` or true: if something was lost, or
   * a hook failed. `'all'`: after every drain. Needs rbac-events.yaml. @default false
   */
  events?: boolean | 'unclean' | 'all'
}

/** The settings of the option `annotations`. */
export interface AnnotationSettings {
  /** The shortest time between two writes, in milliseconds, 5000 or more. @default 30000 */
  interval?: number
  /** Whether to write the pod deletion cost, so that a ReplicaSet removes idle pods first. @default true */
  deletionCost?: boolean
}

/** All options, with defaults for those that were not set. */
export interface Settings {
  readonly pod: string
  readonly namespace: string
  readonly kubeConfig: KubeConfigLike | undefined
  readonly services: readonly string[] | false
  readonly settleAfter: number | false
  readonly evictionResponder: string | false
  readonly annotations: Required<AnnotationSettings> | false
  readonly events: 'unclean' | 'all' | false
}

const names = [
  'pod',
  'namespace',
  'kubeConfig',
  'services',
  'settleAfter',
  'evictionResponder',
  'annotations',
  'events',
] as const

/** The default of `settleAfter`. In the slowest measured update, kube-proxy needed 1.2 s. */
const kubeProxyNeeds = 2000

/** A DNS subdomain (RFC 1123), as the API requires. The name becomes a part of the path of requests, so nothing else may pass. */
const dnsName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/**
 * Checks the options, and fills in the defaults.
 * @throws {TypeError | RangeError} for a wrong option
 */
export function resolve(options: KubernetesOptions, times: DrainTimes): Settings {
  if (typeof options !== 'object' || options === null) fail(TypeError, 'Expected the options to be an object', options)
  for (const key of Object.keys(options)) {
    if ((names as readonly string[]).includes(key)) continue
    throw new TypeError(`Unknown option \`${key}\`: expected one of ${names.map((name) => `\`${name}\``).join(', ')}`)
  }
  const byPreset = times.behind === 'kube-proxy' && !times.settle.explicit
  const {
    // An empty variable, as a template may leave it, counts as not set.
    pod = process.env.POD_NAME || process.env.HOSTNAME || hostname(),
    namespace = process.env.POD_NAMESPACE || ownNamespace(),
    kubeConfig,
    services = [],
    settleAfter = byPreset ? kubeProxyNeeds : false,
    evictionResponder = false,
    annotations = false,
    events = false,
  } = options
  // A wrong host name is not the caller's mistake, so only names that were passed are checked here.
  if (options.pod !== undefined) name('pod', pod)
  if (options.namespace !== undefined) name('namespace', namespace)
  if (services !== false) {
    if (!Array.isArray(services)) fail(TypeError, 'Expected `services` to be a list of names, or false', services)
    for (const service of services) name('services', service)
  }
  if (settleAfter !== false) duration('settleAfter', settleAfter)
  if (evictionResponder !== false && !isResponder(evictionResponder)) {
    const expected = 'Expected `evictionResponder` to be a domain and a name, such as `example.com/checkout`, or false'
    fail(TypeError, expected, evictionResponder)
  }
  if (kubeConfig !== undefined && typeof kubeConfig?.applyToHTTPSOptions !== 'function') {
    // The error does not show the value, which may be a file with a token in it.
    throw new TypeError(
      `Expected \`kubeConfig\` to be a KubeConfig of @kubernetes/client-node, got ${kubeConfig === null ? 'null' : `a value of type ${typeof kubeConfig}`}`,
    )
  }
  return {
    pod,
    namespace,
    kubeConfig,
    services,
    settleAfter,
    evictionResponder,
    annotations: annotationsOf(annotations),
    events: eventsOf(events),
  }
}

function annotationsOf(annotations: boolean | AnnotationSettings): Settings['annotations'] {
  if (annotations === false) return false
  const given = annotations === true ? {} : annotations
  if (typeof given !== 'object' || given === null) {
    fail(
      TypeError,
      'Expected `annotations` to be true, false, or an object of `interval` and `deletionCost`',
      annotations,
    )
  }
  for (const key of Object.keys(given)) {
    if (key !== 'interval' && key !== 'deletionCost') {
      throw new TypeError(
        `Unknown option of \`annotations\` \`${key}\`: expected one of \`interval\`, \`deletionCost\``,
      )
    }
  }
  const { interval = 30_000, deletionCost = true } = given
  duration('annotations.interval', interval)
  // Each write of each pod is a write to etcd.
  if (interval < 5000) fail(RangeError, 'Expected `annotations.interval` to be 5000 or more milliseconds', interval)
  if (typeof deletionCost !== 'boolean') {
    fail(TypeError, 'Expected `annotations.deletionCost` to be true or false', deletionCost)
  }
  return { interval, deletionCost }
}

function eventsOf(events: unknown): Settings['events'] {
  if (events === true) return 'unclean'
  if (events === false || events === 'unclean' || events === 'all') return events
  return fail(TypeError, "Expected `events` to be true, false, 'unclean' or 'all'", events)
}

function ownNamespace(): string {
  try {
    return readFileSync(`${serviceAccount}/namespace`, 'utf8').trim()
  } catch {
    return 'default'
  }
}

/** Whether a pod or a namespace may have this name. */
export function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 253 && dnsName.test(value)
}

/** Whether the API accepts the name of a responder. It reserves the domains of Kubernetes. */
function isResponder(value: unknown): boolean {
  const [domain = '', name = '', more] = typeof value === 'string' ? value.split('/') : []
  if (more !== undefined || !isName(domain) || /(^|\.)(k8s|kubernetes)\.io$/.test(domain)) return false
  return name.length <= 63 && /^[A-Za-z0-9]([-\w.]*[A-Za-z0-9])?$/.test(name)
}

function name(option: string, value: unknown): void {
  if (isName(value)) return
  fail(
    TypeError,
    `Expected \`${option}\` to be a valid name in Kubernetes (lower case letters, digits, - and .)`,
    value,
  )
}

function duration(option: string, value: unknown): void {
  if (typeof value === 'number' && value >= 0 && value !== Number.POSITIVE_INFINITY) return
  fail(RangeError, `Expected \`${option}\` to be 0 or more milliseconds`, value)
}

function fail(Kind: TypeErrorConstructor | RangeErrorConstructor, expectation: string, given: unknown): never {
  throw new Kind(`${expectation}, got \`${inspect(given, { depth: 0 })}\``)
}
