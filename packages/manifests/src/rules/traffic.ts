import type { Pod } from '../objects/pod.js'
import type { Resource } from '../objects/resource.js'
import { seconds } from '../shared/budget.js'
import type { Place } from '../text/place.js'
import { mayBeFilledIn } from '../text/placeholder.js'
import type { Route } from '../world/routes.js'
import { each, eachPod, type Rule } from './rule.js'

/** Whether a route matches the path `wanted`. */
function leads({ path, exact }: Route, wanted: string): boolean {
  // ingress-nginx allows regular expressions, and ALB wildcards. Only the part before them is compared.
  const plain = path.replace(/(\(.*|\/?\*.*|\[.*|\.\*.*)$/, '') || '/'
  if (exact) return plain === wanted
  return plain === '/' || wanted === plain || wanted.startsWith(plain.endsWith('/') ? plain : `${plain}/`)
}

/** The port of a Service that routes to the port of podrain's hook. */
function exposed(pod: Pod, service: Resource): { port: Place; hook: Place; path: string } | undefined {
  for (const container of pod.containers) {
    const { hook } = container
    if (hook?.handler !== 'httpGet' || !hook.isPodrain) continue
    const number = container.portNumber(hook.port)
    const port = service.get('spec', 'ports').items.find((each) => {
      const target = each.get('targetPort').exists ? each.get('targetPort') : each.get('port')
      return number !== undefined && container.portNumber(target) === number
    })
    if (port !== undefined) return { port, hook: hook.place, path: hook.plainPath ?? '/prestop' }
  }
  return undefined
}

/** Routes below HTTP, which add no headers. */
const belowHttp: ReadonlySet<string> = new Set(['TCPRoute', 'TLSRoute', 'UDPRoute'])

/** A route into the cluster that adds no forwarding headers to requests; undefined if there is none. */
function unmarkedOf(service: Resource, routes: readonly Route[]): { name: string; place: Place } | undefined {
  const type = service.get('spec', 'type')
  if (type.text === 'LoadBalancer' || type.text === 'NodePort') return { name: `A ${type.text}`, place: type }
  const route = routes.find(({ resource }) => belowHttp.has(resource.kind))
  return route && { name: route.resource.label, place: route.place }
}

function hasToken(pod: Pod): boolean {
  return pod.containers.some((container) => container.env('PODRAIN_TOKEN') !== undefined)
}

const prestopExposed: Rule = {
  id: 'prestop-exposed',
  severity: 'warning',
  severityReason: 'It depends on who can reach the route, and on the proxy in front of the pod.',
  title: 'A `/prestop` that clients outside of the cluster can call',
  why: 'Whoever calls `/prestop` makes the pod unready for one grace period. podrain refuses callers that came through a proxy, by the headers that proxies add. But a load balancer below HTTP adds no header, and neither does a bare nginx. No client needs a route to `/prestop`: the kubelet calls the pod itself.',
  check: eachPod((pod, report, world) => {
    if (hasToken(pod)) return
    for (const service of world.servicesOf(pod)) {
      const way = exposed(pod, service)
      if (way === undefined) continue
      const routes = world.routesTo(service).filter((route) => leads(route, way.path))
      const unmarked = unmarkedOf(service, routes)
      const named = routes.find(({ path }) => path.replace(/\/$/, '') === way.path)
      if (named !== undefined) {
        report(
          named.place.get('path').exists ? named.place.get('path') : named.place,
          `${named.resource.label} has a route to \`${way.path}\` of ${pod.resource.label}: podrain refuses its callers, so the route has no use`,
          {
            fix: 'Remove the route: the kubelet calls the pod itself',
          },
        )
      } else if (unmarked !== undefined) {
        report(
          unmarked.place,
          `${unmarked.name} routes to the port of \`${way.path}\` of ${pod.resource.label} without a header by which podrain recognises a proxy: every caller can make the pod unready`,
          {
            fix: 'Set `PODRAIN_TOKEN` (and `Authorization` in the hook), or a `controlPort` that is in no Service',
          },
        )
      } else {
        const unknown = routes.find(({ resource }) => !world.isByKnownProxy(resource, service))
        if (unknown === undefined) continue
        const { place, resource, path } = unknown
        report(
          place.get('path').exists ? place.get('path') : place,
          `${resource.label} routes \`${path}\`, and so \`${way.path}\`, to ${pod.resource.label}: podrain refuses its callers only if the proxy adds a header such as X-Forwarded-For`,
          {
            severity: 'info',
            fix: 'Nothing, if the proxy adds such a header. Else set `PODRAIN_TOKEN`, or a `controlPort` that is in no Service',
          },
        )
      }
    }
  }),
}

const controlPortExposed: Rule = {
  id: 'control-port-exposed',
  severity: 'warning',
  severityReason: 'It depends on who can reach the Service.',
  title: 'A control port in a Service',
  why: 'A `controlPort` is there so that only the kubelet reaches `/prestop`. In a Service, clients reach it like the app.',
  check: eachPod((pod, report, world) => {
    for (const service of world.servicesOf(pod)) {
      const ports = service.get('spec', 'ports').items
      const way = exposed(pod, service)
      // A Service with one port exposes the app, not a control port.
      if (way === undefined || ports.length < 2 || hasToken(pod)) continue
      const name = way.port.get('name').text ?? ''
      const target = way.port.get('targetPort').text ?? ''
      if (!/control|drain|admin|mgmt|management/.test(`${name} ${target}`)) continue
      report(way.port, `${service.label} routes to the port of \`${way.path}\`, which only the kubelet needs`, {
        fix: 'Remove it from the Service: the kubelet calls the pod itself',
      })
    }
  }),
}

const targetPort: Rule = {
  id: 'service-port',
  severity: 'warning',
  severityReason: 'The name may be meant for other pods that the Service selects, too.',
  title: 'A Service that routes to a port name that no container has',
  why: 'Kubernetes looks up a named `targetPort` in each pod. If no container has a port of that name, the pod is not among the endpoints of that port, and Kubernetes reports no error.',
  check: each(['Service'], (service, report, world) => {
    const pods = world.podsOf(service).filter(({ isWhole }) => isWhole)
    for (const port of service.get('spec', 'ports').items) {
      const target = port.get('targetPort')
      if (target.text === undefined || /^\d+$/.test(target.text) || mayBeFilledIn(target.text)) continue
      const without = pods.find((pod) => !pod.running.some((container) => container.hasPort(target)))
      if (without === undefined) continue
      const names = without.running.flatMap(({ ports }) =>
        ports.map((each) => each.get('name').text ?? String(each.get('containerPort').value)),
      )
      report(
        target,
        `No container of ${without.resource.label} has a port named \`${target.text}\`${names.length === 0 ? '' : `; the ports are ${names.join(', ')}`}`,
        {
          fix: `Name a port of the container \`${target.text}\`, or write its number`,
        },
      )
    }
  }),
}

const notReady: Rule = {
  id: 'publish-not-ready',
  severity: 'warning',
  severityReason: 'It depends on whether clients use that Service.',
  title: 'A Service that routes to pods that are not ready',
  why: 'With `publishNotReadyAddresses` every pod counts as ready, also while it terminates: the Service routes to it until it exits, so no drain is ever long enough. The field is meant for peers that find each other through a headless Service of their own.',
  check: each(['Service'], (service, report, world) => {
    const place = service.get('spec', 'publishNotReadyAddresses')
    if (place.value !== true || service.get('spec', 'clusterIP').text === 'None') return
    if (world.podsOf(service).length === 0) return
    report(place, 'The Service routes to a pod until it exits, also while it terminates: every pod counts as ready', {
      fix: 'Remove it, or give the peers a headless Service of their own',
    })
  }),
}

const localPolicy: Rule = {
  id: 'local-traffic',
  severity: 'info',
  severityReason: 'It depends on how many pods a node has.',
  title: 'A Service that routes only to pods of the same node',
  why: 'With `Local` kube-proxy routes only to pods of its own node. While the last pod of a node terminates, kube-proxy still routes to it if its readiness probe succeeds (KEP-1669). With podrain the probe fails during a drain, unless `readyzWhileDraining` is `pass`.',
  check: each(['Service'], (service, report, world) => {
    const place = [service.get('spec', 'externalTrafficPolicy'), service.get('spec', 'internalTrafficPolicy')].find(
      ({ text }) => text === 'Local',
    )
    if (place === undefined || !world.podsOf(service).some(({ isPodrain }) => isPodrain)) return
    report(
      place,
      'While the last pod of a node terminates, kube-proxy routes to it only if its readiness probe succeeds',
      {
        fix: "`readyzWhileDraining: 'pass'` in the app",
      },
    )
  }),
}

const daemonLocal: Rule = {
  id: 'daemonset-gap',
  severity: 'warning',
  severityReason: 'It matters only during a rollout, and only on that node.',
  title: 'A DaemonSet that leaves a node without a pod during a rollout',
  why: 'A DaemonSet terminates the pod of a node before it starts the new one, unless `maxSurge` says otherwise. Where a Service routes only to pods of the same node, no pod answers in between.',
  check: eachPod((pod, report, world) => {
    if (pod.kind !== 'DaemonSet' || pod.strategy.get('type').text === 'OnDelete') return
    if (world.isAlone(pod)) return
    // Two pods cannot have the same port of a node, so `maxSurge` is impossible.
    if (pod.hostNetwork || pod.containers.some(({ ports }) => ports.some((port) => port.get('hostPort').exists))) return
    const surge = pod.strategy.get('rollingUpdate', 'maxSurge').value
    if (surge !== undefined && surge !== 0 && surge !== '0%' && surge !== null) return
    const local = world
      .servicesOf(pod)
      .find(
        (service) =>
          service.get('spec', 'internalTrafficPolicy').text === 'Local' ||
          service.get('spec', 'externalTrafficPolicy').text === 'Local',
      )
    if (local === undefined) return
    report(
      pod.strategy.exists ? pod.strategy : pod.resource.get('spec'),
      `On each node the old pod terminates before the new one starts, and ${local.label} routes to no other node`,
      {
        fix: 'updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }',
      },
    )
  }),
}

const deregistration: Rule = {
  id: 'deregistration-delay',
  severity: 'warning',
  severityReason: 'It depends on how long requests take.',
  title: 'A deregistration delay that does not fit the grace period',
  why: 'When an AWS target is deregistered, an ALB lets its requests continue for `deregistration_delay.timeout_seconds` (300 s by default). Then the ALB cuts them, even if the pod still answers. (An NLB cuts them only if its attributes say so.) A delay longer than the grace period has no use: the pod has exited by then.',
  check: (world, report) => {
    for (const [kind, name] of [
      ['Ingress', 'alb.ingress.kubernetes.io/target-group-attributes'],
      ['Service', 'alb.ingress.kubernetes.io/target-group-attributes'],
      ['Service', 'service.beta.kubernetes.io/aws-load-balancer-target-group-attributes'],
    ] as const) {
      for (const resource of world.kind(kind)) {
        const place = resource.get('metadata', 'annotations', name)
        const [, text] = /deregistration_delay\.timeout_seconds=(\d+)/.exec(place.text ?? '') ?? []
        if (text === undefined) continue
        const delay = Number(text)
        const services = kind === 'Service' ? [resource] : world.servicesBehind(resource)
        const pods = [...new Set(services.flatMap((service) => world.podsOf(service)))]
        // A load balancer with nodes as targets keeps them when a pod ends.
        const isToNodes = pods.every((pod) =>
          world.balancersOf(pod).every(({ name }) => name !== 'aws-alb' && name !== 'aws-nlb'),
        )
        if (isToNodes && pods.length > 0) continue
        const request = world.facts.longestRequest ?? 0
        if (delay * 1000 < request || delay === 0) {
          report(
            place,
            `The load balancer cuts the requests of a target after ${delay} s${request > 0 ? `, but the longest request takes ${seconds(request)}` : ', that is at once'}`,
            {
              fix: `deregistration_delay.timeout_seconds=${Math.max(30, Math.ceil(request / 1000))}`,
            },
          )
          continue
        }
        const short = pods.find((pod) => pod.grace !== undefined && pod.grace < delay)
        if (short?.grace === undefined) continue
        report(
          place,
          `The load balancer keeps the target for ${delay} s, but ${short.resource.label} exits within ${short.grace} s: the other ${delay - short.grace} s have no use`,
          {
            severity: 'info',
            fix: `deregistration_delay.timeout_seconds=${short.grace}, or a longer \`terminationGracePeriodSeconds\``,
          },
        )
      }
    }
  },
}

const backendConfig: Rule = {
  id: 'gke-connection-draining',
  severity: 'warning',
  severityReason: 'It depends on how long requests take.',
  title: 'A BackendConfig without connection draining',
  why: 'Google’s load balancer cuts open connections as soon as an endpoint is removed, unless `connectionDraining.drainingTimeoutSec` says otherwise. The default is 0.',
  check(world, report) {
    const used = new Set(world.kind('BackendConfig').length === 0 ? [] : world.kind('Service').flatMap(backendsOf))
    for (const config of world.kind('BackendConfig')) {
      const place = config.get('spec', 'connectionDraining', 'drainingTimeoutSec')
      if ((place.number ?? 0) > 0 || (!used.has(config.name) && !place.exists)) continue
      report(
        place.exists ? place : config.get('spec'),
        'The load balancer cuts open connections as soon as an endpoint is removed: `drainingTimeoutSec` is 0',
        {
          fix: 'connectionDraining: { drainingTimeoutSec: 60 }',
        },
      )
    }
  },
}

/** The names of a Service's BackendConfigs: everything in quotes in its annotation, such as `{"default": "web"}`. */
function backendsOf(service: Resource): string[] {
  const text =
    service.annotation('cloud.google.com/backend-config') ??
    service.annotation('beta.cloud.google.com/backend-config') ??
    ''
  return [...text.matchAll(/"([^"]*)"/g)].map(([, name = '']) => name)
}

export const trafficRules: readonly Rule[] = [
  prestopExposed,
  controlPortExposed,
  targetPort,
  notReady,
  localPolicy,
  daemonLocal,
  deregistration,
  backendConfig,
]
