import { networkInterfaces } from 'node:os'
import { type Api, ApiError } from '../api/api.js'
import { type EndpointSlice, itemsOf, type Service } from '../api/objects.js'
import { Slices } from './slices.js'

export interface ServicesOptions {
  readonly api: Api
  readonly pod: { readonly name: string; readonly uid: string | undefined }
  readonly namespace: string
  /** The Services to ask for. All if there are none. */
  readonly services: readonly string[]
  /** The traffic policy of a Service may not be read, or what is read is no Service. */
  readonly onUnknownPolicy: (service: string, isForbidden: boolean) => void
}

/** The Services that send to this pod: which they are, to whom they send, and what their slices say. */
export class Services {
  readonly #on: ServicesOptions
  /** Whether each sends to pods on the same node only. */
  readonly #local = new Map<string, boolean>()
  #listed = false
  readonly slices: Slices

  constructor(options: ServicesOptions) {
    this.#on = options
    const { pod, namespace } = options
    this.slices = new Slices({
      name: pod.name,
      namespace,
      addresses: ownAddresses(),
      uid: () => pod.uid,
      isLocal: (service) => this.#local.get(service),
    })
  }

  /** Whether it is known which slices list the pod. */
  get learned(): boolean {
    return this.#listed && this.slices.names.length > 0
  }

  /**
   * Asks which slices list the pod, from the cache of the API server.
   * @param limit Milliseconds for each answer
   */
  async learn(limit?: number): Promise<void> {
    // Of a pod that has moved to another slice the Services are known.
    const names = this.slices.services.length > 0 ? this.slices.services : this.#on.services
    const slices = itemsOf(await this.#list({ labelSelector: ofServices(names) }, limit))
    this.slices.learn(slices) // without the policies, so that what is known of them is known if those fail
    this.#listed = true
    await this.#learnPolicies(limit)
    this.slices.learn(slices)
  }

  /**
   * Asks for each slice that lists the pod, by its name, and for others only where it lists nobody who takes the pod's place.
   * @param limit Milliseconds for each answer
   */
  async ask(limit: number): Promise<void> {
    await this.#learnPolicies(limit)
    const sliceOf = async (name: string): Promise<EndpointSlice | undefined> => {
      const items = itemsOf(await this.#list({ fieldSelector: `metadata.name=${name}` }, limit))
      return items.find(({ metadata }) => metadata.name === name)
    }
    const ask = async (name: string): Promise<void> => {
      const slice = await sliceOf(name)
      this.slices.hear(name, slice)
      const others = await Promise.all(this.slices.besideOf(name).map(sliceOf))
      if (others.length > 0)
        this.slices.hear(
          name,
          slice,
          others.filter((each) => each !== undefined),
        )
    }
    await Promise.all(this.slices.names.map(ask))
  }

  #list(query: { labelSelector: string } | { fieldSelector: string }, limit: number | undefined): Promise<unknown> {
    const { api, namespace } = this.#on
    const path = `/apis/discovery.k8s.io/v1/namespaces/${namespace}/endpointslices`
    return api.get(path, { ...query, resourceVersion: '0' }, limit)
  }

  async #learnPolicies(limit: number | undefined): Promise<void> {
    const unknown = this.slices.services.filter((name) => !this.#local.has(name))
    await Promise.all(unknown.map(async (name) => this.#local.set(name, await this.#isLocal(name, limit))))
  }

  /** @throws {Error} if the API does not say now */
  async #isLocal(name: string, limit: number | undefined): Promise<boolean> {
    const { api, namespace, onUnknownPolicy } = this.#on
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
    if (typeof spec !== 'object' || spec === null) onUnknownPolicy(name, isForbidden)
    return spec?.externalTrafficPolicy === 'Local' || spec?.internalTrafficPolicy === 'Local'
  }
}

function ownAddresses(): Set<string> {
  const all = Object.values(networkInterfaces()).flatMap((each) => each ?? [])
  return new Set(all.filter(({ internal }) => !internal).map(({ address }) => address))
}

function ofServices(names: readonly string[]): string {
  return names.length === 0 ? 'kubernetes.io/service-name' : `kubernetes.io/service-name in (${names.join(',')})`
}
