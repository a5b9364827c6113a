import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'

/** From src as from dist, the package is two directories up; a thread runs only what is built. */
const built = join(__dirname, '..', '..', 'dist')

/** A thread of ours, and its first message: what it says when it can be used. */
export interface StartedThread {
  readonly worker: Worker
  /** Rejects when the thread fails before; who does not wait for it hears of that by `fail`. */
  readonly ready: Promise<unknown>
}

/** Starts a program of this package in a thread, such as `load/thread.js`. `fail` is called when it has failed. */
export function startThread(program: string, workerData: unknown, fail: (error: Error) => void): StartedThread {
  const worker = new Worker(join(built, program), { workerData })
  worker.on('error', fail)
  const ready = once(worker, 'message').then(([message]) => message)
  ready.catch(() => {})
  return { worker, ready }
}
