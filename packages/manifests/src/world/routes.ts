import { type Resource, sameNamespace } from '../objects/resource.js'
import type { Place } from '../text/place.js'

/** A way from outside to a Service. */
export interface Route {
  readonly resource: Resource
  readonly place: Place
  readonly path: string
  readonly exact: boolean
}

/** The rules of Ingresses and routes that lead to a Service: where they say so, and for which paths. */
export function routesTo(service: Resource, kind: (kind: string) => readonly Resource[]): readonly Route[] {
  return [
    ...kind('Ingress').flatMap((ingress) => routesOfIngress(ingress, service)),
    ...kind('HTTPRoute').flatMap((route) => routesOfHttpRoute(route, service)),
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
