import type { Behind } from '@podrain/core'
import { isBehind, type Pod } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { presets } from '../shared/budget.js'
import type { Route } from './routes.js'

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

/** What has to be known of the files to find it; a `World` knows it. */
export interface Surroundings {
  readonly facts: { readonly behind?: Behind }
  servicesOf(pod: Pod): readonly Resource[]
  routesTo(service: Resource): readonly Route[]
  named(kind: string, name: string, near: Resource, namespace?: string): readonly Resource[]
}

/** What sends to a pod: what the caller or an annotation says, else what the files show, the slowest to learn first. */
export function balancerOf(pod: Pod, around: Surroundings): Balancer {
  const told = pod.annotation('podrain/behind') ?? around.facts.behind
  if (isBehind(told)) {
    return { behind: told, name: told, settle: presets[told].settle, because: `behind ${told}, as you say` }
  }
  const found = around
    .servicesOf(pod)
    .flatMap((service) => [
      ...balancersOfService(service),
      ...around.routesTo(service).flatMap(({ resource }) => balancersOfRoute(resource, around)),
    ])
  if (isMeshed(pod)) found.push({ behind: 'envoy', because: 'a mesh' })
  const [slowest] = found.sort((one, other) => presets[other.behind].settle - presets[one.behind].settle)
  const { behind, because } = slowest ?? { behind: 'kube-proxy' as const, because: undefined }
  const name = because === 'a mesh' ? 'the mesh' : behind
  return { behind, name, settle: presets[behind].settle, ...(because !== undefined && { because }) }
}

/** What a file says of it. */
interface Found {
  readonly behind: Behind
  readonly because: string
}

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

function balancersOfRoute(route: Resource, around: Surroundings): Found[] {
  if (route.kind === 'VirtualService') return [{ behind: 'envoy', because: route.label }]
  if (route.kind === 'HTTPRoute') return balancersOfGateways(route, around)
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

function balancersOfGateways(route: Resource, around: Surroundings): Found[] {
  const gateways = route
    .get('spec', 'parentRefs')
    .items.flatMap((ref) => around.named('Gateway', ref.get('name').text ?? '', route, ref.get('namespace').text))
  return gateways.flatMap((gateway) => {
    const name = gateway.get('spec', 'gatewayClassName').text ?? ''
    if (!name.startsWith('gke-l7-')) return []
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
