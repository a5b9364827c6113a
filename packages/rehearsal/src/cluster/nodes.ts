import type { Endpoint } from '../load/endpoint.js'
import type { EndpointLag } from '../plan/options.js'
import { createRandom } from '../shared/random.js'
import { type Conditions, Service } from './service.js'

/** Whom the nodes tell. */
export interface NodesListener {
  /** New connections from this node, counted from 0, go to these from now on. */
  onRoutes(endpoints: readonly Endpoint[], node: number): void
  /** The pod is gone with its network: for every node at the same moment. */
  onGone(endpoint: Endpoint): void
}

/** The nodes that clients are on: kube-proxy on each of them learns of a change in its own time. */
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

  /** Makes a change known at once: for what was there before the rehearsal begins. */
  apply(endpoint: Endpoint, conditions: Conditions | null): void {
    for (const service of this.#services) service.apply(endpoint, conditions)
  }

  /** The pod's process is gone, and its address with it. */
  gone(endpoint: Endpoint): void {
    this.#listener.onGone(endpoint)
  }

  /** Resolves when every node knows everything there is to know so far. */
  async settled(): Promise<void> {
    await Promise.all(this.#services.map((service) => service.settled()))
  }

  /** Forgets the changes still on their way. */
  close(): void {
    for (const service of this.#services) service.close()
  }
}
