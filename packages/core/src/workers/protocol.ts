import type { AddressInfo } from 'node:net'
import type { Signal } from '../process/signals.js'

/** Where a server listens. */
export type ListenAddress = Pick<AddressInfo, 'port' | 'family'>

/** What a worker tells its primary. */
export type FromWorker =
  /** A thread has begun to listen: it has heard nothing before. */
  | { readonly podrain: 'here' }
  /** One of its servers listens; without an address on no port. */
  | { readonly podrain: 'listening'; readonly address: ListenAddress | undefined }
  /** It drains when it is told to. */
  | { readonly podrain: 'joined' }
  /** Somebody waits on its `/prestop`: the whole pod is to drain. */
  | { readonly podrain: 'prestop'; readonly id: number }
  /** And does not wait any longer. */
  | { readonly podrain: 'gone'; readonly id: number }
  /** It has drained as it was told to. */
  | { readonly podrain: 'settled' }
  /** It is about to stop listening: what has been accepted for it may come now. */
  | { readonly podrain: 'handOver'; readonly id: number }

/** What a primary tells a worker. */
export type FromPrimary =
  /** Somebody leads: a thread cannot know otherwise. */
  | { readonly podrain: 'led' }
  /** Drain, tentatively, and say when you are settled. The pod has begun so many milliseconds ago. */
  | { readonly podrain: 'prestop'; readonly ago: number }
  /** The pod's grace period in milliseconds, counted from its first sign. It counts, whatever the worker's own option says. */
  | { readonly podrain: 'grace'; readonly gracePeriod: number }
  /** All have drained: the answer to a worker's `prestop`. */
  | { readonly podrain: 'answer'; readonly id: number }
  /** The hook has not been answered in time: only so many milliseconds are left. A signal comes, too. */
  | { readonly podrain: 'hurry'; readonly within: number }
  /** The answer to `handOver`. The connections that the primary had for this worker have come before it, on the same way. */
  | { readonly podrain: 'handedOver'; readonly id: number }
  /** A signal, for a thread: the operating system delivers none to it. */
  | { readonly podrain: 'end'; readonly signal: Signal }

/** On the channel of the threads, who it is from or for. */
export interface Addressed {
  readonly thread: number
  readonly message: FromWorker | FromPrimary
  readonly toPrimary: boolean
}

/** The name of that channel. */
export const channelName = 'podrain'

/** Whether what came on that channel is ours: anybody may have one of that name. */
export function isAddressed(data: unknown): data is Addressed {
  return typeof data === 'object' && data !== null && 'thread' in data && 'message' in data && isOurs(data.message)
}

/** Whether a message is one of ours: applications send their own on the same line. */
export function isOurs(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'podrain' in message
}

/** Set by the primary, with its process id: whoever has another parent has only inherited it. */
export const primaryVariable = 'PODRAIN_PRIMARY'
