import type { Behind } from '@podrain/core'
import { type Pod, podsOf } from '../objects/pod.js'
import { type Resource, textsOf } from '../objects/resource.js'
import { addTo } from '../shared/lists.js'
import type { Place } from '../text/place.js'
import { type Balancer, balancersOf } from './balancer.js'
import { Lookup } from './lookup.js'
import { type Route, routeKinds, routesOf } from './routes.js'
import { strayedOf } from './strayed.js'

/** What the files cannot say, and who calls knows. */
export interface Facts {
  /** What sends to the pods; otherwise it is looked for in the files. */
  readonly behind?: Behind
  /** Milliseconds that the longest request takes. */
  readonly longestRequest?: number
  /** The Kubernetes of the cluster: `1.29`. Without it, the newest that there are schemas of. */
  readonly kubernetes?: string
}

/** A number of pods, and what says so. */
export interface Least {
  readonly pods: number
  readonly because: string
}

/** All that is in one cluster, as far as the files tell: every object, and how they hang together. */
export class World {
  readonly resources: readonly Resource[]
  readonly pods: readonly Pod[]
  readonly facts: Facts
  /** What it comes from, where the files hold several: `overlays/prod`. */
  readonly name: string | undefined
  /** Whether there is nothing in it that could not be followed: only then something is known not to be there. */
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

  /** The objects of that kind and name that another one means by it: in its own namespace, or in the one it says. */
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

  /** The Services that send to a pod, or would if their selectors selected anything: what else is wrong is told as well. */
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

  /** The pod that a Service most likely means which selects none. Where something could not be followed, there may be others. */
  meantBy(service: Resource): Pod | undefined {
    return this.isComplete && this.podsOf(service).length === 0 ? this.#strayed()(service) : undefined
  }

  readonly #strayed = once(() => strayedOf(this.pods))

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

  /**
   * Whether a second one is no replica of the first, or must not be there at the same time: a database, what keeps data of its own,
   * or what has a volume that one pod or one node may hold. A volume whose claim is not in the files is taken for such a one.
   */
  isAlone(pod: Pod): boolean {
    return (
      this.isDatabase(pod) ||
      pod.resource.get('spec', 'volumeClaimTemplates').items.length > 0 ||
      this.claimsOf(pod).some((claim) => claim !== 'shared') ||
      (pod.kind === 'Deployment' && pod.hasOwnDisk)
    )
  }

  /** For each volume that it claims, whether several nodes may mount it. */
  claimsOf(pod: Pod): readonly ('shared' | 'single' | 'unknown')[] {
    return pod.claims.map((name) => {
      const [claim] = this.named('PersistentVolumeClaim', name, pod.resource)
      const modes = claim?.get('spec', 'accessModes').texts ?? []
      if (modes.some((mode) => mode === 'ReadWriteMany' || mode === 'ReadOnlyMany')) return 'shared'
      return modes.length > 0 ? 'single' : 'unknown'
    })
  }

  /** Whether it is a program that keeps its connections, and has no requests to be led elsewhere. */
  isDatabase(pod: Pod): boolean {
    if (databaseImages.test(pod.containers[0]?.image ?? '')) return true
    const numbers = this.servicesOf(pod)
      .flatMap(targetsOf)
      .map((target) => pod.containers.map((each) => each.portNumber(target)).find((number) => number !== undefined))
    return numbers.length > 0 && numbers.every((number) => number !== undefined && databases.has(number))
  }

  /** The pods that a Service sends to. */
  readonly podsOf: (service: Resource) => readonly Pod[] = remembered((service) =>
    service.apiVersion === 'v1' ? this.#withLabels(service, textsOf(service.get('spec', 'selector'))) : [],
  )

  /** The pods that a `LabelSelector` selects. */
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

  /** The pods of objects of that name. */
  podsNamed(name: string, namespace?: string): readonly Pod[] {
    return this.#podsNamed().get(namespace, name)
  }

  readonly #podsNamed = once(() => {
    const pods = new Lookup<Pod>()
    for (const pod of this.pods) pods.add(pod.resource.namespace, pod.resource.name, pod)
    return pods
  })

  /** The autoscalers of the object that makes the pod. */
  autoscalersOf(pod: Pod): readonly Resource[] {
    return this.#autoscalers().get(pod) ?? []
  }

  /** The pods whose number an autoscaler decides on. */
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

  /** The rules of Ingresses and routes that lead to a Service: where they say so, and for which paths. */
  routesTo(service: Resource): readonly Route[] {
    return this.#routes().get(service.namespace, service.name)
  }

  /** The lowest number of pods there is while nothing rolls, if the files say so. */
  leastOf(pod: Pod): Least | undefined {
    const [scaler] = this.autoscalersOf(pod)
    if (scaler !== undefined) {
      const isKeda = scaler.kind === 'ScaledObject'
      const idle = scaler.get('spec', 'idleReplicaCount').number
      const place = scaler.get('spec', isKeda ? 'minReplicaCount' : 'minReplicas')
      const pods = idle ?? (place.exists ? place.number : isKeda ? 0 : 1)
      return pods === undefined ? undefined : { pods, because: `${scaler.label} goes down to ${pods}` }
    }
    const { replicas } = pod
    if (replicas === undefined) return undefined
    const isSaid = pod.resource.get('spec', 'replicas').exists
    return { pods: replicas, because: isSaid ? `replicas ${replicas}` : 'replicas is 1 by default' }
  }

  /** All that send to a pod, the slowest to learn first. */
  readonly balancersOf: (pod: Pod) => readonly [Balancer, ...Balancer[]] = remembered((pod) => balancersOf(pod, this))

  /** The Services that an Ingress or a route leads to. */
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

  /** The slowest to learn of all that send to a pod: what the caller or an annotation says, else what the files show. */
  balancerOf(pod: Pod): Balancer {
    return this.balancersOf(pod)[0]
  }
}

/** Ports of what keeps its connections: MySQL, PostgreSQL, Redis, MongoDB, memcached, AMQP, Kafka, ZooKeeper, NATS, Cassandra, DNS. */
const databases = new Set([3306, 5432, 6379, 27017, 11211, 5672, 9092, 2181, 4222, 9042, 53])

/** Their images, as they are called where they come from. */
const databaseImages =
  /(^|\/)(postgres(ql)?|postgis|timescaledb(-ha)?|mysql|mysql-server|mariadb|percona(-server)?|mongo|mongodb|redis|valkey|keydb|memcached|cassandra|scylla|couchdb|couchbase|neo4j|influxdb|elasticsearch|opensearch|clickhouse-server|cockroach|etcd|rabbitmq|zookeeper|cp-kafka|kafka|mssql\/server|oracle-xe)(:|@|$)/

/** Whether a port, by its name, is there to be scraped: what fails there is asked again, and lost to nobody. */
export function isScraped(port: Place): boolean {
  return /metrics|prom(etheus)?\b|telemetry|monitor/.test(port.get('name').text ?? '')
}

/** Ports of the pods that a Service sends requests to: none if it is there to be scraped. */
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

/** The same, made once for each. */
function remembered<Key, Made>(make: (key: Key) => Made): (key: Key) => Made {
  const known = new Map<Key, Made>()
  return (key) => {
    if (!known.has(key)) known.set(key, make(key))
    return known.get(key) as Made
  }
}

/** The same, made when it is first wanted. */
function once<Made>(make: () => Made): () => Made {
  const made = remembered<undefined, Made>(make)
  return () => made(undefined)
}
