import { basename, relative } from 'node:path'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'
import { inProcesses, slowest, tooMuch } from './mutation-scope.mjs'

/**
 * What has noticed the last change first, as it often notices the next one, too. The slowest last; Vitest itself begins with those.
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

/** The tests of the core that load its source themselves, and so see what Stryker has changed in it. */
export default defineConfig({
  test: {
    include: ['packages/core/test/**/*.test.ts'],
    exclude: [...inProcesses, ...tooMuch].map((file) => `packages/core/test/${file}`),
    setupFiles: ['.ci/mutation-setup.mts'],
    // Half of the work: a worker of its own for each file costs more than most tests.
    isolate: false,
    sequence: { sequencer: QuickestToFail },
    env: { PODRAIN_COURSES: '30' },
    // What a change makes wait for ever is found out soon.
    testTimeout: 6_000,
    hookTimeout: 6_000,
    restoreMocks: true,
    // Looking every 50 ms would be most of what a test takes.
    expect: { poll: { interval: 2, timeout: 4_000 } },
  },
})
