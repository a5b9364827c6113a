import type { Endpoint } from '../load/endpoint.js'
import type { ClientKind } from '../load/kinds.js'
import type { Loss } from '../load/outcome.js'
import type { Sample } from '../load/sample.js'

/** The way from client to pod. The Service says where new connections go, and the load what came of them. */
export interface Way {
  /** Resolves when it can be gone. */
  start(): Promise<void>
  /** New connections from this node, counted from 0, go to these from now on. */
  route(endpoints: readonly Endpoint[], node: number): void
  /** The pod is gone with its network. */
  lose(pod: string): void
  /** A client has lost a request. */
  lost(client: ClientKind, loss: Loss, t: number): void
  /** The load at one moment. */
  sample(sample: Sample): void
  /** What was told until now is written down when this returns. */
  settle(): void
  /** The longest time that what stands there could do nothing, in ms, as far as can be seen; null where nothing does. */
  readonly heldUpMs: number | null
  /** Ends what stands there. Never rejects. */
  close(): Promise<void>
}

/** The clients, as a way sees them. */
export interface Clients {
  route(endpoints: readonly Endpoint[], node?: number): void
  lose(pod: string): void
}
