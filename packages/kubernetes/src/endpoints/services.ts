import { networkInterfaces } from 'node:os'
import { type Api, ApiError } from '../api/api.js'
import { type EndpointSlice, itemsOf, type Service } from '../api/objects.js'
import { Slices } from './slices.js'

export interface ServicesOptions {
  readonly api: Api
  readonly pod: { readonly name: string; readonly uid: string | undefined }
  readonly namespace: string
  /** The names of the Services. If empty: all Services whose slices list the pod. */
  readonly services: readonly string[]
  /** Called if the traffic policy of a Service may not be read, or if the response is not a Service. */
  readonly onUnknownPolicy: (service: string, isForbidden: boolean) => void
}

/** The Services that route to this pod: their names, their traffic policies and their slices. */
export class Services {
  readonly #options: ServicesOptions
  /** For each Service: whether it sends only to pods on the same node, or may do so, because its traffic policy is unknown. */
  readonly #local = new Map<string, boolean>()
  #listed = false
  readonly slices: Slices

  constructor(options: ServicesOptions) {
    this.#options = options
    const { pod, namespace } = options
    this.slices = new Slices({
      name: pod.name,
      namespace,
      addresses: ownAddresses(),
      uid: () => pod.uid,
      isLocal: (service) => this.#local.get(service),
    })
  }

  /** Whether it is known which slices list the pod, and there is such a slice. */
  get learned(): boolean {
    return this.#listed && this.slices.names.length > 0
  }

  /**
   * Asks the API server's cache which slices list the pod.
   * @param limit Milliseconds for each response.
   */
  async learn(limit?: number): Promise<void> {
    // If the pod has moved to another slice, its Services are known already.
    const names = this.slices.services.length > 0 ? this.slices.services : this.#options.services
    const slices = itemsOf(await this.#list({ labelSelector: ofServices(names) }, limit))
    this.slices.replaceAll(slices) // before the requests for the policies, because those may fail
    this.#listed = true
    await this.#learnPolicies(limit)
    this.slices.replaceAll(slices)
  }

  /**
   * Asks for each slice that lists the pod, by name. Asks for other slices of the same Service only if the slice lists no other pod that
   * gets this pod's requests.
   * @param limit Milliseconds for each response.
   */
  async ask(limit: number): Promise<void> {
    await this.#learnPolicies(limit)
    const sliceOf = async (name: string): Promise<EndpointSlice | undefined> => {
      const items = itemsOf(await this.#list({ fieldSelector: `metadata.name=${name}` }, limit))
      return items.find(({ metadata }) => metadata.name === name)
    }
    const ask = async (name: string): Promise<void> => {
      const slice = await sliceOf(name)
      this.slices.update(name, slice)
      const others = await Promise.all(this.slices.siblingsOf(name).map(sliceOf))
      if (others.length > 0)
        this.slices.update(
          name,
          slice,
          others.filter((each) => each !== undefined),
        )
    }
    await Promise.all(this.slices.names.map(ask))
  }

  #list(query: { labelSelector: string } | { fieldSelector: string }, limit: number | undefined): Promise<unknown> {
    const { api, namespace } = this.#options
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
    return api.get(path, { ...query, resourceVersion: '0' }, limit)
  }

  async #learnPolicies(limit: number | undefined): Promise<void> {
    const unknown = this.slices.services.filter((name) => !this.#local.has(name))
    await Promise.all(unknown.map(async (name) => this.#local.set(name, await this.#isLocal(name, limit))))
  }

  /**
   * Whether the Service has a traffic policy `Local`, or an unknown one. Without that caution, the wait could end while the Service
   * still sends to this pod, because the endpoint that was taken for its replacement is on another node.
   * @throws {Error} if the request fails, unless the Service is missing or may not be read
   */
  async #isLocal(name: string, limit: number | undefined): Promise<boolean> {
    const { api, namespace, onUnknownPolicy } = this.#options
    let service: Partial<Service> | null
    let isForbidden = false
    try {
      service = (await api.get(`/api/v1/namespaces/${namespace}/services/${name}`, {}, limit)) as typeof service
    } catch (error) {
      if (!(error instanceof ApiError && (error.status === 403 || error.status === 404))) throw error
      service = null
      isForbidden = error.status === 403
    }
    const spec = service?.spec
    if (typeof spec !== 'object' || spec === null) {
      onUnknownPolicy(name, isForbidden)
      return true
    }
    return spec.externalTrafficPolicy === 'Local' || spec.internalTrafficPolicy === 'Local'
  }
}

function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return new Set(all.filter(({ internal }) => !internal).map(({ address }) => address))
}

function ofServices(names: readonly string[]): string {
  return names.length === 0 ? 'kubernetes.io/service-name' : `kubernetes.io/service-name in (${names.join(',')})`
}
