import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** The package is two directories up, both from src and from dist. A thread runs compiled code only. */
const built = join(__dirname, '..', '..', 'dist')

/** A thread of this package. */
export interface StartedThread {
  readonly worker: Worker
  /** Resolves with the thread's first message, which it sends when it is ready. Rejects when the thread fails before. */
  readonly ready: Promise<unknown>
}

/** Starts a file of this package as a thread, such as `load/thread.js`. `fail` is called when the thread fails. */
export function startThread(program: string, workerData: unknown, fail: (error: Error) => void): StartedThread {
  const worker = new Worker(join(built, program), { workerData })
  worker.on('error', fail)
  const ready = once(worker, 'message').then(([message]) => message)
  ready.catch(() => {})
  return { worker, ready }
}
