import type { Endpoint } from '../load/endpoint.js'
import type { ClientKind } from '../load/kinds.js'
import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'

/** The way from client to pod. The Service tells it where new connections go, the load what was lost. */
export interface Way {
  /** Resolves when clients can connect. */
  start(): Promise<void>
  /** From now on, new connections from this node go to these endpoints. Nodes are counted from 0. */
  route(endpoints: readonly Endpoint[], node: number): void
  /** The pod is gone, and its network with it. */
  lose(pod: string): void
  /** A client has lost a request. */
  lost(client: ClientKind, loss: Loss, t: number): void
  sample(sample: Sample): void
  /** Records every loss so far before it returns. */
  settle(): void
  /** The longest delay of an event loop between clients and pods, in ms, as far as it can be measured; null without a proxy. */
  readonly eventLoopDelayMs: number | null
  /** Ends the proxy, if there is one. Never rejects. */
  close(): Promise<void>
}

/** What a way tells the clients. */
export interface Clients {
  route(endpoints: readonly Endpoint[], node?: number): void
  lose(pod: string): void
}
