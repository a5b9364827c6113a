import type { Clock } from '@podrain/core'
import type { Kubelet } from './kubelet.js'
import { type EndpointState, gracePeriod, type Pod, type Slice } from './objects.js'
import type { Store } from './store.js'

/** The most endpoints of an EndpointSlice (`--max-endpoints-per-slice`), and the most pods of a node. */
const [perSlice, perNode] = [100, 50]
/** maxSurge, with maxUnavailable 0. */
const surge = 0.25
/** Milliseconds until the process of a new pod has started, at least and at most; and from the start until the pod is ready. */
const [starts, ready] = [[15_000, 45_000] as const, 2000]
/**
 * Milliseconds from a deletion until the EndpointSlice changes, as in the recordings; until the kubelet calls the hook; and until a pod
 * that does not run the package is gone.
 */
const [follows, hook, gone] = [20, 150, 10_000]

/** The first number in the name of a pod. In base 36 it has five characters, as the names of real pods end. */
const firstName = 18_139_852

export interface WorkloadOptions {
  readonly pods: number
  readonly services: number
  readonly sample: number
  readonly kubelet: Kubelet
  /** The wall-clock time of the API for a virtual time in milliseconds. */
  readonly date: (ms: number) => Date
}

interface Replica {
  readonly service: string
  /** Whether the pods of this replica run the package. */
  readonly sampled: boolean
  pod: Pod
}

/** Deployments, and the objects that controllers write for their pods. Each change is written immediately and by itself. */
export class Workload {
  readonly #clock: Clock
  readonly #store: Store
  readonly #on: WorkloadOptions
  readonly #replicas: Replica[] = []
  /** The slices of each Service by name, and the slice that lists a pod. */
  readonly #slices = new Map<string, Set<string>>()
  readonly #listedIn = new Map<string, string>()
  /** The number of old pods that are not gone yet. */
  #left = 0
  #names = 0

  constructor(clock: Clock, store: Store, options: WorkloadOptions) {
    this.#clock = clock
    this.#store = store
    this.#on = options
    const { pods, services, sample } = options
    for (let index = 0; index < services; index++) {
      store.put('services', serviceName(index), { name: serviceName(index), uid: uid() })
    }
    for (let index = 0; index < pods; index++) {
      const service = serviceName(index % services)
      const sampled = Math.floor(((index + 1) * sample) / pods) > Math.floor((index * sample) / pods)
      const pod = this.#newPod(service, '7d9c5b8f6d', true)
      this.#replicas.push({ service, sampled, pod })
      this.#show(pod)
      this.#list(pod, 'ready')
    }
  }

  /** Starts the processes of the pods, spread over `over` milliseconds. */
  start(over: number): void {
    for (const { sampled, pod } of this.#replicas) {
      if (sampled) this.#clock.after(Math.random() * over, () => this.#on.kubelet.start(pod.name))
    }
  }

  /** Replaces every pod. */
  rollOver(): void {
    const order = this.#replicas.map((replica) => ({ replica, at: Math.random() })).sort((a, b) => a.at - b.at)
    const waiting = order.map(({ replica }) => replica)
    this.#left = waiting.length
    const next = (): void => {
      const replica = waiting.pop()
      if (replica) this.#replace(replica, next)
    }
    for (let index = Math.ceil(surge * waiting.length); index > 0; index--) next()
  }

  /** Whether every pod has been replaced. */
  get settled(): boolean {
    return this.#left === 0
  }

  /** @param goOn Called when the next pod may be replaced. */
  #replace(replica: Replica, goOn: () => void): void {
    const [least, most] = starts
    this.#clock.after(least + Math.random() * (most - least), () => {
      const pod = this.#newPod(replica.service, '5c6f7b9d84', false)
      this.#show(pod)
      if (replica.sampled) this.#on.kubelet.start(pod.name)
      this.#clock.after(ready, () => {
        const old = replica.pod
        replica.pod = { ...this.#newest(pod), ready: true }
        this.#show(replica.pod)
        this.#list(replica.pod, 'ready')
        this.#delete(old, replica.sampled)
        goOn()
      })
    })
  }

  #delete(old: Pod, sampled: boolean): void {
    const deadline = this.#on.date(this.#clock.now() + gracePeriod * 1000)
    const deletionTimestamp = deadline.toISOString().replace(/\.\d+/, '')
    this.#show({ ...this.#newest(old), deletionTimestamp })
    this.#clock.after(follows, () => this.#list(old, 'terminating'))
    const end = (): void => {
      this.#unlist(old)
      this.#store.delete('pods', old.name)
      this.#left--
    }
    if (!sampled) this.#clock.after(gone, end)
    else {
      this.#clock.after(hook, () => {
        this.#show({ ...this.#newest(old), ready: false })
        this.#on.kubelet.terminate(old.name, end)
      })
    }
  }

  #newPod(app: string, hash: string, isReady: boolean): Pod {
    const number = this.#names++
    const node = Math.floor(number / perNode)
    const letters = (firstName + number).toString(36)
    return {
      name: `${app}-${hash}-${letters}`,
      uid: uid(),
      app,
      address: `10.${64 + ((number >> 16) & 63)}.${(number >> 8) & 255}.${number & 255}`,
      node: `ip-10-0-${(node >> 8) & 255}-${node & 255}.eu-central-1.compute.internal`,
      ready: isReady,
    }
  }

  /** The stored pod, with annotations that were written meanwhile. */
  #newest(pod: Pod): Pod {
    return this.#store.get('pods', pod.name)?.object ?? pod
  }

  #show(pod: Pod): void {
    this.#store.put('pods', pod.name, pod)
  }

  /** Adds the pod to an EndpointSlice, or changes its state there. */
  #list(pod: Pod, state: EndpointState): void {
    const listed = this.#listedIn.get(pod.name)
    const slice = listed === undefined ? this.#withRoom(pod.app) : this.#slice(listed)
    const others = slice.endpoints.filter((endpoint) => endpoint.pod.name !== pod.name)
    this.#listedIn.set(pod.name, slice.name)
    this.#store.put('endpointslices', slice.name, { ...slice, endpoints: [...others, { pod, state }] })
  }

  #unlist({ name }: Pod): void {
    const slice = this.#slice(this.#listedIn.get(name) ?? '')
    this.#listedIn.delete(name)
    const endpoints = slice.endpoints.filter(({ pod }) => pod.name !== name)
    this.#store.put('endpointslices', slice.name, { ...slice, endpoints })
  }

  #slice(name: string): Slice {
    const stored = this.#store.get('endpointslices', name)
    if (!stored) throw new Error(`there is no slice ${name}`)
    return stored.object
  }

  #withRoom(service: string): Slice {
    const names = this.#slices.get(service) ?? new Set()
    this.#slices.set(service, names)
    for (const name of names) {
      const slice = this.#slice(name)
      if (slice.endpoints.length < perSlice) return slice
    }
    const name = `${service}-${(names.size + 1_000_000).toString(36).slice(-5)}`
    names.add(name)
    return { name, uid: uid(), service, endpoints: [] }
  }
}

function serviceName(index: number): string {
  return index === 0 ? 'checkout' : `checkout-${index}`
}

/** A random uid. A real uid is random, too, and makes a response compress less. */
function uid(): string {
  const digits = (count: number): string =>
    Math.floor(Math.random() * 16 ** count)
      .toString(16)
      .padStart(count, '0')
  return `${digits(8)}-${digits(4)}-${digits(4)}-${digits(4)}-${digits(12)}`
}
