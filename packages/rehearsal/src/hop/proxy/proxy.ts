import { startThread } from '../../shared/thread.js'
import type { Front, FrontPlan } from '../front.js'

/** Starts the built-in proxy in a thread. `fail` is called when the thread fails. */
export async function startProxy(plan: FrontPlan, fail: (error: Error) => void): Promise<Front> {
  const { worker, ready } = startThread('hop/proxy/thread.js', plan, fail)
  await ready
  let eventLoopDelayMs = 0
  worker.on('message', (longest: number) => {
    eventLoopDelayMs = longest
  })
  return {
    get eventLoopDelayMs() {
      return eventLoopDelayMs
    },
    async close() {
      await worker.terminate()
    },
  }
}
