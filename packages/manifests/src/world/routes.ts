import { type Resource, sameNamespace } from '../objects/resource.js'
import type { Place } from '../text/place.js'

/** A way from outside to a Service. */
export interface Route {
  readonly resource: Resource
  readonly place: Place
  readonly path: string
  readonly exact: boolean
}

/** Routes of the Gateway API; where they lead stands in the same place in each. */
export const gatewayRoutes = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const

/** A Service that something outside leads to, and where it says so. */
export interface Backend {
  readonly name: string
  /** If it is not the one of the route. */
  readonly namespace: string | undefined
  /** A number or a name; undefined if it says none. */
  readonly port: number | string | undefined
  readonly place: Place
}

/** All Services that an Ingress or a route leads to. */
export function backendsOf(route: Resource): readonly Backend[] {
  const spec = route.get('spec')
  if (route.kind === 'Ingress') {
    const paths = spec.get('rules').items.flatMap((rule) => rule.get('http', 'paths').items)
    return [spec.get('defaultBackend'), ...paths.map((each) => each.get('backend'))].flatMap((backend) => {
      const [place, port] = [backend.get('service', 'name'), backend.get('service', 'port')]
      if (place.text === undefined) return []
      return [
        { name: place.text, namespace: undefined, port: port.get('number').number ?? port.get('name').text, place },
      ]
    })
  }
  const refs = spec.get('rules').items.flatMap((rule) => rule.get('backendRefs').items)
  return refs.filter(isServiceRef).map((ref) => ({
    name: ref.get('name').text ?? '',
    namespace: ref.get('namespace').text,
    port: ref.get('port').number,
    place: ref.get('name'),
  }))
}

/** Other kinds are buckets, imported Services and the like. */
function isServiceRef(ref: Place): boolean {
  return (ref.get('kind').text ?? 'Service') === 'Service' && (ref.get('group').text ?? '') === ''
}

/** The rules of Ingresses and routes that lead to a Service: where they say so, and for which paths. */
export function routesTo(service: Resource, kind: (kind: string) => readonly Resource[]): readonly Route[] {
  return [
    ...kind('Ingress').flatMap((ingress) => routesOfIngress(ingress, service)),
    ...gatewayRoutes.flatMap((name) => kind(name).flatMap((route) => routesOfGatewayRoute(route, service))),
    ...kind('VirtualService').flatMap((route) => routesOfVirtualService(route, service)),
  ]
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

function routesOfGatewayRoute(route: Resource, service: Resource): Route[] {
  return route.get('spec', 'rules').items.flatMap((rule) => {
    const leads = rule.get('backendRefs').items.some((ref) => {
      const namespace = ref.get('namespace').text
      const isThere = namespace === undefined ? sameNamespace(route, service) : namespace === service.namespace
      return isThere && ref.get('name').text === service.name && isServiceRef(ref)
    })
    if (!leads) return []
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
