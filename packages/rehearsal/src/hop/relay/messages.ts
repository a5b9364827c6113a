import type { Endpoint } from '../../load/endpoint.js'
import type { Upstream } from '../../timeline/upstream.js'

/** What the relay's thread is started with. */
export interface RelayPlan {
  readonly seed: number
  /** When the clock of the events was 0, in machine time. */
  readonly startedAt: number
}

/** What came of a request, as far as a client may have lost it. */
export interface Sighting extends Upstream {
  /** null when no pod was known. */
  readonly pod: string | null
  /** What the pod answered, unless it was a success. */
  readonly status?: number
}

/** What a hop says to its relay. */
export type ToRelay =
  /** New connections go to these from now on. */
  | { readonly type: 'route'; readonly endpoints: readonly Endpoint[] }
  /** The pod is gone with its network. */
  | { readonly type: 'gone'; readonly pod: string }

/** What the relay says to its hop. */
export type FromRelay =
  | { readonly type: 'listening'; readonly port: number }
  | { readonly type: 'seen'; readonly seen: Sighting }
  /** Answers that began since this was last said, for each pod; and the longest time that it could do nothing, so far. */
  | { readonly type: 'tick'; readonly answered: Readonly<Record<string, number>>; readonly heldUpMs: number }
