import { basename, relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { inProcesses, slowest, tooSlow } from './scope.mjs'

/**
 * Runs test files that killed the last mutant first, because they often kill the next one, too. Runs the slowest files last. Vitest by
 * itself begins with the slowest.
 */
class QuickestToFail extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const { cache, config } = this.ctx
    const place = ({ project, moduleId }: TestSpecification): number => {
      const last = cache.getFileTestResults(`${project.name}:${relative(config.root, moduleId)}`)
      return last?.failed ? -2 : slowest.indexOf(basename(moduleId))
    }
    return files.toSorted((a, b) => place(a) - place(b))
  }
}

/** The tests of the core that load its source in their own process, and so run the mutants of Stryker. */
export default defineConfig({
  test: {
    include: ['packages/core/test/**/*.test.ts'],
    exclude: [...inProcesses, ...tooSlow].map((file) => `packages/core/test/${file}`),
    setupFiles: ['.ci/measure/mutation/setup.mts'],
    // Takes half of the time, because a worker for each file costs more than most tests.
    isolate: false,
    sequence: { sequencer: QuickestToFail },
    env: { TEST_COURSES: '30' },
    // Short, so that a mutant that waits forever is killed soon.
    testTimeout: 6_000,
    hookTimeout: 6_000,
    restoreMocks: true,
    // Short, because the default interval of 50 ms would be longer than most tests.
    expect: { poll: { interval: 2, timeout: 4_000 } },
  },
})
