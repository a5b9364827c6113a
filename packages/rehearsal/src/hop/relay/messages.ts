import type { Endpoint } from '../../load/endpoint.js'
import type { Upstream } from '../../timeline/upstream.js'

/** What the relay's thread is started with. */
export interface RelayPlan {
  readonly seed: number
  /** The zero of the events' clock, in machine time (see `shared/clock.ts`). */
  readonly startedAt: number
}

/** The outcome of a request that a client may have lost. */
export interface Sighting extends Upstream {
  /** null when the relay knew no pod. */
  readonly pod: string | null
  /** The status that the pod answered, if it was above 299. */
  readonly status?: number
}

/** From the hop to its relay. */
export type ToRelay =
  /** From now on, new connections go to these endpoints. */
  | { readonly type: 'route'; readonly endpoints: readonly Endpoint[] }
  /** The pod is gone, and its network with it. */
  | { readonly type: 'gone'; readonly pod: string }

/** From the relay to its hop. */
export type FromRelay =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'seen'; readonly seen: Sighting }
  /** How many responses of each pod began since the last tick, and the longest delay of the thread's event loop so far. */
  | { readonly type: 'tick'; readonly answered: Readonly<Record<string, number>>; readonly eventLoopDelayMs: number }
