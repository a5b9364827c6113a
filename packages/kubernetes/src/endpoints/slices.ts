import { type Endpoint, type EndpointSlice, listIn } from '../api/objects.js'

/** What slices say of this pod is remembered of so many; no pod has as many Services. */
const most = 100
/** Of so many other slices of the same Service the names are remembered. */
const mostBeside = 2

export type Listed =
  /** Whoever follows the slice sends to the pod. */
  | 'ready'
  /**
   * It is listed though it terminates or is not ready: the Service publishes such addresses, and will to the end. Or its address is,
   * by somebody who does not say that it is this pod's.
   */
  | 'published'
  | 'not ready'
  | 'not listed'

export interface Whom {
  readonly name: string
  readonly namespace: string
  readonly addresses: ReadonlySet<string>
  /** Undefined until it is known. */
  uid(): string | undefined
  /** Whether a Service sends to pods on the same node only; undefined while that is not known. */
  isLocal(service: string): boolean | undefined
}

interface Entry {
  readonly service: string | undefined
  readonly headless: boolean
  readonly listed: Listed
  /** Whether it has said that the pod terminates. That is never taken back. */
  readonly terminating: boolean
  /** Whether nobody who follows the slice sends to the pod any more. */
  readonly left: boolean
  readonly version: string | undefined
  /** Other slices of the same Service that have endpoints which get what this pod gets no more. */
  readonly beside: readonly string[]
}

/** What the EndpointSlices that list this pod say of it, and nothing else of them. */
export class Slices {
  readonly #whom: Whom
  readonly #entries = new Map<string, Entry>()

  constructor(whom: Whom) {
    this.#whom = whom
  }

  /** The names of those that list it, or have. */
  get names(): string[] {
    return [...this.#entries.keys()]
  }

  /** The Services that list it, or have. */
  get services(): string[] {
    return [...new Set([...this.#entries.values()].flatMap(({ service }) => service ?? []))]
  }

  /** Whether one lists it as ready. */
  get ready(): boolean {
    return this.#some(({ listed }) => listed === 'ready')
  }

  /**
   * Whether slices tell at all who sends. Not of a Service that is found by DNS, because clients remember addresses for longer than
   * slices say, and not of one that publishes addresses to the end.
   */
  get telling(): boolean {
    return this.#entries.size > 0 && !this.#some(({ headless, listed }) => headless || listed === 'published')
  }

  /** Whether nobody sends to the pod any more, as far as slices tell. */
  get left(): boolean {
    return this.telling && !this.#some(({ left }) => !left)
  }

  /** Whether one has let go of the pod, which is still there: it may have moved to another slice. */
  get moved(): boolean {
    return this.#some(({ listed }) => listed === 'not listed')
  }

  /** What else to ask for where a slice has no other endpoint for the requests of the pod: other slices of the Service may. */
  besideOf(name: string): readonly string[] {
    const { listed, terminating, left, beside } = this.#entries.get(name) ?? {}
    return listed === 'not ready' && terminating && !left && beside ? beside : []
  }

  /** Takes a list of slices for all there are. */
  learn(slices: readonly EndpointSlice[]): void {
    const before = new Map(this.#entries)
    this.#entries.clear()
    for (const slice of slices) {
      const { name = '' } = slice.metadata
      const entry = this.#read(slice, before.get(name), slices)
      if (name !== '' && (entry.listed !== 'not listed' || entry.left) && this.#entries.size < most) {
        this.#entries.set(name, entry)
      }
    }
  }

  /**
   * Takes in what the API has answered for one of them: nothing if there is no slice of that name.
   * @param others What it has answered for those beside it
   */
  hear(name: string, slice: EndpointSlice | undefined, others: readonly EndpointSlice[] = []): void {
    const entry = this.#entries.get(name)
    if (!entry) return
    // That a slice is gone is no proof that nobody sends: an answer that is not the API's own shows nothing, either.
    if (!slice) this.#entries.set(name, { ...entry, listed: 'not listed', left: false })
    // Another API server may be behind the one that has answered before.
    else if (!isOlder(slice.metadata.resourceVersion, entry.version)) {
      this.#entries.set(name, { ...this.#read(slice, entry, others), beside: entry.beside })
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
    const knownToEnd = before?.terminating === true || (own !== undefined && terminating)
    const beside = own
      ? others.filter((each) => isBeside(slice, each) && this.#isReplaced(own, endpointsOf(each), service))
      : []
    const names = beside.flatMap(({ metadata }) => metadata.name ?? []).slice(0, mostBeside)
    const entry = { service, headless, version, terminating: knownToEnd, beside: names }
    if (!own) {
      const published = endpoints.some((each) => this.#isByAddress(each) && conditionsOf(each).ready)
      return { ...entry, listed: published ? 'published' : 'not listed', left: knownToEnd && !published }
    }
    if (ready) return { ...entry, listed: serving && !terminating ? 'ready' : 'published', left: false }
    const isReplaced = beside.length > 0 || this.#isReplaced(own, endpoints, service)
    const left = terminating && (!serving || isReplaced)
    return { ...entry, listed: 'not ready', left }
  }

  /**
   * Whether another endpoint gets what this one got. While there is none that is ready, kube-proxy goes on sending to those that
   * terminate and still serve.
   * https://github.com/kubernetes/enhancements/tree/master/keps/sig-network/1669-proxy-terminating-endpoints
   */
  #isReplaced(own: Endpoint, endpoints: readonly Endpoint[], service: string | undefined): boolean {
    const local = service === undefined ? false : this.#whom.isLocal(service)
    if (local === undefined) return false
    return endpoints.some((each) => {
      if (each === own || this.#isOwn(each)) return false
      const { ready, terminating } = conditionsOf(each)
      return ready && !terminating && (!local || (own.nodeName != null && each.nodeName === own.nodeName))
    })
  }

  #isOwn({ targetRef: target }: Endpoint): boolean {
    const { name, namespace } = this.#whom
    if (target?.kind !== 'Pod' || target.name !== name || (target.namespace ?? namespace) !== namespace) return false
    const uid = this.#whom.uid()
    return uid === undefined || target.uid === undefined || target.uid === uid
  }

  #isByAddress({ targetRef, addresses }: Endpoint): boolean {
    return !targetRef && listIn(addresses).some((each) => this.#whom.addresses.has(each))
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

/** Whether whoever follows a slice sends to the endpoints of another one as well: those of the same Service, family and ports. */
function isBeside(slice: EndpointSlice, other: EndpointSlice): boolean {
  if (other.metadata.name === slice.metadata.name || other.addressType !== slice.addressType) return false
  const service = serviceOf(slice)
  const ports = portsOf(other)
  return service !== undefined && serviceOf(other) === service && portsOf(slice).every((each) => ports.includes(each))
}

/** What is not said means ready, serving, and not terminating. */
function conditionsOf(endpoint: Endpoint | undefined): { ready: boolean; serving: boolean; terminating: boolean } {
  const { ready, serving, terminating } = endpoint?.conditions ?? {}
  return { ready: ready !== false, serving: serving !== false, terminating: terminating === true }
}

/** Versions are numbers, of more digits than a JavaScript number has. */
function isOlder(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || !/^\d+$/.test(version + than)) return false
  return version.length === than.length ? version < than : version.length < than.length
}
