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
  severe: 'It depends on who can reach the route, and on the proxy in front.',
  title: 'A `/prestop` that strangers can reach',
  why: 'Whoever can call `/prestop` can make the pod unready for one grace period. podrain refuses callers that came through a proxy, by the headers that proxies add; but a load balancer below HTTP adds none, and neither does a bare nginx. Nobody outside needs a route to `/prestop`: the kubelet calls the pod itself.',
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
          `${named.resource.label} leads strangers to \`${way.path}\` of ${pod.resource.label}. podrain refuses them, but there is no use in that route`,
          {
            fix: 'Remove the route: the kubelet calls the pod itself',
          },
        )
      } else if (unmarked !== undefined) {
        report(
          unmarked.place,
          `${unmarked.name} leads to the port of \`${way.path}\` of ${pod.resource.label} without adding a header that podrain could know it by: anybody who reaches it can make the pod unready`,
          {
            fix: 'Set `PODRAIN_TOKEN` (and `Authorization` in the hook), or a `controlPort` that is in no Service',
          },
        )
      } else if (routes[0] !== undefined) {
        const [{ place, resource, path }] = routes as [Route, ...Route[]]
        report(
          place.get('path').exists ? place.get('path') : place,
          `${resource.label} leads \`${path}\`, and so \`${way.path}\`, to ${pod.resource.label}; podrain refuses what came through a proxy that says so`,
          {
            severity: 'info',
            fix: 'Nothing, behind a proxy that adds X-Forwarded-For. Else `PODRAIN_TOKEN`, or a `controlPort` that is in no Service',
          },
        )
      }
    }
  }),
}

const controlPortExposed: Rule = {
  id: 'control-port-exposed',
  severity: 'warning',
  severe: 'It depends on who can reach the Service.',
  title: 'A control port in a Service',
  why: 'A `controlPort` is there so that nobody but the kubelet reaches `/prestop`. In a Service it can be reached like the app.',
  check: eachPod((pod, report, world) => {
    for (const service of world.servicesOf(pod)) {
      const ports = service.get('spec', 'ports').items
      const way = exposed(pod, service)
      // A Service with one port exposes the app, not a control port.
      if (way === undefined || ports.length < 2 || hasToken(pod)) continue
      const name = way.port.get('name').text ?? ''
      const target = way.port.get('targetPort').text ?? ''
      if (!/control|drain|admin|mgmt|management/.test(`${name} ${target}`)) continue
      report(way.port, `${service.label} leads to the port of \`${way.path}\`, which only the kubelet needs`, {
        fix: 'Remove it from the Service: the kubelet calls the pod itself',
      })
    }
  }),
}

const targetPort: Rule = {
  id: 'service-port',
  severity: 'warning',
  severe: 'The name may be meant for other pods that the Service selects as well.',
  title: 'A Service that sends to a port name which no container has',
  why: 'A named `targetPort` is looked up in the pod. If no container has a port of that name, the pod is not among the endpoints of that port, and nothing says so.',
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
        `No container of ${without.resource.label} has a port named \`${target.text}\`${names.length === 0 ? '' : `; there are ${names.join(', ')}`}`,
        {
          fix: 'Name the container’s port so, or write its number',
        },
      )
    }
  }),
}

const notReady: Rule = {
  id: 'publish-not-ready',
  severity: 'warning',
  severe: 'It depends on whether somebody sends through that Service.',
  title: 'A Service that sends to pods which are not ready',
  why: 'With `publishNotReadyAddresses` every pod counts as ready, also while it ends: it is sent to until it is gone, so no drain is ever long enough. It is meant for peers that find each other through a headless Service of their own.',
  check: each(['Service'], (service, report, world) => {
    const place = service.get('spec', 'publishNotReadyAddresses')
    if (place.value !== true || service.get('spec', 'clusterIP').text === 'None') return
    if (world.podsOf(service).length === 0) return
    report(place, 'Pods that end are sent to until they are gone: they count as ready all the time', {
      fix: 'Remove it, or use a headless Service of its own for the peers',
    })
  }),
}

const localPolicy: Rule = {
  id: 'local-traffic',
  severity: 'info',
  severe: 'It depends on how many pods a node has.',
  title: 'A Service that sends only to pods of the same node',
  why: 'With `Local`, kube-proxy sends only to pods of its own node. While the last pod of a node ends, it still sends to it if the readiness probe succeeds (KEP-1669); with podrain that fails during a drain, unless `readyzWhileDraining` is `pass`.',
  check: each(['Service'], (service, report, world) => {
    const place = [service.get('spec', 'externalTrafficPolicy'), service.get('spec', 'internalTrafficPolicy')].find(
      ({ text }) => text === 'Local',
    )
    if (place === undefined || !world.podsOf(service).some(({ isPodrain }) => isPodrain)) return
    report(
      place,
      'The last pod of a node is still sent to while it ends, but only as long as it says that it is ready',
      {
        fix: "`readyzWhileDraining: 'pass'` in the app",
      },
    )
  }),
}

const daemonLocal: Rule = {
  id: 'daemonset-gap',
  severity: 'warning',
  severe: 'Only while it rolls, and only on that node.',
  title: 'A DaemonSet that leaves its node without a pod while it rolls',
  why: 'A DaemonSet ends the pod of a node before it starts the new one, unless `maxSurge` says otherwise. Where traffic is only sent to pods of the same node, nobody answers in between.',
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
      `On each node the old pod ends before the new one begins, and ${local.label} sends to no other node`,
      {
        fix: 'updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }',
      },
    )
  }),
}

const deregistration: Rule = {
  id: 'deregistration-delay',
  severity: 'warning',
  severe: 'It depends on how long requests take.',
  title: 'A deregistration delay that does not go with the grace period',
  why: 'When an AWS target is taken out, an ALB leaves its open requests alone for `deregistration_delay.timeout_seconds` (300 s by default), then it cuts them, even if the pod still works. (An NLB cuts them only if told to.) A delay longer than the grace period is of no use: the pod is gone by then.',
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
            `The load balancer cuts what is open after ${delay} s${request > 0 ? `, but the longest request takes ${seconds(request)}` : ', that is at once'}`,
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
          `The target is kept for ${delay} s, but ${short.resource.label} is gone after ${short.grace} s: the other ${delay - short.grace} s are of no use`,
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
  severe: 'It depends on how long requests take.',
  title: 'A BackendConfig without connection draining',
  why: 'Google’s load balancer cuts open connections at once when an endpoint is taken out, unless `connectionDraining.drainingTimeoutSec` says otherwise: it is 0 by default.',
  check(world, report) {
    const used = new Set(world.kind('BackendConfig').length === 0 ? [] : world.kind('Service').flatMap(backendsOf))
    for (const config of world.kind('BackendConfig')) {
      const place = config.get('spec', 'connectionDraining', 'drainingTimeoutSec')
      if ((place.number ?? 0) > 0 || (!used.has(config.name) && !place.exists)) continue
      report(
        place.exists ? place : config.get('spec'),
        'Open connections are cut as soon as the endpoint is taken out: `drainingTimeoutSec` is 0',
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
