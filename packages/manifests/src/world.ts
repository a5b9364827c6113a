import type { Behind } from '@podrain/core'
import { presets } from './budget.js'
import type { Place } from './place.js'
import { isBehind, Pod, templateOf } from './pod.js'
import { type Resource, textsOf } from './resource.js'
import type { Manifest } from './source.js'

/** What the files cannot say, and who calls knows. */
export interface Facts {
  /** What sends to the pods; otherwise it is looked for in the files. */
  readonly behind?: Behind
  /** Milliseconds that the longest request takes. */
  readonly longestRequest?: number
}

/** What sends to a pod, and what says so. */
export interface Balancer {
  readonly behind: Behind
  /** Milliseconds it needs to learn that a pod goes. */
  readonly settle: number
  /** As messages call it. */
  readonly name: string
  /** `Ingress/web (class alb)`; undefined if nothing says, and it is only the Service. */
  readonly because?: string
}

/** All that is known: every object in the files, and how they hang together. */
export class World {
  readonly manifests: readonly Manifest[]
  readonly resources: readonly Resource[]
  readonly pods: readonly Pod[]
  readonly facts: Facts
  readonly #byKind = new Map<string, Resource[]>()
  readonly #services = new Map<Pod, readonly Resource[]>()
  readonly #autoscalers = new Map<Pod, readonly Resource[]>()
  readonly #selectors = new Map<Resource, Readonly<Record<string, string>>>()

  constructor(manifests: readonly Manifest[], resources: readonly Resource[], facts: Facts = {}) {
    this.manifests = manifests
    this.resources = resources
    this.facts = facts
    this.pods = resources.flatMap((resource) => {
      const way = templateOf(resource)
      return way === undefined ? [] : [new Pod(resource, way)]
    })
    for (const resource of resources) {
      const same = this.#byKind.get(resource.kind)
      if (same === undefined) this.#byKind.set(resource.kind, [resource])
      else same.push(resource)
    }
  }

  kind(kind: string): readonly Resource[] {
    return this.#byKind.get(kind) ?? []
  }

  /** The Services that send to a pod. */
  servicesOf(pod: Pod): readonly Resource[] {
    let services = this.#services.get(pod)
    if (services === undefined) {
      services = this.kind('Service').filter(
        (service) =>
          service.apiVersion === 'v1' &&
          sameNamespace(service, pod.resource) &&
          selects(this.#selectorOf(service), pod.labels),
      )
      this.#services.set(pod, services)
    }
    return services
  }

  /** Asked by every pod. */
  #selectorOf(service: Resource): Readonly<Record<string, string>> {
    let selector = this.#selectors.get(service)
    if (selector === undefined) {
      selector = textsOf(service.get('spec', 'selector'))
      this.#selectors.set(service, selector)
    }
    return selector
  }

  /** Whether requests come to it by a Service; a headless one is often only for peers to find each other. */
  exposureOf(pod: Pod): 'served' | 'headless' | 'none' {
    const services = this.servicesOf(pod).filter((service) => targetsOf(service).length > 0)
    if (services.length === 0) return 'none'
    return services.every((service) => service.get('spec', 'clusterIP').text === 'None') ? 'headless' : 'served'
  }

  /** Whether anybody sends requests to it, as far as the files tell. */
  isAsked(pod: Pod): boolean {
    return pod.isPodrain || this.exposureOf(pod) !== 'none'
  }

  /** Whether all that is sent to it is of a kind that keeps its connections, and has no requests to be led elsewhere. */
  isDatabase(pod: Pod): boolean {
    const numbers = this.servicesOf(pod)
      .flatMap(targetsOf)
      .map((target) => pod.containers.map((each) => each.portNumber(target)).find((number) => number !== undefined))
    return numbers.length > 0 && numbers.every((number) => number !== undefined && databases.has(number))
  }

  /** The pods that a Service sends to. */
  podsOf(service: Resource): readonly Pod[] {
    return this.pods.filter((pod) => this.servicesOf(pod).includes(service))
  }

  /** The pods that a `LabelSelector` selects. */
  selected(by: Resource, selector: Place): readonly Pod[] {
    if (selector.get('matchExpressions').items.length > 0) return []
    const labels = textsOf(selector.get('matchLabels'))
    return this.pods.filter((pod) => sameNamespace(by, pod.resource) && selects(labels, pod.labels))
  }

  /** The autoscalers of the object that makes the pod. */
  autoscalersOf(pod: Pod): readonly Resource[] {
    let scalers = this.#autoscalers.get(pod)
    if (scalers === undefined) {
      scalers = [...this.kind('HorizontalPodAutoscaler'), ...this.kind('ScaledObject')].filter((scaler) => {
        if (!sameNamespace(scaler, pod.resource)) return false
        const target = scaler.get('spec', 'scaleTargetRef')
        return target.get('name').text === pod.resource.name && (target.get('kind').text ?? 'Deployment') === pod.kind
      })
      this.#autoscalers.set(pod, scalers)
    }
    return scalers
  }

  /** The rules of Ingresses and routes that lead to a Service: where they say so, and for which paths. */
  routesTo(service: Resource): readonly Route[] {
    return [
      ...this.kind('Ingress').flatMap((ingress) => routesOfIngress(ingress, service)),
      ...this.kind('HTTPRoute').flatMap((route) => routesOfHttpRoute(route, service)),
      ...this.kind('VirtualService').flatMap((route) => routesOfVirtualService(route, service)),
    ]
  }

  /** What sends to a pod: what the caller or an annotation says, else what the files show, the slowest to learn first. */
  balancerOf(pod: Pod): Balancer {
    const told = pod.annotation('podrain/behind') ?? this.facts.behind
    if (isBehind(told))
      return { behind: told, name: told, settle: presets[told].settle, because: `behind ${told}, as you say` }
    const found = this.servicesOf(pod).flatMap((service) => [
      ...balancersOfService(service),
      ...this.routesTo(service).flatMap(({ resource }) => balancersOfRoute(resource, this)),
    ])
    if (isMeshed(pod)) found.push({ behind: 'envoy', because: 'a mesh' })
    const [slowest] = found.sort((one, other) => presets[other.behind].settle - presets[one.behind].settle)
    const { behind, because } = slowest ?? { behind: 'kube-proxy' as const, because: undefined }
    const name = because === 'a mesh' ? 'the mesh' : behind
    return { behind, name, settle: presets[behind].settle, ...(because !== undefined && { because }) }
  }
}

/** A way from outside to a Service. */
export interface Route {
  readonly resource: Resource
  readonly place: Place
  readonly path: string
  readonly exact: boolean
}

function routesOfIngress(ingress: Resource, service: Resource): Route[] {
  if (!sameNamespace(ingress, service)) return []
  const named = (backend: Place) =>
    (backend.get('service', 'name').text ?? backend.get('serviceName').text) === service.name
  const routes = ingress
    .get('spec', 'rules')
    .items.flatMap((rule) => rule.get('http', 'paths').items)
    .filter((each) => named(each.get('backend')))
    .map((each) => ({
      resource: ingress,
      place: each,
      path: each.get('path').text ?? '/',
      exact: each.get('pathType').text === 'Exact',
    }))
  const fallback = ingress.get('spec', 'defaultBackend')
  if (named(fallback)) routes.push({ resource: ingress, place: fallback, path: '/', exact: false })
  return routes
}

function routesOfHttpRoute(route: Resource, service: Resource): Route[] {
  return route.get('spec', 'rules').items.flatMap((rule) => {
    const leads = rule
      .get('backendRefs')
      .items.some((ref) => ref.get('name').text === service.name && (ref.get('kind').text ?? 'Service') === 'Service')
    if (!leads || !sameNamespace(route, service)) return []
    const matches = rule.get('matches').items
    if (matches.length === 0) return [{ resource: route, place: rule, path: '/', exact: false }]
    return matches.map((match) => ({
      resource: route,
      place: match,
      path: match.get('path', 'value').text ?? '/',
      exact: match.get('path', 'type').text === 'Exact',
    }))
  })
}

function routesOfVirtualService(route: Resource, service: Resource): Route[] {
  if (!route.apiVersion.startsWith('networking.istio.io/') || !sameNamespace(route, service)) return []
  return route.get('spec', 'http').items.flatMap((rule) => {
    // `reviews`, or `reviews.shop.svc.cluster.local`
    const leads = rule
      .get('route')
      .items.some((each) => each.get('destination', 'host').text?.split('.')[0] === service.name)
    if (!leads) return []
    const matches = rule.get('match').items
    if (matches.length === 0) return [{ resource: route, place: rule, path: '/', exact: false }]
    return matches.map((match) => {
      const exact = match.get('uri', 'exact').text
      const path = exact ?? match.get('uri', 'prefix').text ?? match.get('uri', 'regex').text ?? '/'
      return { resource: route, place: match, path, exact: exact !== undefined }
    })
  })
}

/** Ports of what keeps its connections: MySQL, PostgreSQL, Redis, MongoDB, memcached, AMQP, Kafka, ZooKeeper, NATS, Cassandra, DNS. */
const databases = new Set([3306, 5432, 6379, 27017, 11211, 5672, 9092, 2181, 4222, 9042, 53])

/** Whether a port, by its name, is there to be scraped: what fails there is asked again, and lost to nobody. */
export function isScraped(port: Place): boolean {
  return /metrics|prom(etheus)?\b|telemetry|monitor/.test(port.get('name').text ?? '')
}

/** Ports of the pods that a Service sends requests to. */
export function targetsOf(service: Resource): readonly Place[] {
  return service
    .get('spec', 'ports')
    .items.filter((port) => !isScraped(port))
    .map((port) => (port.get('targetPort').exists ? port.get('targetPort') : port.get('port')))
}

type Found = { behind: Behind; because: string }

function balancersOfService(service: Resource): Found[] {
  const aws = 'service.beta.kubernetes.io/aws-load-balancer-type'
  const type = service.annotation(aws)
  const loadBalancerClass = service.get('spec', 'loadBalancerClass').text
  const found: Found[] = []
  if (type !== undefined && /^(nlb|nlb-ip|external)$/.test(type)) {
    found.push({ behind: 'aws-nlb', because: `${service.label} (${aws}: ${type})` })
  }
  if (loadBalancerClass === 'service.k8s.aws/nlb') {
    found.push({ behind: 'aws-nlb', because: `${service.label} (loadBalancerClass ${loadBalancerClass})` })
  }
  const neg = service.annotation('cloud.google.com/neg')
  if (neg !== undefined && /"(ingress"\s*:\s*true|exposed_ports")/.test(neg)) {
    found.push({ behind: 'gke-neg', because: `${service.label} (cloud.google.com/neg)` })
  }
  return found
}

/** The class of an Ingress, said in one way or the other. */
export function classOf(ingress: Resource): string | undefined {
  return ingress.get('spec', 'ingressClassName').text ?? ingress.annotation('kubernetes.io/ingress.class')
}

function balancersOfRoute(route: Resource, world: World): Found[] {
  if (route.kind === 'VirtualService') return [{ behind: 'envoy', because: route.label }]
  if (route.kind === 'HTTPRoute') return balancersOfGateways(route, world)
  const name = classOf(route)
  const because = `${route.label} (class ${name})`
  if (name === 'alb') return [{ behind: 'aws-alb', because }]
  if (name === undefined && annotated(route, 'alb.ingress.kubernetes.io/')) {
    return [{ behind: 'aws-alb', because: `${route.label} (annotations of alb.ingress.kubernetes.io)` }]
  }
  if (name !== undefined && /^nginx(-|$)/.test(name)) return [{ behind: 'ingress-nginx', because }]
  if (name !== undefined && /^(gce|gce-internal)$/.test(name)) return [{ behind: 'gke-neg', because }]
  return []
}

function balancersOfGateways(route: Resource, world: World): Found[] {
  const names = route.get('spec', 'parentRefs').items.map((ref) => ref.get('name').text)
  return world.kind('Gateway').flatMap((gateway) => {
    const name = gateway.get('spec', 'gatewayClassName').text ?? ''
    if (!names.includes(gateway.name) || !name.startsWith('gke-l7-')) return []
    return [{ behind: 'gke-neg' as const, because: `${gateway.label} (class ${name})` }]
  })
}

/** Whether one of its annotations begins so. */
export function annotated(resource: Resource, prefix: string): boolean {
  return resource.get('metadata', 'annotations').entries.some(([name]) => name.startsWith(prefix))
}

/** Whether a mesh puts its proxy into the pod, as the manifest says. */
export function isMeshed(pod: Pod): boolean {
  return isIstio(pod) || isLinkerd(pod)
}

export function isIstio(pod: Pod): boolean {
  const inject = pod.label('sidecar.istio.io/inject') ?? pod.annotation('sidecar.istio.io/inject')
  return inject === 'true' || pod.running.some(({ name }) => name === 'istio-proxy')
}

export function isLinkerd(pod: Pod): boolean {
  return pod.annotation('linkerd.io/inject') === 'enabled' || pod.running.some(({ name }) => name === 'linkerd-proxy')
}

/** Whether both may be in one namespace; what does not say goes wherever the other is. */
export function sameNamespace(one: Resource, other: Resource): boolean {
  return one.namespace === undefined || other.namespace === undefined || one.namespace === other.namespace
}

/** Whether a map of labels selects these. An empty one selects nothing, as in a Service. */
function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(selector)
  return entries.length > 0 && entries.every(([name, text]) => labels[name] === text)
}
