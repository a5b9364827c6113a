import { leftOut } from './scope.mjs'
import { wanted } from './shares.mjs'

/** Mutation testing of the core. `.ci/measure/mutation.mjs` runs it and writes docs/proof/mutation.md. */
export default {
  plugins: ['@stryker-mutator/vitest-runner', new URL('shares.mjs', import.meta.url).href],
  // The checker runs only some shares of the mutants. Without shares, as with `--mutate`, all mutants run.
  checkers: wanted ? ['shares'] : [],
  testRunner: 'vitest',
  vitest: { configFile: '.ci/measure/mutation/vitest.config.mts', related: false },
  mutate: ['packages/core/src/**/*.ts', ...leftOut.map((file) => `!packages/core/src/${file}`)],
  coverageAnalysis: 'perTest',
  // A timeout counts as killed, so a busy machine must not cause one.
  timeoutMS: 20_000,
  timeoutFactor: 2,
  // More than the number of processors, because most tests wait most of their time.
  concurrency: 5,
  ignorePatterns: ['.turbo', 'examples', 'packages/*/dist', '!packages/core/dist'],
  reporters: ['json', 'clear-text', 'progress-append-only'],
  clearTextReporter: { allowColor: false, reportTests: false, allowEmojis: false },
  jsonReporter: { fileName: 'reports/mutation/mutation.json' },
  tempDirName: '.stryker-tmp',
  // Stryker would rewrite the tsconfig with the JavaScript API of TypeScript, which version 7 does not have.
  tsconfigFile: 'none',
}
