import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { inspect } from 'node:util'
import type { DrainTimes } from '@podrain/core'
import { type KubeConfigLike, serviceAccount } from './api/config.js'

export interface KubernetesOptions {
  /** The pod's name. @default the environment variable POD_NAME, or the host name, which is the same unless it has `hostNetwork` or more than 63 letters */
  pod?: string
  /** Its namespace. @default the environment variable POD_NAMESPACE, or that of the service account */
  namespace?: string
  /** A `KubeConfig` of @kubernetes/client-node, which is an optional peer. @default the pod's service account; outside of a cluster nothing happens */
  kubeConfig?: KubeConfigLike
  /**
   * Services whose EndpointSlices tell who still sends. `false` for none.
   * @default all that list the pod; naming them keeps slices of other Services out of the one list that is asked for, and then
   * nobody waits for those
   */
  services?: readonly string[] | false
  /**
   * Milliseconds from when no slice lists the pod as ready until that has reached whoever sends: the wait for load balancers
   * may be over then, before `settle.min`. `false`: never before.
   * @default 2000 behind kube-proxy without a `settle.min` of your own, else false: slices tell nothing of a load balancer
   * outside of the cluster
   */
  settleAfter?: number | false
  /**
   * The name by which the pod is its own responder to Evictions of Kubernetes 1.37 (`lifecycle.k8s.io/v1alpha1`), such as
   * `example.com/checkout`: the same as in the pod's `spec.evictionResponders`. Needs rbac-eviction.yaml. Other pods with the same
   * name hear of each other's Evictions, so take one for each application. @default false
   */
  evictionResponder?: string | false
  /** Whether to write annotations on the pod: how busy it is, and `pod-deletion-cost`. Needs `patch` on pods. @default false */
  report?: boolean | ReportSettings
  /**
   * Whether to tell the outcome of the drain as an Event of Kubernetes about the pod: `'unclean'` or true if something was
   * lost or failed, `'all'` in any case. Needs `create` on events (rbac-events.yaml). @default false
   */
  events?: boolean | 'unclean' | 'all'
}

export interface ReportSettings {
  /** Milliseconds between two reports, at least; only a change of magnitude is one. @default 30000 */
  every?: number
  /** Whether ReplicaSets are to remove idle pods first. @default true */
  deletionCost?: boolean
}

export interface Settings {
  readonly pod: string
  readonly namespace: string
  readonly kubeConfig: KubeConfigLike | undefined
  readonly services: readonly string[] | false
  readonly settleAfter: number | false
  readonly evictionResponder: string | false
  readonly report: Required<ReportSettings> | false
  readonly events: 'unclean' | 'all' | false
}

const names = [
  'pod',
  'namespace',
  'kubeConfig',
  'services',
  'settleAfter',
  'evictionResponder',
  'report',
  'events',
] as const

/** kube-proxy has followed after 1.2 s, in the worst of the updates that were measured. */
const kubeProxyNeeds = 2000

/** As the API has it: more would end in the path of a request. */
const dnsName = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/

/**
 * Every option with its value.
 * @throws {TypeError | RangeError} for a bad one
 */
export function resolve(options: KubernetesOptions, times: DrainTimes): Settings {
  if (typeof options !== 'object' || options === null) fail(TypeError, 'Expected the options to be an object', options)
  for (const key of Object.keys(options)) {
    if ((names as readonly string[]).includes(key)) continue
    throw new TypeError(`Unknown option \`${key}\`: expected one of ${names.map((name) => `\`${name}\``).join(', ')}`)
  }
  const byPreset = times.behind === 'kube-proxy' && !times.settle.own
  const {
    // One that is empty, as a template leaves it, says nothing.
    pod = process.env.POD_NAME || process.env.HOSTNAME || hostname(),
    namespace = process.env.POD_NAMESPACE || ownNamespace(),
    kubeConfig,
    services = [],
    settleAfter = byPreset ? kubeProxyNeeds : false,
    evictionResponder = false,
    report = false,
    events = false,
  } = options
  // What the host is called is no mistake of who calls this.
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
    // Not what was given: that may be a file with a token in it.
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
    report: reportOf(report),
    events: eventsOf(events),
  }
}

function reportOf(report: boolean | ReportSettings): Settings['report'] {
  if (report === false) return false
  const given = report === true ? {} : report
  if (typeof given !== 'object' || given === null) {
    fail(TypeError, 'Expected `report` to be true, false, or an object of `every` and `deletionCost`', report)
  }
  for (const key of Object.keys(given)) {
    if (key !== 'every' && key !== 'deletionCost') {
      throw new TypeError(`Unknown option of \`report\` \`${key}\`: expected one of \`every\`, \`deletionCost\``)
    }
  }
  const { every = 30_000, deletionCost = true } = given
  duration('report.every', every)
  // Each is a write to etcd, times the number of pods.
  if (every < 5000) fail(RangeError, 'Expected `report.every` to be 5000 or more milliseconds', every)
  if (typeof deletionCost !== 'boolean') {
    fail(TypeError, 'Expected `report.deletionCost` to be true or false', deletionCost)
  }
  return { every, deletionCost }
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

/** Whether a pod or a namespace may be called so. */
export function isName(value: unknown): boolean {
  return typeof value === 'string' && value.length <= 253 && dnsName.test(value)
}

/** As the API has it for responders. It reserves the domains of Kubernetes. */
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
