/** The files that mutation testing leaves out. Used by `stryker.config.mjs`, `vitest.config.mts` and `../mutation.mjs`. */

/** Files of packages/core/src whose tests need several processes or threads, which run the build and not the mutated source. */
export const leftOut = [
  'drain-cluster.ts',
  'workers/cluster.ts',
  'workers/environment.ts',
  'workers/link.ts',
  'workers/protocol.ts',
  'workers/threads.ts',
  'workers/in-worker.ts',
]

/** Test files of packages/core/test whose tests run mostly in child processes, which run the build and not the mutated source. */
export const inProcesses = [
  'cluster.test.ts',
  'namespace.test.ts',
  'others.test.ts',
  'podrain-prestop.test.ts',
  'scenarios.test.ts',
  'signals.test.ts',
  'undelivered.test.ts',
  'unruly.test.ts',
]

/** Test files of packages/core/test that take too long to run for every mutant: a thousand random connections. */
export const tooSlow = ['fuzz.test.ts']

/**
 * Test files of packages/core/test that take more than a second, the slowest last. A faster test kills most mutants, and the first test
 * that fails ends the run.
 */
export const slowest = [
  'terminating.test.ts',
  'early-close.test.ts',
  'pipelining.test.ts',
  'shedding.test.ts',
  'unanswerable.test.ts',
  'control.test.ts',
  'hooks.test.ts',
  'closing.test.ts',
  'drain.test.ts',
  'http2.test.ts',
  'servers.test.ts',
  'abandoned.test.ts',
  'many.test.ts',
  'lookout.test.ts',
  'managers.test.ts',
  'settle.test.ts',
  'expectations.test.ts',
  'late-watch.test.ts',
]
