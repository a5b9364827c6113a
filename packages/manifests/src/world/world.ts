import type { Behind } from '@podrain/core'
import { type Container, type Pod, podsOf } from '../objects/pod.js'
import { type Resource, textsOf } from '../objects/resource.js'
import { addTo } from '../shared/lists.js'
import type { Place } from '../text/place.js'
import { type Balancer, balancersOf, balancersOfRoute } from './balancer.js'
import { type DrainVariables, drainVariablesOf } from './drain-variables.js'
import { Lookup } from './lookup.js'
import { type Route, routeKinds, routesOf } from './routes.js'
import { strayedOf } from './strayed.js'

/** Facts that are not in the files, but known to the caller. */
export interface Facts {
  /** What routes to the pods. @default what the files show, else 'kube-proxy' */
  readonly behind?: Behind
  /** How long the longest request takes, in ms. @default unknown */
  readonly longestRequest?: number
  /** The minor version of the cluster, such as `1.29`. @default the newest version with schemas */
  readonly kubernetes?: string
}

/** A number of pods, and the reason as a clause. */
export interface Least {
  readonly pods: number
  readonly because: string
}

/** The objects of one cluster and their relations, as far as the files show them. */
export class World {
  readonly resources: readonly Resource[]
  readonly pods: readonly Pod[]
  readonly facts: Facts
  /** Where it comes from, if the files contain several worlds: `overlays/prod`. */
  readonly name: string | undefined
  /** Whether everything could be followed. Only then an object that is not found is missing. */
  readonly isComplete: boolean
  readonly #byKind = new Map<string, Resource[]>()

  constructor(
    resources: readonly Resource[],
    facts: Facts = {},
    { name, isComplete = true }: { readonly name?: string | undefined; readonly isComplete?: boolean } = {},
  ) {
    this.resources = resources
    this.facts = facts
    this.name = name
    this.isComplete = isComplete
    this.pods = resources.flatMap(podsOf)
    for (const resource of resources) addTo(this.#byKind, resource.kind, resource)
  }

  kind(kind: string): readonly Resource[] {
    return this.#byKind.get(kind) ?? []
  }

  /** The objects with this kind and name in a namespace, by default that of the object `near` that refers to them. */
  named(
    kind: string,
    name: string,
    near: Resource,
    namespace: string | undefined = near.namespace,
  ): readonly Resource[] {
    return this.#named().get(namespace, `${kind}/${name}`)
  }

  readonly #named = once(() => {
    const named = new Lookup<Resource>()
    for (const resource of this.resources) {
      named.add(resource.namespace, `${resource.kind}/${resource.name}`, resource)
    }
    return named
  })

  /** The Services that route to a pod, or that are probably meant to, so that other mistakes are found too. */
  servicesOf(pod: Pod): readonly Resource[] {
    return this.#services().get(pod) ?? []
  }

  readonly #services = once(() => {
    const services = new Map<Pod, Resource[]>()
    for (const service of this.kind('Service')) {
      const pods = this.podsOf(service)
      const meant = this.meantBy(service)
      for (const pod of meant === undefined ? pods : [meant]) addTo(services, pod, service)
    }
    return services
  })

  /** The pod that is probably meant by a Service that selects none; undefined in an incomplete world, which may have other pods. */
  meantBy(service: Resource): Pod | undefined {
    return this.isComplete && this.podsOf(service).length === 0 ? this.#strayed()(service) : undefined
  }

  readonly #strayed = once(() => strayedOf(this.pods))

  /** How a pod gets requests through Services. A headless Service is often only for peers. */
  exposureOf(pod: Pod): 'served' | 'headless' | 'none' {
    const services = this.servicesOf(pod).filter((service) => targetsOf(service).length > 0)
    if (services.length === 0) return 'none'
    return services.every((service) => service.get('spec', 'clusterIP').text === 'None') ? 'headless' : 'served'
  }

  /** The containers that the pod's Services route to. */
  servedContainersOf(pod: Pod): readonly Container[] {
    const targets = this.servicesOf(pod).flatMap(targetsOf)
    if (targets.length === 0) return []
    const served = pod.containers.filter((container) => targets.some((target) => container.hasPort(target)))
    // A container need not list its ports. In a pod with one container, the port is that container's.
    return served.length === 0 && pod.containers.length === 1 ? pod.containers : served
  }

  /** Whether requests may come to a container: not if the pod's Services route to other containers of the pod. */
  mayBeAsked(container: Container): boolean {
    return this.exposureOf(container.pod) === 'none' || this.servedContainersOf(container.pod).includes(container)
  }

  /** What the environment of a container tells podrain. */
  readonly drainVariablesOf: (container: Container) => DrainVariables = remembered((container) =>
    drainVariablesOf(container, (name) => this.named('ConfigMap', name, container.pod.resource)[0]),
  )

  /** Whether the pod gets requests, as far as the files show. */
  isAsked(pod: Pod): boolean {
    return pod.isPodrain || this.exposureOf(pod) !== 'none'
  }

  /**
   * Whether a second pod would not be a replica, or must not run at the same time: a database, a pod with its own data, or a pod with a
   * volume for one pod or one node. A volume whose claim is not in the files counts as such a volume.
   */
  isAlone(pod: Pod): boolean {
    return (
      this.isDatabase(pod) ||
      pod.resource.get('spec', 'volumeClaimTemplates').items.length > 0 ||
      this.claimsOf(pod).some((claim) => claim !== 'shared') ||
      (pod.kind === 'Deployment' && pod.hasOwnDisk)
    )
  }

  /** For each volume that the pod claims: whether several nodes may mount it. */
  claimsOf(pod: Pod): readonly ('shared' | 'single' | 'unknown')[] {
    return pod.claims.map((name) => {
      const [claim] = this.named('PersistentVolumeClaim', name, pod.resource)
      const modes = claim?.get('spec', 'accessModes').texts ?? []
      if (modes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany')) return 'shared'
      return modes.length > 0 ? 'single' : 'unknown'
    })
  }

  /** Whether the pod is a database or a broker: it has long-lived connections instead of requests that another pod could answer. */
  isDatabase(pod: Pod): boolean {
    if (databaseImages.test(pod.containers[0]?.image ?? '')) return true
    const numbers = this.servicesOf(pod)
      .flatMap(targetsOf)
      .map((target) => pod.containers.map((each) => each.portNumber(target)).find((number) => number !== undefined))
    return numbers.length > 0 && numbers.every((number) => number !== undefined && databases.has(number))
  }

  /** The pods that a Service routes to. */
  readonly podsOf: (service: Resource) => readonly Pod[] = remembered((service) =>
    service.apiVersion === 'v1' ? this.#withLabels(service, textsOf(service.get('spec', 'selector'))) : [],
  )

  /** The pods that a `LabelSelector` selects; none with `matchExpressions`, which are not evaluated here. */
  selected(by: Resource, selector: Place): readonly Pod[] {
    if (selector.get('matchExpressions').items.length > 0) return []
    return this.#withLabels(by, textsOf(selector.get('matchLabels')))
  }

  /** The pods that have all of these labels. No labels select nothing, as in a Service. */
  #withLabels({ namespace }: Resource, labels: Readonly<Record<string, string>>): readonly Pod[] {
    const entries = Object.entries(labels)
    const [rarest] = entries
      .map(([name, text]) => ({ name, text, count: this.#labelled().count(namespace, labelled(name, text)) }))
      .sort((one, other) => one.count - other.count)
    if (rarest === undefined) return []
    return this.labelled(rarest.name, rarest.text, namespace).filter((pod) =>
      entries.every(([name, text]) => pod.labels[name] === text),
    )
  }

  /** The pods that have a label. */
  labelled(name: string, text: string, namespace?: string): readonly Pod[] {
    return this.#labelled().get(namespace, labelled(name, text))
  }

  readonly #labelled = once(() => {
    const pods = new Lookup<Pod>()
    for (const pod of this.pods) {
      for (const [name, text] of Object.entries(pod.labels)) pods.add(pod.resource.namespace, labelled(name, text), pod)
    }
    return pods
  })

  /** The pods of objects with this name. */
  podsNamed(name: string, namespace?: string): readonly Pod[] {
    return this.#podsNamed().get(namespace, name)
  }

  readonly #podsNamed = once(() => {
    const pods = new Lookup<Pod>()
    for (const pod of this.pods) pods.add(pod.resource.namespace, pod.resource.name, pod)
    return pods
  })

  /** The autoscalers of the pod's workload. */
  autoscalersOf(pod: Pod): readonly Resource[] {
    return this.#autoscalers().get(pod) ?? []
  }

  /** The pods that an autoscaler scales. */
  scaledBy(scaler: Resource): readonly Pod[] {
    const target = scaler.get('spec', 'scaleTargetRef')
    const name = target.get('name').text
    const kind = target.get('kind').text ?? 'Deployment'
    return name === undefined ? [] : this.podsNamed(name, scaler.namespace).filter((pod) => pod.kind === kind)
  }

  readonly #autoscalers = once(() => {
    const scalers = new Map<Pod, Resource[]>()
    for (const scaler of [...this.kind('HorizontalPodAutoscaler'), ...this.kind('ScaledObject')]) {
      for (const pod of this.scaledBy(scaler)) addTo(scalers, pod, scaler)
    }
    return scalers
  })

  /** The routes of Ingresses and other objects to a Service. */
  routesTo(service: Resource): readonly Route[] {
    return this.#routes().get(service.namespace, service.name)
  }

  /** The lowest number of pods outside of a rollout; undefined if the files do not say it. */
  leastOf(pod: Pod): Least | undefined {
    const [scaler] = this.autoscalersOf(pod)
    if (scaler !== undefined) {
      const isKeda = scaler.kind === 'ScaledObject'
      const idle = scaler.get('spec', 'idleReplicaCount').number
      const place = scaler.get('spec', isKeda ? 'minReplicaCount' : 'minReplicas')
      const pods = idle ?? (place.exists ? place.number : isKeda ? 0 : 1)
      return pods === undefined ? undefined : { pods, because: `${scaler.label} scales down to ${pods}` }
    }
    const { replicas } = pod
    if (replicas === undefined) return undefined
    const isSaid = pod.resource.get('spec', 'replicas').exists
    return { pods: replicas, because: isSaid ? `replicas ${replicas}` : 'replicas is 1 by default' }
  }

  /** The load balancers that route to a pod, the slowest first. */
  readonly balancersOf: (pod: Pod) => readonly [Balancer, ...Balancer[]] = remembered((pod) => balancersOf(pod, this))

  /** Whether the controller of an Ingress or a route is a known one. The known ones are HTTP proxies that add `X-Forwarded-For`. */
  isByKnownProxy(route: Resource, service: Resource): boolean {
    return balancersOfRoute(route, service, this).length > 0
  }

  /** The Services that an Ingress or a route routes to. */
  servicesBehind(route: Resource): readonly Resource[] {
    const services = routesOf(route).flatMap(({ service, namespace }) =>
      this.named('Service', service, route, namespace),
    )
    return [...new Set(services)]
  }

  readonly #routes = once(() => {
    const routes = new Lookup<Route>()
    for (const resource of routeKinds.flatMap((kind) => this.kind(kind))) {
      for (const route of routesOf(resource)) routes.add(route.namespace, route.service, route)
    }
    return routes
  })

  /** The slowest of the load balancers that route to a pod. */
  balancerOf(pod: Pod): Balancer {
    return this.balancersOf(pod)[0]
  }
}

/** Ports of databases and brokers: MySQL, PostgreSQL, Redis, MongoDB, memcached, AMQP, Kafka, ZooKeeper, NATS, Cassandra, DNS. */
const databases = new Set([3306, 5432, 6379, 27017, 11211, 5672, 9092, 2181, 4222, 9042, 53])

/** The names of their official images. */
const databaseImages =
  /(^|\/)(postgres(ql)?|postgis|timescaledb(-ha)?|mysql|mysql-server|mariadb|percona(-server)?|mongo|mongodb|redis|valkey|keydb|memcached|cassandra|scylla|couchdb|couchbase|neo4j|influxdb|elasticsearch|opensearch|clickhouse-server|cockroach|etcd|rabbitmq|zookeeper|cp-kafka|kafka|mssql\/server|oracle-xe)(:|@|$)/

/** Whether a port is for metrics, by its name. A failed scrape is repeated, so it is no lost request. */
export function isScraped(port: Place): boolean {
  return /metrics|prom(etheus)?\b|telemetry|monitor/.test(port.get('name').text ?? '')
}

/** The ports of pods that a Service sends requests to; empty for a Service for metrics, by its name. */
export function targetsOf(service: Resource): readonly Place[] {
  if (/(^|-)(metrics|telemetry|monitoring|prometheus-exporter|exporter)$/.test(service.name)) return []
  return service
    .get('spec', 'ports')
    .items.filter((port) => !isScraped(port))
    .map((port) => (port.get('targetPort').exists ? port.get('targetPort') : port.get('port')))
}

function labelled(name: string, text: string): string {
  return `${name}=${text}`
}

/** A memoised function: `make` runs once for each key. */
function remembered<Key, Made>(make: (key: Key) => Made): (key: Key) => Made {
  const known = new Map<Key, Made>()
  return (key) => {
    if (!known.has(key)) known.set(key, make(key))
    return known.get(key) as Made
  }
}

/** A lazy value: `make` runs at the first call. */
function once<Made>(make: () => Made): () => Made {
  const made = remembered<undefined, Made>(make)
  return () => made(undefined)
}
