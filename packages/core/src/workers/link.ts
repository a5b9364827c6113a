import cluster from 'node:cluster'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'
import type { Signal } from '../process/exit.js'
import type { Listened } from '../termination/kernel-queues.js'

/** What a worker tells its primary. */
export type FromWorker =
  /** A thread has begun to listen: it has heard nothing before. */
  | { readonly podrain: 'here' }
  /** One of its servers listens; without an address on no port. */
  | { readonly podrain: 'listening'; readonly address: Listened | undefined }
  /** It drains when it is told to. */
  | { readonly podrain: 'joined' }
  /** Somebody waits on its `/prestop`: the whole pod is to drain. */
  | { readonly podrain: 'prestop'; readonly id: number }
  /** And does not wait any longer. */
  | { readonly podrain: 'gone'; readonly id: number }
  /** It has drained as it was told to. */
  | { readonly podrain: 'settled' }

/** What a primary tells a worker. */
export type FromPrimary =
  /** Somebody leads: a thread cannot know otherwise. */
  | { readonly podrain: 'led' }
  /** Drain, tentatively, and say when you are settled. The pod has begun so many milliseconds ago. */
  | { readonly podrain: 'prestop'; readonly ago: number }
  /** All have drained: the answer to a worker's `prestop`. */
  | { readonly podrain: 'answer'; readonly id: number }
  /** The hook has not been answered in time: only so many milliseconds are left. A signal comes, too. */
  | { readonly podrain: 'hurry'; readonly within: number }
  /** A signal, for a thread: the operating system delivers none to it. */
  | { readonly podrain: 'end'; readonly signal: Signal }

/** Worker to primary and back: a process of node:cluster by IPC, a thread by a channel that all threads hear. */
export interface Link {
  send(message: FromWorker): void
  listen(listener: (message: FromPrimary) => void): void
}

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

/** Set by the primary, with its process id: whoever has another parent has only inherited it. */
export const primaryVariable = 'PODRAIN_PRIMARY'

/**
 * Whether this process is a worker of a cluster whose primary drains it, and goes on when this process is gone. Another child
 * that the primary has forked is none.
 */
export function hasPrimary(): boolean {
  return isMainThread && cluster.isWorker && process.env[primaryVariable] === String(process.ppid)
}

/** What its log lines call this worker; nothing where there are no others. */
export function workerName(): string | undefined {
  if (!isMainThread) return `thread ${threadId}`
  return hasPrimary() ? `worker ${process.pid}` : undefined
}

let link: Link | undefined

/** The way to the primary, if this is a worker. */
export function linkToPrimary(): Link | undefined {
  link ??= isMainThread ? (hasPrimary() ? processLink() : undefined) : threadLink()
  return link
}

/** Whether a message is one of ours: applications send their own on the same line. */
export function isOurs(message: unknown): boolean {
  return typeof message === 'object' && message !== null && 'podrain' in message
}

function processLink(): Link {
  return {
    send(message) {
      // A primary that has gone hears nothing; node:cluster ends this process then.
      process.send?.(message, undefined, undefined, () => {})
    },
    listen(listener) {
      process.on('message', (message) => {
        if (isOurs(message)) listener(message as FromPrimary)
      })
    },
  }
}

function threadLink(): Link {
  const channel = new BroadcastChannel(channelName)
  channel.unref()
  return {
    send(message) {
      channel.postMessage({ thread: threadId, message, toPrimary: true } satisfies Addressed)
    },
    listen(listener) {
      const heard = ({ data }: { data: unknown }): void => {
        if (isAddressed(data) && data.thread === threadId && !data.toPrimary) listener(data.message as FromPrimary)
      }
      channel.onmessage = heard as (message: unknown) => void
    },
  }
}
