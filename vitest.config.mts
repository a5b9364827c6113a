import { defineConfig } from 'vitest/config'
import type { Reporter, TestModule } from 'vitest/node'

/** The closing line that a person, and any machine that runs `.ci/run`, can read without knowing vitest. */
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
        else failed++ // a test that was skipped without a reason has not passed
      }
    }
    process.stdout.write(`\n${[...skipped, `${passed} passed, ${failed} failed`].join('\n')}\n`)
  },
}

export default defineConfig({
  test: {
    include: ['{packages,examples}/*/test/**/*.test.ts', 'docs/test/**/*.test.ts'],
    setupFiles: ['.ci/node-version.mjs'],
    reporters: ['default', tally],
    // Child processes, real signals and real sockets on two cores: the limit is for a hang, not a speed.
    testTimeout: 60_000,
    // They wait more than they work, so no core is left out.
    maxWorkers: '100%',
    maxConcurrency: 8,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 10_000 } },
    restoreMocks: true,
  },
})
