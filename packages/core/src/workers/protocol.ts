import type { AddressInfo } from 'node:net'
import type { Outcome } from '../outcome/outcome.js'
import type { Signal } from '../process/signals.js'

/** An address that a server listens on. */
export type ListenAddress = Pick<AddressInfo, 'port' | 'family'>

/** The messages from a worker to its primary. */
export type FromWorker =
  /** A thread has begun to listen for messages. Earlier messages have not reached it. */
  | { readonly podrain: 'here' }
  /** A server of the worker listens. `address` is undefined if it is not a TCP address. */
  | { readonly podrain: 'listening'; readonly address: ListenAddress | undefined }
  /** The worker drains on request. */
  | { readonly podrain: 'joined' }
  /** A caller waits on the worker's `/prestop`: the whole pod must drain. */
  | { readonly podrain: 'prestop'; readonly id: number }
  /** The caller with this number has disconnected. */
  | { readonly podrain: 'gone'; readonly id: number }
  /** The worker has drained on request. */
  | { readonly podrain: 'settled' }
  /** The outcome so far of a drain of the worker. `outcome` is undefined if the worker serves again. */
  | { readonly podrain: 'outcome'; readonly outcome: Outcome | undefined }
  /** The worker is about to stop listening, and asks for the connections that were accepted for it. */
  | { readonly podrain: 'handOver'; readonly id: number }

/** The messages from a primary to a worker. */
export type FromPrimary =
  /** The worker has a primary. A thread has no other way to know. */
  | { readonly podrain: 'led' }
  /** Drain tentatively, and report when settled. The drain of the pod began `ago` milliseconds ago. */
  | { readonly podrain: 'prestop'; readonly ago: number }
  /** The grace period of the pod in milliseconds, from the first sign. It replaces the worker's own option. */
  | { readonly podrain: 'grace'; readonly gracePeriod: number }
  /** All workers have settled: the reply to `prestop`. */
  | { readonly podrain: 'answer'; readonly id: number }
  /** The hook was not answered before the signal, so only `within` milliseconds are left. The signal follows. */
  | { readonly podrain: 'hurry'; readonly within: number }
  /** The reply to `handOver`. The connections for this worker have been sent before it, on the same channel. */
  | { readonly podrain: 'handedOver'; readonly id: number }
  /** A signal for a thread. The operating system delivers none to threads. */
  | { readonly podrain: 'end'; readonly signal: Signal }

/** A message on the channel that all threads share, with its sender or receiver. */
export interface Addressed {
  readonly thread: number
  readonly message: FromWorker | FromPrimary
  readonly toPrimary: boolean
}

/** The name of the channel. */
export const channelName = 'podrain'

/** Whether data on the channel is a message of podrain. Other code may use a channel of the same name. */
export function isAddressed(data: unknown): data is Addressed {
  return typeof data === 'object' && data !== null && 'thread' in data && 'message' in data && isOurs(data.message)
}

/** Whether a message is one of podrain. Applications send their own messages over the same IPC channel. */
export function isOurs(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'podrain' in message
}

/** The variable in which the primary passes its process id. A process with another parent has inherited the variable. */
export const primaryVariable = 'PODRAIN_PRIMARY'
