import { vi } from 'vitest'
import '../../checks/test-environment.mjs'

// Stryker runs the tests in worker threads. There a drain would expect the main thread to lead it.
vi.mock('node:worker_threads', async (load) => ({ ...(await load<object>()), isMainThread: true }))

// Stryker resets the current test before the clean-up of that test (onTestFinished) has run. Code that the clean-up reaches would count as
// code that runs when a module is loaded, and every test would be run for its mutants. So the id of the last test is kept.
const stryker = (globalThis as { __stryker__?: { currentTestId?: string } }).__stryker__
if (stryker) {
  let current: string | undefined
  Object.defineProperty(stryker, 'currentTestId', {
    configurable: true, // this runs for every file
    get: () => current,
    set: (id: string | undefined) => {
      current = id ?? current
    },
  })
}
