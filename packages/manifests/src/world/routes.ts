import type { Resource } from '../objects/resource.js'
import type { Place } from '../text/place.js'

/** A way from outside to a Service. */
export interface Route {
  readonly resource: Resource
  readonly place: Place
  /** The name of the Service, in the namespace of the resource. */
  readonly service: string
  readonly path: string
  readonly exact: boolean
}

/** What leads to Services. */
export const routeKinds = ['Ingress', 'HTTPRoute', 'VirtualService'] as const

/** All ways that an object opens: where it says so, to which Service, and for which paths. */
export function routesOf(resource: Resource): readonly Route[] {
  if (resource.kind === 'Ingress') return routesOfIngress(resource)
  if (resource.kind === 'HTTPRoute') return routesOfHttpRoute(resource)
  return resource.apiVersion.startsWith('networking.istio.io/') ? routesOfVirtualService(resource) : []
}

function routesOfIngress(resource: Resource): Route[] {
  const named = (backend: Place) => backend.get('service', 'name').text ?? backend.get('serviceName').text
  const routes = resource
    .get('spec', 'rules')
    .items.flatMap((rule) => rule.get('http', 'paths').items)
    .flatMap((place): Route[] => {
      const service = named(place.get('backend'))
      if (service === undefined) return []
      const [path, exact] = [place.get('path').text ?? '/', place.get('pathType').text === 'Exact']
      return [{ resource, place, service, path, exact }]
    })
  const fallback = resource.get('spec', 'defaultBackend')
  const service = named(fallback)
  if (service !== undefined) routes.push({ resource, place: fallback, service, path: '/', exact: false })
  return routes
}

function routesOfHttpRoute(resource: Resource): Route[] {
  return resource.get('spec', 'rules').items.flatMap((rule) => {
    const services = rule
      .get('backendRefs')
      .items.flatMap((ref) => ((ref.get('kind').text ?? 'Service') === 'Service' ? [ref.get('name').text] : []))
    const ways = rule.get('matches').items.map((place) => ({
      place,
      path: place.get('path', 'value').text ?? '/',
      exact: place.get('path', 'type').text === 'Exact',
    }))
    return routesFor(resource, services, ways.length > 0 ? ways : [everyPath(rule)])
  })
}

function routesOfVirtualService(resource: Resource): Route[] {
  return resource.get('spec', 'http').items.flatMap((rule) => {
    // `reviews`, or `reviews.shop.svc.cluster.local`
    const services = rule.get('route').items.map((each) => each.get('destination', 'host').text?.split('.')[0])
    const ways = rule.get('match').items.map((place) => {
      const exact = place.get('uri', 'exact').text
      const path = exact ?? place.get('uri', 'prefix').text ?? place.get('uri', 'regex').text ?? '/'
      return { place, path, exact: exact !== undefined }
    })
    return routesFor(resource, services, ways.length > 0 ? ways : [everyPath(rule)])
  })
}

type Way = Pick<Route, 'place' | 'path' | 'exact'>

function everyPath(place: Place): Way {
  return { place, path: '/', exact: false }
}

/** Each of the ways, to each of the Services once. */
function routesFor(resource: Resource, services: ReadonlyArray<string | undefined>, ways: readonly Way[]): Route[] {
  return [...new Set(services)].flatMap((service) =>
    service === undefined ? [] : ways.map((way) => ({ resource, service, ...way })),
  )
}
