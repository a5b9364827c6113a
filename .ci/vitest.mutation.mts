import { defineConfig } from 'vitest/config'
import { inProcesses, tooMuch } from './mutation-scope.mjs'

/** The tests of the core that load its source themselves, and so see what Stryker has changed in it. */
export default defineConfig({
  test: {
    include: ['packages/core/test/**/*.test.ts'],
    exclude: [...inProcesses, ...tooMuch].map((file) => `packages/core/test/${file}`),
    setupFiles: ['.ci/mutation-setup.mts'],
    // Half of the work: a worker of its own for each file costs more than most tests.
    isolate: false,
    env: { PODRAIN_COURSES: '30' },
    // What a change makes wait for ever is found out soon.
    testTimeout: 10_000,
    hookTimeout: 10_000,
    restoreMocks: true,
    // Looking every 50 ms would be most of what a test takes.
    expect: { poll: { interval: 2, timeout: 5_000 } },
  },
})
