import { BroadcastChannel, type Worker as Thread } from 'node:worker_threads'
import { core, type OwnDrain } from './own-drain.js'

/**
 * Drains the threads that have a drain of their own, as they have with this preload as soon as they serve. Threads that
 * only compute are left alone.
 */
export function followThreads(own: OwnDrain): void {
  const threads = new Map<number, Thread>()
  let channel: BroadcastChannel | undefined
  process.on('worker', (thread) => {
    const id = thread.threadId
    threads.set(id, thread)
    thread.once('exit', () => threads.delete(id))
    if (channel) return
    // Threads with podrain say on it that they are there (core/src/workers/link.ts).
    channel = new BroadcastChannel('podrain')
    channel.unref()
    channel.onmessage = (event: unknown) => {
      const id = core().threadWithDrain((event as { data: unknown }).data)
      const thread = id === undefined ? undefined : threads.get(id)
      if (thread) own.drainThread(thread)
    }
  })
}

/**
 * Drains the workers of node:cluster, if the application forks any. A worker must know of it when it starts, and it
 * gets a copy of the environment before `cluster` emits its first event. So this looks for the first
 * `cluster.setupPrimary()`, which each first `cluster.fork()` calls: it adds a listener to the process, and that is an
 * event.
 */
export function followCluster(): void {
  const onNewListener = (event: string | symbol): void => {
    if (event !== 'internalMessage') return
    const cluster: typeof import('node:cluster').default = require('node:cluster')
    const { exec } = cluster.settings
    if (!cluster.isPrimary || exec === undefined) return // something else listens for it
    process.off('newListener', onNewListener)
    // pm2 signals its workers itself. The process that forks them is its daemon.
    if (!/[\\/]pm2[\\/]lib[\\/]ProcessContainer\.js$/.test(exec)) core().drainClusterUnlessDrained()
  }
  process.on('newListener', onNewListener)
}
