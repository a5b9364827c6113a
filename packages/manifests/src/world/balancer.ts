import type { Behind } from '@podrain/core'
import { type Container, isBehind, type Pod } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { behindVariable, presets } from '../shared/budget.js'
import { type Controller, controllerOf } from './controllers.js'
import type { DrainVariables } from './drain-variables.js'
import type { Route } from './routes.js'

/** A load balancer that routes to a pod. */
export interface Balancer {
  /** Its preset in podrain, or the nearest one. */
  readonly behind: Behind
  /** How long it needs to learn that a pod ends, in ms. */
  readonly settle: number
  /** Its name in messages. */
  readonly name: string
  /** What shows it, such as `Ingress/web (class alb)`; undefined if only the Service is known. */
  readonly because?: string
}

/** What is needed to find load balancers; implemented by `World`. */
export interface Surroundings {
  readonly facts: { readonly behind?: Behind }
  kind(kind: string): readonly Resource[]
  servicesOf(pod: Pod): readonly Resource[]
  exposureOf(pod: Pod): 'served' | 'headless' | 'none'
  servedContainersOf(pod: Pod): readonly Container[]
  drainVariablesOf(container: Container): DrainVariables
  routesTo(service: Resource): readonly Route[]
  named(kind: string, name: string, near: Resource, namespace?: string): readonly Resource[]
}

/**
 * The load balancers that route to a pod, the slowest first: the one that the caller or an annotation names, or else those that the
 * files or the variables of the app show. There is always at least one: a Service is at least kube-proxy, whatever a variable says.
 */
export function balancersOf(pod: Pod, around: Surroundings): readonly [Balancer, ...Balancer[]] {
  const isServed = around.exposureOf(pod) !== 'none'
  const believed = (isServed ? around.servedContainersOf(pod) : pod.containers).flatMap(
    (container) => around.drainVariablesOf(container).believed ?? [],
  )
  // A worker: the files have Services, but none for it, or it says itself that nothing routes to it.
  const isWorker = !isServed && (around.kind('Service').length > 0 || believed.some(({ behind }) => behind === 'none'))
  const annotation = pod.annotation(behindAnnotation)
  const told = isBehind(annotation) ? annotation : isWorker ? undefined : around.facts.behind
  if (told !== undefined) return [balancer(told, `behind ${told}, as you say`)]
  const services = around.servicesOf(pod)
  const found = services.flatMap((service) => [
    ...balancersOfService(service),
    ...around.routesTo(service).flatMap(({ resource }) => balancersOfRoute(resource, service, around)),
  ])
  // A worker gets no requests, with or without a mesh.
  if (isMeshed(pod) && services.length > 0) found.push({ ...balancer('envoy', 'a mesh'), name: 'the mesh' })
  found.push(...believed.map(({ behind, by }) => balancer(behind, `${by} says so`)))
  if (isServed || found.length === 0) found.push(balancer('kube-proxy'))
  const [slowest = balancer('kube-proxy'), ...others] = found.sort((one, other) => other.settle - one.settle)
  return [slowest, ...others]
}

/** The annotation that names the load balancer of a pod. */
export const behindAnnotation = 'podrain/behind'

/** How long an app has to wait for a load balancer, in ms. A proxy in the same cluster learns at least as soon as kube-proxy (1.2 s). */
export function leastWaitFor(balancer: Balancer): number {
  return isQuick(balancer) ? 2000 : balancer.settle
}

/**
 * The variable that makes podrain wait as long as a load balancer needs. The nearest preset of a load balancer may have another time,
 * and a preset has no effect beside `settle.min`.
 */
export function variableFor({ behind, settle }: Balancer, hasMin: boolean): string {
  return hasMin || presets[behind].settle !== settle
    ? `{ name: PODRAIN_SETTLE_MIN, value: "${settle}" }`
    : `{ name: ${behindVariable}, value: ${behind} }`
}

function balancer(behind: Behind, because?: string): Balancer {
  return { behind, name: behind, settle: presets[behind].settle, ...(because !== undefined && { because }) }
}

/** Whether it learns about as soon as kube-proxy (measured: 1.2 s). Each change is pushed to an Envoy in the cluster. */
export function isQuick({ behind }: Balancer): boolean {
  return ['kube-proxy', 'envoy', 'envoy-gateway', 'cilium'].includes(behind)
}

/**
 * Whether an AWS load balancer routes to pods directly. By default it routes to nodes, and kube-proxy there chooses a pod:
 * https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/#target-type
 */
function sendsToPods(target: string | undefined): boolean {
  return target === 'ip'
}

const awsType = 'service.beta.kubernetes.io/aws-load-balancer-type'
const nlbTarget = 'service.beta.kubernetes.io/aws-load-balancer-nlb-target-type'
const albTarget = 'alb.ingress.kubernetes.io/target-type'

function balancersOfService(service: Resource): Balancer[] {
  const type = service.annotation(awsType)
  const loadBalancerClass = service.get('spec', 'loadBalancerClass').text
  const found: Balancer[] = []
  const target = type === 'nlb-ip' ? 'ip' : service.annotation(nlbTarget)
  const says =
    type !== undefined && /^(nlb|nlb-ip|external)$/.test(type)
      ? `${awsType}: ${type}`
      : loadBalancerClass === 'service.k8s.aws/nlb'
        ? `loadBalancerClass ${loadBalancerClass}`
        : undefined
  if (says !== undefined) {
    found.push(
      sendsToPods(target)
        ? balancer('aws-nlb', `${service.label} (${says})`)
        : balancer('kube-proxy', `${service.label} (${says}, which routes to nodes)`),
    )
  }
  const neg = service.annotation('cloud.google.com/neg')
  if (neg !== undefined && /"(ingress"\s*:\s*true|exposed_ports")/.test(neg)) {
    found.push(balancer('gke-neg', `${service.label} (cloud.google.com/neg)`))
  }
  return found
}

/** The class of an Ingress, from its field or its annotation. */
function classOf(ingress: Resource): string | undefined {
  return ingress.get('spec', 'ingressClassName').text ?? ingress.annotation('kubernetes.io/ingress.class')
}

/** The load balancers of an Ingress, a VirtualService or a route of the Gateway API; none if its controller is not known. */
export function balancersOfRoute(route: Resource, service: Resource, around: Surroundings): Balancer[] {
  if (route.kind === 'VirtualService') return [balancer('envoy', route.label)]
  if (route.kind !== 'Ingress') return balancersOfGateways(route, around)
  const name = classOf(route) ?? (annotated(route, 'alb.ingress.kubernetes.io/') ? 'alb' : undefined)
  if (name === undefined) return []
  const [ingressClass] = around.named('IngressClass', name, route)
  const controller = controllerOf('ingressClass', { name, controller: ingressClass?.get('spec', 'controller').text })
  const because = `${route.label} (class ${name})`
  if (controller?.behind === 'aws-alb' && !sendsToPods(albTargetOf(route, service, ingressClass, around))) {
    return [balancer('kube-proxy', `${route.label} (class ${name}, which routes to nodes)`)]
  }
  return controller === undefined ? [] : [controlled(controller, because)]
}

/** The target type of an ALB: from the Service, the Ingress, or its class, in this order. */
function albTargetOf(
  route: Resource,
  service: Resource,
  ingressClass: Resource | undefined,
  around: Surroundings,
): string | undefined {
  const parameters = ingressClass?.get('spec', 'parameters', 'name').text
  const [params] = parameters === undefined ? [] : around.named('IngressClassParams', parameters, route)
  return service.annotation(albTarget) ?? route.annotation(albTarget) ?? params?.get('spec', 'targetType').text
}

function controlled({ name, behind, isNearest, settle }: Controller, because: string): Balancer {
  const nearest = isNearest ? `; the nearest preset of podrain is \`${behind}\`` : ''
  return { behind, name, settle: settle ?? presets[behind].settle, because: `${because}${nearest}` }
}

function balancersOfGateways(route: Resource, around: Surroundings): Balancer[] {
  const parents = route
    .get('spec', 'parentRefs')
    .items.filter((ref) => (ref.get('kind').text ?? 'Gateway') === 'Gateway')
  return parents.flatMap((ref) => {
    const namespace = ref.get('namespace').text
    const gateways = around.named('Gateway', ref.get('name').text ?? '', route, namespace)
    return gateways.flatMap((gateway) => {
      const name = gateway.get('spec', 'gatewayClassName').text ?? ''
      const [gatewayClass] = around.named('GatewayClass', name, gateway)
      const controller = controllerOf('gatewayClass', {
        name,
        controller: gatewayClass?.get('spec', 'controllerName').text,
      })
      if (controller === undefined) return []
      // These route to nodes too, unless a TargetGroupConfiguration says otherwise.
      return /^aws-/.test(controller.name)
        ? [balancer('kube-proxy', `${gateway.label} (class ${name}, which routes to nodes)`)]
        : [controlled(controller, `${gateway.label} (class ${name})`)]
    })
  })
}

/** Whether the name of an annotation begins with a prefix. */
export function annotated(resource: Resource, prefix: string): boolean {
  return resource.get('metadata', 'annotations').entries.some(([name]) => name.startsWith(prefix))
}

/** Whether a mesh adds its proxy to the pod, as far as the manifest shows. */
function isMeshed(pod: Pod): boolean {
  return isIstio(pod) || isLinkerd(pod)
}

export function isIstio(pod: Pod): boolean {
  const inject = pod.label('sidecar.istio.io/inject') ?? pod.annotation('sidecar.istio.io/inject')
  return inject === 'true' || pod.running.some(({ name }) => name === 'istio-proxy')
}

export function isLinkerd(pod: Pod): boolean {
  return pod.annotation('linkerd.io/inject') === 'enabled' || pod.running.some(({ name }) => name === 'linkerd-proxy')
}
