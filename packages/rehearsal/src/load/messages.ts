import type { Tick } from './crowd.js'
import type { Endpoint } from './endpoint.js'
import type { ClientKind } from './kinds.js'
import type { Loss } from './outcome.js'

/** What the load says to a thread of its. */
export type ToThread =
  /** New connections of the clients on a node go to these from now on. */
  | { readonly type: 'route'; readonly endpoints: readonly Endpoint[]; readonly node: number }
  /** The pod is gone with its network. */
  | { readonly type: 'gone'; readonly pod: string }
  /** Start the clients, and say `told`. */
  | { readonly type: 'start' }
  /** Say where the clients stand, and then `told`. */
  | { readonly type: 'tell' }
  | { readonly type: 'end' }

/** What a thread says to the load. */
export type FromThread =
  /** It has loaded its clients, and waits for `start`. */
  | { readonly type: 'ready' }
  | { readonly type: 'lost'; readonly client: ClientKind; readonly loss: Loss; readonly t: number }
  /** `heldUpMs`: the longest time the thread could do nothing, so far. */
  | { readonly type: 'tick'; readonly tick: Tick; readonly heldUpMs: number }
  /** What was asked for has been said. */
  | { readonly type: 'told' }
  | { readonly type: 'exhausted' }
  /** Every request has its outcome. */
  | { readonly type: 'ended' }
