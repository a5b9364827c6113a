import cluster from 'node:cluster'
import { BroadcastChannel, isMainThread, threadId } from 'node:worker_threads'
import {
  type Addressed,
  channelName,
  type FromPrimary,
  type FromWorker,
  isAddressed,
  isOurs,
  primaryVariable,
} from './protocol.js'

/** Worker to primary and back: a process of node:cluster by IPC, a thread by a channel that all threads hear. */
export interface Link {
  send(message: FromWorker): void
  listen(listener: (message: FromPrimary) => void): void
}

/**
 * Whether this process is a worker of a cluster whose primary drains it, and goes on when this process is gone. Another child
 * that the primary has forked is none.
 */
export function hasPrimary(): boolean {
  return isMainThread && cluster.isWorker && process.env[primaryVariable] === String(process.ppid)
}

let link: Link | undefined

/** The way to the primary, if this is a worker. */
export function linkToPrimary(): Link | undefined {
  link ??= isMainThread ? (hasPrimary() ? processLink() : undefined) : threadLink()
  return link
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
