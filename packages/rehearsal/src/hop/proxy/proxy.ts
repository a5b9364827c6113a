import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import type { Front, FrontPlan } from '../front.js'

/** From src as from dist, the package is three directories up; a thread runs only what is built. */
const program = join(__dirname, '..', '..', '..', 'dist', 'hop', 'proxy', 'thread.js')

/** Starts the proxy of our own, in a thread. `fail` is called when it cannot go on. */
export async function startProxy(plan: FrontPlan, fail: (error: Error) => void): Promise<Front> {
  const worker = new Worker(program, { workerData: plan })
  const listening = once(worker, 'message')
  worker.on('error', fail)
  await listening
  return {
    async close() {
      await worker.terminate()
    },
  }
}
