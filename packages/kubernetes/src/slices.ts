import type { Endpoint, EndpointSlice, KubernetesObject, WatchEvent } from './objects.js'

/** What slices say of this pod is remembered of so many; no pod has as many Services. */
const most = 1000

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
}

interface Entry {
  readonly listed: Listed
  readonly service: string | undefined
  readonly headless: boolean
  readonly version: string | undefined
}

/** What EndpointSlices say of this pod, and nothing else of them. */
export class Slices {
  readonly #whom: Whom
  /** Those that list it, or have. */
  readonly #entries = new Map<string, Entry>()
  #terminating = false

  constructor(whom: Whom) {
    this.#whom = whom
  }

  /** Whether there is a slice that lists it, or has. */
  get known(): boolean {
    return this.#entries.size > 0
  }

  /** Whether a slice has said that the pod terminates. That is never taken back. */
  get terminating(): boolean {
    return this.#terminating
  }

  /** Whether a Service that lists it, or has, is found by DNS: clients remember addresses for longer than slices say. */
  get headless(): boolean {
    for (const { headless } of this.#entries.values()) if (headless) return true
    return false
  }

  /** The Services that list it, or have. */
  get services(): string[] {
    return [...new Set([...this.#entries.values()].flatMap(({ service }) => service ?? []))]
  }

  has(listed: Listed): boolean {
    for (const each of this.#entries.values()) if (each.listed === listed) return true
    return false
  }

  /**
   * Begins to take in a list, page by page.
   * @param services Those it was asked for, if not for all. A list beside the watch may be older than what the watch has told.
   */
  listing(services?: readonly string[]): { page(items: readonly KubernetesObject[]): void; end(): void } {
    const shown = new Set<string>()
    return {
      page: (items) => {
        for (const slice of items) {
          shown.add(slice.metadata.name ?? '')
          this.#see(slice, services !== undefined)
        }
      },
      // What a list does not show is not known any more. It is no proof that nobody sends: an API that has lost its memory, or
      // an answer that is not its own, shows nothing.
      end: () => {
        for (const [name, { service }] of this.#entries) {
          const asked = services === undefined || services.includes(service ?? '')
          if (asked && !shown.has(name)) this.#entries.delete(name)
        }
      },
    }
  }

  hear({ type, object }: WatchEvent): void {
    const { name = '' } = object.metadata
    const entry = this.#entries.get(name)
    if (type !== 'DELETED') this.#see(object, true)
    else if (entry) this.#entries.set(name, { ...entry, listed: 'not listed' })
  }

  #see(slice: EndpointSlice, older: boolean): void {
    const { name, labels, resourceVersion: version } = slice.metadata
    if (typeof name !== 'string') return
    const entry = this.#entries.get(name)
    if (older && entry && isOlder(version, entry.version)) return
    const listed = this.#find(slice)
    if (!entry && (listed === 'not listed' || this.#entries.size >= most)) return
    const headless = labels?.['service.kubernetes.io/headless'] !== undefined
    this.#entries.set(name, { listed, service: labels?.['kubernetes.io/service-name'], headless, version })
  }

  #find({ endpoints }: EndpointSlice): Listed {
    let found = 'not listed' as Listed
    if (!Array.isArray(endpoints)) return found
    const { name, namespace, addresses } = this.#whom
    const uid = this.#whom.uid()
    for (const endpoint of endpoints) {
      // What is not said means ready, serving, and not terminating.
      const { ready, serving, terminating }: NonNullable<Endpoint['conditions']> = endpoint?.conditions ?? {}
      const target = endpoint?.targetRef
      const byAddress = !target && endpoint?.addresses?.some?.((address: string) => addresses.has(address))
      if (byAddress && ready !== false) found = 'published'
      if (target?.kind !== 'Pod' || target.name !== name || (target.namespace ?? namespace) !== namespace) continue
      if (uid !== undefined && target.uid !== undefined && target.uid !== uid) continue
      this.#terminating ||= terminating === true
      if (ready !== false && serving !== false && terminating !== true) return 'ready'
      found = ready !== false || found === 'published' ? 'published' : 'not ready'
    }
    return found
  }
}

/** Versions are numbers, of more digits than a JavaScript number has. */
function isOlder(version: string | undefined, than: string | undefined): boolean {
  if (version === undefined || than === undefined || !/^\d+$/.test(version + than)) return false
  return version.length === than.length ? version < than : version.length < than.length
}
