import { type Endpoint, type EndpointSlice, listIn } from '../api/objects.js'

/** The largest number of slices that are remembered. No pod has as many Services. */
const mostSlices = 100
/** The largest number of other slices of the same Service whose names are remembered. */
const mostSiblings = 2

/** How a slice lists the pod. */
export type Listed =
  /** As ready: load balancers that follow the slice send to the pod. */
  | 'ready'
  /**
   * As ready, although it terminates or does not serve: the Service has `publishNotReadyAddresses`, and lists the pod to the end. Or the
   * slice lists the pod's address without a reference to the pod, because something else than Kubernetes writes the slice.
   */
  | 'published'
  | 'not ready'
  | 'not listed'

/** The pod to look for in slices. */
export interface SlicesOptions {
  readonly name: string
  readonly namespace: string
  readonly addresses: ReadonlySet<string>
  /** Returns the uid of the pod. undefined until it is known. */
  uid(): string | undefined
  /** Whether a Service sends only to pods on the same node. undefined until that is known. */
  isLocal(service: string): boolean | undefined
}

/** What is remembered of a slice. */
interface Entry {
  readonly service: string | undefined
  readonly headless: boolean
  readonly listed: Listed
  /** Whether the slice has ever listed the pod as terminating. A pod that terminates never serves again. */
  readonly terminating: boolean
  /** Whether load balancers that follow the slice no longer send to the pod. */
  readonly settled: boolean
  readonly version: string | undefined
  /** Names of other slices of the same Service with endpoints that get this pod's requests. */
  readonly siblings: readonly string[]
}

/** The EndpointSlices that list this pod. Only what they say about this pod is kept in memory. */
export class Slices {
  readonly #options: SlicesOptions
  readonly #entries = new Map<string, Entry>()

  constructor(options: SlicesOptions) {
    this.#options = options
  }

  /** The names of the slices that list the pod, or have listed it. */
  get names(): string[] {
    return [...this.#entries.keys()]
  }

  /** The names of the Services that list the pod, or have listed it. */
  get services(): string[] {
    return [...new Set([...this.#entries.values()].flatMap(({ service }) => service ?? []))]
  }

  /** Whether a slice lists the pod as ready. */
  get ready(): boolean {
    return this.#some(({ listed }) => listed === 'ready')
  }

  /**
   * Whether slices can show that nothing routes to the pod any more. They cannot for a headless Service, because its clients cache
   * addresses from DNS, and not for a Service that lists the pod to the end (`published`).
   */
  get conclusive(): boolean {
    return this.#entries.size > 0 && !this.#some(({ headless, listed }) => headless || listed === 'published')
  }

  /** Whether slices show that nothing routes to the pod any more. */
  get settled(): boolean {
    return this.conclusive && !this.#some(({ settled }) => !settled)
  }

  /** Whether a slice has stopped listing the pod. The pod may have moved to another slice. */
  get moved(): boolean {
    return this.#some(({ listed }) => listed === 'not listed')
  }

  /** Names of other slices to ask for, because this slice has no other endpoint for the pod's requests, and those slices may. */
  siblingsOf(name: string): readonly string[] {
    const { listed, terminating, settled, siblings } = this.#entries.get(name) ?? {}
    return listed === 'not ready' && terminating && !settled && siblings ? siblings : []
  }

  /** Replaces all entries by those for a complete list of slices. */
  replaceAll(slices: readonly EndpointSlice[]): void {
    const before = new Map(this.#entries)
    this.#entries.clear()
    for (const slice of slices) {
      const { name = '' } = slice.metadata
      const entry = this.#read(slice, before.get(name), slices)
      if (name !== '' && (entry.listed !== 'not listed' || entry.settled) && this.#entries.size < mostSlices) {
        this.#entries.set(name, entry)
      }
    }
  }

  /**
   * Updates the entry for a slice with a response of the API.
   * @param slice undefined if there is no slice of that name.
   * @param others The other slices of the same Service that were asked for (`siblingsOf`).
   */
  update(name: string, slice: EndpointSlice | undefined, others: readonly EndpointSlice[] = []): void {
    const entry = this.#entries.get(name)
    if (!entry) return
    // A missing slice does not prove that nothing routes to the pod. A response from a proxy in front of the API may be empty, too.
    if (!slice) this.#entries.set(name, { ...entry, listed: 'not listed', settled: false })
    // Another API server than before may have responded, with an older version.
    else if (!isOlder(slice.metadata.resourceVersion, entry.version)) {
      this.#entries.set(name, { ...this.#read(slice, entry, others), siblings: entry.siblings })
    }
  }

  #some(is: (entry: Entry) => boolean): boolean {
    for (const entry of this.#entries.values()) if (is(entry)) return true
    return false
  }

  #read(slice: EndpointSlice, before: Entry | undefined, others: readonly EndpointSlice[]): Entry {
    const { labels, resourceVersion: version } = slice.metadata
    const service = serviceOf(slice)
    const headless = labels?.['service.kubernetes.io/headless'] !== undefined
    const endpoints = endpointsOf(slice)
    const own = endpoints.find((endpoint) => this.#isOwn(endpoint))
    const { ready, serving, terminating } = conditionsOf(own)
    const isTerminating = before?.terminating === true || (own !== undefined && terminating)
    const siblings = own
      ? others.filter((each) => isSibling(slice, each) && this.#isReplaced(own, endpointsOf(each), service))
      : []
    const names = siblings.flatMap(({ metadata }) => metadata.name ?? []).slice(0, mostSiblings)
    const entry = { service, headless, version, terminating: isTerminating, siblings: names }
    if (!own) {
      const published = endpoints.some((each) => this.#isByAddress(each) && conditionsOf(each).ready)
      return { ...entry, listed: published ? 'published' : 'not listed', settled: isTerminating && !published }
    }
    if (ready) return { ...entry, listed: serving && !terminating ? 'ready' : 'published', settled: false }
    const isReplaced = siblings.length > 0 || this.#isReplaced(own, endpoints, service)
    const settled = terminating && (!serving || isReplaced)
    return { ...entry, listed: 'not ready', settled }
  }

  /**
   * Whether another endpoint gets the requests of this pod. If no endpoint is ready, kube-proxy sends to endpoints that terminate and
   * still serve.
   * https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/1669-proxy-terminating-endpoints
   */
  #isReplaced(own: Endpoint, endpoints: readonly Endpoint[], service: string | undefined): boolean {
    const local = service === undefined ? false : this.#options.isLocal(service)
    if (local === undefined) return false
    return endpoints.some((each) => {
      if (each === own || this.#isOwn(each)) return false
      const { ready, terminating } = conditionsOf(each)
      return ready && !terminating && (!local || (own.nodeName != null && each.nodeName === own.nodeName))
    })
  }

  #isOwn({ targetRef: target }: Endpoint): boolean {
    const { name, namespace } = this.#options
    if (target?.kind !== 'Pod' || target.name !== name || (target.namespace ?? namespace) !== namespace) return false
    const uid = this.#options.uid()
    return uid === undefined || target.uid === undefined || target.uid === uid
  }

  #isByAddress({ targetRef, addresses }: Endpoint): boolean {
    return !targetRef && listIn(addresses).some((each) => this.#options.addresses.has(each))
  }
}

function serviceOf({ metadata: { labels } }: EndpointSlice): string | undefined {
  return labels?.['kubernetes.io/service-name']
}

function endpointsOf({ endpoints }: EndpointSlice): Endpoint[] {
  return listIn(endpoints).filter((each) => each != null)
}

function portsOf({ ports }: EndpointSlice): string[] {
  return listIn(ports).map((each) => each?.name ?? '')
}

/** Whether load balancers combine the endpoints of two slices: slices of the same Service, address family and ports. */
function isSibling(slice: EndpointSlice, other: EndpointSlice): boolean {
  if (other.metadata.name === slice.metadata.name || other.addressType !== slice.addressType) return false
  const service = serviceOf(slice)
  const ports = portsOf(other)
  return service !== undefined && serviceOf(other) === service && portsOf(slice).every((each) => ports.includes(each))
}

/** The conditions of an endpoint. A missing condition means ready, serving, and not terminating (EndpointConditions in the API). */
function conditionsOf(endpoint: Endpoint | undefined): { ready: boolean; serving: boolean; terminating: boolean } {
  const { ready, serving, terminating } = endpoint?.conditions ?? {}
  return { ready: ready !== false, serving: serving !== false, terminating: terminating === true }
}

/** Compares two resourceVersions as numbers. They may have more digits than a JavaScript number. */
function isOlder(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || !/^\d+$/.test(version + than)) return false
  return version.length === than.length ? version < than : version.length < than.length
}
