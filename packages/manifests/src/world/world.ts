import type { Behind } from '@podrain/core'
import { type Pod, podsOf } from '../objects/pod.js'
import { type Resource, sameNamespace, textsOf } from '../objects/resource.js'
import type { Place } from '../text/place.js'
import { type Balancer, balancersOf } from './balancer.js'
import { type Route, routesTo } from './routes.js'

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
  readonly #byName = new Map<string, Resource[]>()

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
    for (const resource of resources) {
      add(this.#byKind, resource.kind, resource)
      add(this.#byName, resource.label, resource)
    }
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
    const found = this.#byName.get(`${kind}/${name}`) ?? []
    return found.filter(
      (each) => each.namespace === undefined || namespace === undefined || each.namespace === namespace,
    )
  }

  /** The Services that send to a pod. */
  readonly servicesOf: (pod: Pod) => readonly Resource[] = remembered((pod) =>
    this.kind('Service').filter(
      (service) =>
        service.apiVersion === 'v1' &&
        sameNamespace(service, pod.resource) &&
        selects(this.#selectorOf(service), pod.labels),
    ),
  )

  /** Asked by every pod. */
  readonly #selectorOf = remembered((service: Resource) => textsOf(service.get('spec', 'selector')))

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
      this.claimsOf(pod).some((claim) => claim !== 'shared')
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
  podsOf(service: Resource): readonly Pod[] {
    return this.pods.filter((pod) => this.servicesOf(pod).includes(service))
  }

  /** The pods that a `LabelSelector` selects. */
  selected(by: Resource, selector: Place): readonly Pod[] {
    if (selector.get('matchExpressions').items.length > 0) return []
    const labels = textsOf(selector.get('matchLabels'))
    return this.pods.filter((pod) => sameNamespace(by, pod.resource) && selects(labels, pod.labels))
  }

  /** The autoscalers of the object that makes the pod. */
  readonly autoscalersOf: (pod: Pod) => readonly Resource[] = remembered((pod) =>
    [...this.kind('HorizontalPodAutoscaler'), ...this.kind('ScaledObject')].filter((scaler) => {
      if (!sameNamespace(scaler, pod.resource)) return false
      const target = scaler.get('spec', 'scaleTargetRef')
      return target.get('name').text === pod.resource.name && (target.get('kind').text ?? 'Deployment') === pod.kind
    }),
  )

  /** The rules of Ingresses and routes that lead to a Service: where they say so, and for which paths. */
  routesTo(service: Resource): readonly Route[] {
    return routesTo(service, (kind) => this.kind(kind))
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
    return { pods: replicas, because: isSaid ? `replicas ${replicas}` : 'replicas 1 (the default)' }
  }

  /** All that send to a pod, the slowest to learn first. */
  readonly balancersOf: (pod: Pod) => readonly [Balancer, ...Balancer[]] = remembered((pod) => balancersOf(pod, this))

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

/** Whether a map of labels selects these. An empty one selects nothing, as in a Service. */
function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  const entries = Object.entries(selector)
  return entries.length > 0 && entries.every(([name, text]) => labels[name] === text)
}

function add<Key, Item>(map: Map<Key, Item[]>, key: Key, item: Item): void {
  const same = map.get(key)
  if (same === undefined) map.set(key, [item])
  else same.push(item)
}

/** The same, made once for each. */
function remembered<Key, Made>(make: (key: Key) => Made): (key: Key) => Made {
  const known = new Map<Key, Made>()
  return (key) => {
    if (!known.has(key)) known.set(key, make(key))
    return known.get(key) as Made
  }
}
