import { vi } from 'vitest'
import './node-version.mjs'

// Stryker runs the tests in threads, where a drain takes itself for one of several.
vi.mock('node:worker_threads', async (load) => ({ ...(await load<object>()), isMainThread: true }))

// Stryker forgets which test is running before the test's own clean-up has run (onTestFinished), takes what that reaches
// for code that runs when a module is loaded, and would try every test on it. It belongs to the test that cleans up.
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
