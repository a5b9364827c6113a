import { leftOut } from './mutation-scope.mjs'
import { wanted } from './mutation-shares.mjs'

/** Mutation testing of the core: see `.ci/mutation.mjs`, which runs it, and docs/proof/mutation.md, which it writes. */
export default {
  plugins: ['@stryker-mutator/vitest-runner', new URL('mutation-shares.mjs', import.meta.url).href],
  // Some shares of all changes, or, with `--mutate`, all of a few.
  checkers: wanted ? ['shares'] : [],
  testRunner: 'vitest',
  vitest: { configFile: '.ci/vitest.mutation.mts', related: false },
  mutate: ['packages/core/src/**/*.ts', ...leftOut.map((file) => `!packages/core/src/${file}`)],
  coverageAnalysis: 'perTest',
  // A timeout counts as killed, so it must not be the machine's fault.
  timeoutMS: 20_000,
  timeoutFactor: 2,
  // More than there are processors: most tests wait most of their time.
  concurrency: 5,
  ignorePatterns: ['.turbo', 'examples', 'packages/*/dist', '!packages/core/dist'],
  reporters: ['json', 'clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, reportTests: false, allowEmojis: false },
  jsonReporter: { fileName: 'reports/mutation/mutation.json' },
  tempDirName: '.stryker-tmp',
  // Stryker would rewrite it with the JavaScript API of TypeScript, which version 7 has not.
  tsconfigFile: 'none',
}
