import { BroadcastChannel, type Worker as Thread } from 'node:worker_threads'
import { core, type OwnDrain } from './own-drain.js'

/**
 * Drains the threads that have created a drain. With this preload, a thread creates a drain as soon as it serves. Threads that only
 * compute are not drained.
 */
export function followThreads(own: OwnDrain): void {
  const threads = new Map<number, Thread>()
  let channel: BroadcastChannel | undefined
  process.on('worker', (thread) => {
    const id = thread.threadId
    threads.set(id, thread)
    thread.once('exit', () => threads.delete(id))
    if (channel) return
    // A thread with a drain announces itself on this channel (core/src/workers/link.ts).
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
 * Drains the workers of node:cluster, if the application forks any. `drainCluster()` must be called before the first worker gets its
 * copy of the environment, and `cluster` emits no event before that. So this function waits for the first `cluster.setupPrimary()`,
 * which the first `cluster.fork()` calls: it adds a listener for 'internalMessage' to the process, and the process then emits
 * 'newListener'.
 */
export function followCluster(): void {
  const onNewListener = (event: string | symbol): void => {
    if (event !== 'internalMessage') return
    const cluster: typeof import('node:cluster').default = require('node:cluster')
    const { exec } = cluster.settings
    if (!cluster.isPrimary || exec === undefined) return // other code has added the listener
    process.off('newListener', onNewListener)
    // The primary of pm2's workers is its daemon, and pm2 signals its workers itself.
    if (!/[\\/]pm2[\\/]lib[\\/]ProcessContainer\.js$/.test(exec)) core().drainClusterUnlessDrained()
  }
  process.on('newListener', onNewListener)
}
