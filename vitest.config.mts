import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import type { Reporter, TestModule } from 'vitest/node'

/** Prints the skipped tests and the totals as the last lines, for readers and for programs that run `.ci/run`. */
const tally: Reporter = {
  onTestRunEnd(modules: ReadonlyArray<TestModule>, unhandledErrors) {
    let passed = 0
    let failed = unhandledErrors.length
    const skipped: string[] = []
    for (const module of modules) {
      if (module.errors().length > 0) failed++
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'passed') passed++
        else if (result.state === 'skipped' && result.note) skipped.push(`skipped: ${test.fullName}`)
        else failed++ // a test that is skipped without a reason counts as failed
      }
    }
    process.stdout.write(`\n${[...skipped, `${passed} passed, ${failed} failed`].join('\n')}\n`)
  },
}

export default defineConfig({
  test: {
    include: ['{packages,examples}/*/test/**/*.test.ts', 'docs/test/**/*.test.ts'],
    setupFiles: ['.ci/checks/test-environment.mjs'],
    reporters: ['default', tally],
    // Long, because tests run child processes and real sockets, perhaps on a busy machine. These limits only end what hangs.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // More workers than processors, because tests wait a third of their time for timers, sockets and processes.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    maxConcurrency: 8,
    restoreMocks: true,
  },
})
