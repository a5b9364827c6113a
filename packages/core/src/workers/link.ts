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

/**
 * The connection between a worker and its primary: IPC for a process of node:cluster, or a channel that all threads share.
 */
export interface Link {
  send(message: FromWorker): void
  listen(listener: (message: FromPrimary) => void): void
}

/**
 * Whether this process is a worker of node:cluster whose primary called `drainCluster()`. Other children of the primary inherit the
 * variable, but are not workers.
 */
export function hasPrimary(): boolean {
  return isMainThread && cluster.isWorker && process.env[primaryVariable] === String(process.ppid)
}

let link: Link | undefined

/** The link to the primary; undefined outside of workers. */
export function linkToPrimary(): Link | undefined {
  link ??= isMainThread ? (hasPrimary() ? processLink() : undefined) : threadLink()
  return link
}

function processLink(): Link {
  return {
    send(message) {
      // If the primary has exited, the message is lost, and node:cluster ends this process.
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
