import type { Endpoint } from '../load/endpoint.js'
import type { EndpointLag } from '../plan/options.js'
import { createRandom } from '../shared/random.js'
import { type Conditions, Service } from './service.js'

/** What the nodes report. */
export interface NodesListener {
  /** From now on, new connections from this node go to these endpoints. Nodes are counted from 0. */
  onRoutes(endpoints: readonly Endpoint[], node: number): void
  /** The pod is gone, and its network with it: for every node at the same time. */
  onGone(endpoint: Endpoint): void
}

/** The nodes that clients are on. The kube-proxy of each node learns of a change after a delay of its own. */
export class Nodes {
  readonly #services: readonly Service[]
  readonly #listener: NodesListener

  constructor(count: number, lag: EndpointLag, seed: number, listener: NodesListener) {
    this.#listener = listener
    this.#services = Array.from(
      { length: count },
      (_, node) =>
        new Service(lag, createRandom(seed, node), { onRoutes: (endpoints) => listener.onRoutes(endpoints, node) }),
    )
  }

  /** Makes a change known to each node after a delay of its own. `null` removes the endpoint. */
  update(endpoint: Endpoint, conditions: Conditions | null): void {
    for (const service of this.#services) service.update(endpoint, conditions)
  }

  /** Makes a change known at once, for pods that are there before the scenario begins. */
  apply(endpoint: Endpoint, conditions: Conditions | null): void {
    for (const service of this.#services) service.apply(endpoint, conditions)
  }

  /** The pod's process is gone, and its address with it. */
  gone(endpoint: Endpoint): void {
    this.#listener.onGone(endpoint)
  }

  /** Resolves when every node knows of every change so far. */
  async settled(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.settled()))
  }

  /** Drops the changes that no node knows yet. */
  close(): void {
    for (const service of this.#services) service.close()
  }
}
