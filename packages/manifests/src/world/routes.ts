import type { Resource } from '../objects/resource.js'
import type { Place } from '../text/place.js'

/** A route from outside to a Service. */
export interface Route {
  readonly resource: Resource
  readonly place: Place
  /** The name of the Service. */
  readonly service: string
  /** The namespace of the Service; undefined if the files do not say. */
  readonly namespace: string | undefined
  readonly path: string
  readonly exact: boolean
}

/** Routes of the Gateway API. All have their backends at the same path. */
export const gatewayRoutes = ['HTTPRoute', 'GRPCRoute', 'TLSRoute', 'TCPRoute', 'UDPRoute'] as const

/** A reference to a Service in an Ingress or a route. */
export interface Backend {
  readonly name: string
  /** undefined: the namespace of the route. */
  readonly namespace: string | undefined
  /** A number or a name; undefined if none is given. */
  readonly port: number | string | undefined
  readonly place: Place
}

/** All references to Services in an Ingress or a route. */
export function backendsOf(route: Resource): readonly Backend[] {
  if (route.kind === 'Ingress') {
    return waysOfIngress(route).flatMap(({ backend }) => {
      const [place, port] = [backend.get('service', 'name'), backend.get('service', 'port')]
      if (place.text === undefined) return []
      return [
        { name: place.text, namespace: undefined, port: port.get('number').number ?? port.get('name').text, place },
      ]
    })
  }
  const refs = route.get('spec', 'rules').items.flatMap((rule) => rule.get('backendRefs').items)
  return refs.filter(isServiceRef).map((ref) => ({
    name: ref.get('name').text ?? '',
    namespace: ref.get('namespace').text,
    port: ref.get('port').number,
    place: ref.get('name'),
  }))
}

/** Whether a backend is a Service. Other kinds are buckets, imported Services and so on. */
function isServiceRef(ref: Place): boolean {
  return (ref.get('kind').text ?? 'Service') === 'Service' && (ref.get('group').text ?? '') === ''
}

/** The kinds that route to Services. */
export const routeKinds: readonly string[] = ['Ingress', ...gatewayRoutes, 'VirtualService']

/** All routes of an object: the place, the Service and the path of each. */
export function routesOf(resource: Resource): readonly Route[] {
  if (resource.kind === 'Ingress') return routesOfIngress(resource)
  if ((gatewayRoutes as readonly string[]).includes(resource.kind)) return routesOfGatewayRoute(resource)
  return resource.apiVersion.startsWith('networking.istio.io/') ? routesOfVirtualService(resource) : []
}

/** The paths of an Ingress, and its default backend for every other path, each with its backend. */
function waysOfIngress(ingress: Resource): readonly { readonly way: Way; readonly backend: Place }[] {
  const paths = ingress.get('spec', 'rules').items.flatMap((rule) => rule.get('http', 'paths').items)
  const fallback = ingress.get('spec', 'defaultBackend')
  return [
    ...paths.map((place) => ({
      way: { place, path: place.get('path').text ?? '/', exact: place.get('pathType').text === 'Exact' },
      backend: place.get('backend'),
    })),
    { way: everyPath(fallback), backend: fallback },
  ]
}

function routesOfIngress(resource: Resource): Route[] {
  return waysOfIngress(resource).flatMap(({ way, backend }) => {
    const service = backend.get('service', 'name').text ?? backend.get('serviceName').text
    return routesFor(resource, { namespace: resource.namespace, service }, [way])
  })
}

function routesOfGatewayRoute(resource: Resource): Route[] {
  return resource.get('spec', 'rules').items.flatMap((rule) => {
    const ways = rule.get('matches').items.map((place) => ({
      place,
      path: place.get('path', 'value').text ?? '/',
      exact: place.get('path', 'type').text === 'Exact',
    }))
    return rule
      .get('backendRefs')
      .items.filter(isServiceRef)
      .flatMap((ref) => {
        const to = { namespace: ref.get('namespace').text ?? resource.namespace, service: ref.get('name').text }
        return routesFor(resource, to, ways.length > 0 ? ways : [everyPath(rule)])
      })
  })
}

function routesOfVirtualService(resource: Resource): Route[] {
  return resource.get('spec', 'http').items.flatMap((rule) => {
    // `reviews`, or `reviews.shop.svc.cluster.local`
    const services = new Set(rule.get('route').items.map((each) => each.get('destination', 'host').text?.split('.')[0]))
    const ways = rule.get('match').items.map((place) => {
      const exact = place.get('uri', 'exact').text
      const path = exact ?? place.get('uri', 'prefix').text ?? place.get('uri', 'regex').text ?? '/'
      return { place, path, exact: exact !== undefined }
    })
    return [...services].flatMap((service) =>
      routesFor(resource, { namespace: resource.namespace, service }, ways.length > 0 ? ways : [everyPath(rule)]),
    )
  })
}

type Way = Pick<Route, 'place' | 'path' | 'exact'>

function everyPath(place: Place): Way {
  return { place, path: '/', exact: false }
}

/** A route to the Service for each of the ways. */
function routesFor(
  resource: Resource,
  { namespace, service }: { readonly namespace: string | undefined; readonly service: string | undefined },
  ways: readonly Way[],
): Route[] {
  return service === undefined ? [] : ways.map((way) => ({ resource, service, namespace, ...way }))
}
