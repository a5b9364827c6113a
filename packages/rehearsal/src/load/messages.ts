import type { Tick } from './crowd.js'
import type { Endpoint } from './endpoint.js'
import type { ClientKind } from './kinds.js'
import type { Loss } from './outcome.js'

/** From the load to one of its threads. */
export type ToThread =
  /** From now on, new connections of the clients on this node go to these endpoints. */
  | { readonly type: 'route'; readonly endpoints: readonly Endpoint[]; readonly node: number }
  /** The pod is gone, and its network with it. */
  | { readonly type: 'gone'; readonly pod: string }
  /** Start the clients, then answer `told`. */
  | { readonly type: 'start' }
  /** Send a tick, then answer `told`. */
  | { readonly type: 'tell' }
  | { readonly type: 'end' }

/** From a thread to the load. */
export type FromThread =
  /** The thread waits for `start`. */
  | { readonly type: 'ready' }
  | { readonly type: 'lost'; readonly client: ClientKind; readonly loss: Loss; readonly t: number }
  /** `eventLoopDelayMs`: the longest delay of the thread's event loop so far, in ms. */
  | { readonly type: 'tick'; readonly tick: Tick; readonly eventLoopDelayMs: number }
  /** The answer to `start` and `tell`. */
  | { readonly type: 'told' }
  | { readonly type: 'exhausted' }
  /** Every request has its outcome. */
  | { readonly type: 'ended' }
