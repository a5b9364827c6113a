/** What mutation testing does without, for `stryker.config.mjs`, `vitest.mutation.mts` and the page that `mutation.mjs` writes. */

/** Of packages/core/src: it takes several processes or threads to test them, and those run what is built. */
export const leftOut = [
  'drain-cluster.ts',
  'workers/cluster.ts',
  'workers/environment.ts',
  'workers/link.ts',
  'workers/protocol.ts',
  'workers/threads.ts',
  'workers/in-worker.ts',
]

/** Of packages/core/test: most of what they test runs in processes of its own, which run what is built. */
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

/** Of packages/core/test: a thousand random connections are too many for every change. */
export const tooMuch = ['fuzz.test.ts']

/**
 * Of packages/core/test: what takes more than a second, the slowest last. Most changes are noticed by a quicker test, and the first
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
