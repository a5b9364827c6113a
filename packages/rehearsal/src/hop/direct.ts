import type { Endpoint } from '../load/endpoint.js'
import type { ClientKind } from '../load/kinds.js'
import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'
import type { Journal } from '../timeline/journal.js'
import type { Clients, Way } from './way.js'

/** Clients connect to pods directly. */
export class Direct implements Way {
  readonly eventLoopDelayMs = null
  readonly #journal: Journal
  readonly #clients: () => Clients

  constructor(journal: Journal, clients: () => Clients) {
    this.#journal = journal
    this.#clients = clients
  }

  async start(): Promise<void> {}

  route(endpoints: readonly Endpoint[], node: number): void {
    this.#clients().route(endpoints, node)
  }

  lose(pod: string): void {
    this.#clients().lose(pod)
  }

  lost(client: ClientKind, loss: Loss, t: number): void {
    this.#journal.record({ type: 'lost', client, ...loss }, t)
  }

  sample(sample: Sample): void {
    this.#journal.sample(sample)
  }

  settle(): void {}

  async close(): Promise<void> {}
}
