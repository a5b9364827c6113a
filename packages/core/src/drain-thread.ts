import type { Worker as Thread } from 'node:worker_threads'
import { attach } from './adapter.js'
import type { Drain } from './drain.js'
import { checksOfThreads, leadThread } from './workers/threads.js'

/** The drains that lead threads. */
const leading = new WeakSet<Drain>()

/**
 * Drains a thread of node:worker_threads together with a drain of the main thread. A thread needs this because it gets no signals, and
 * because `process.exit()` of the main thread ends all threads. It is for threads that serve requests, and that use podrain as a
 * process without threads does. Threads that only compute do not need it: pass their work to `waitUntil`, and terminate them in
 * `onClose`. A thread that has ended, or that was started after the drain was committed, is ignored. With PODRAIN_CONTROL_PORT or
 * PODRAIN_CONTROL_SOCKET, the main thread answers the control endpoints there for all threads.
 *
 * @example
 * drainThread(drain, new Worker('./server.js'))
 *
 * @throws {TypeError | RangeError} if a variable of the control endpoints is wrong
 */
export function drainThread(drain: Drain, thread: Thread): void {
  if (!leading.has(drain)) attach({ drain, checks: checksOfThreads(drain) }, 'stand-in')
  leading.add(drain)
  leadThread(drain, thread)
}
