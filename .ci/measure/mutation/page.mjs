import { readFileSync } from 'node:fs'
import { tableOf } from '../../shared/table.mjs'
import { scoreOf, sum } from './result.mjs'
import { inProcesses, leftOut, tooSlow } from './scope.mjs'
import { shares } from './shares.mjs'

/** The survivors that are equivalent, or those that are accepted, below the reason of each. */
function listOf(reasons, survivors, equivalent) {
  return reasons
    .filter((reason) => reason.equivalent === equivalent)
    .map(({ why, survivors: keys }) => ({ why, there: keys.filter((key) => survivors.includes(key)) }))
    .filter(({ there }) => there.length > 0)
    .map(({ why, there }) => `${why}\n\n${there.map(code).join('\n')}`)
    .join('\n\n')
}

const code = (key) => `- \`${key.replaceAll('`', 'ˋ')}\``

/** The interval that holds the score of all mutants with 95 % confidence, if these are a random sample (Wilson). */
function intervalOf({ killed, timeout, survived }) {
  const n = killed + timeout + survived
  const [p, z] = [(killed + timeout) / n, 1.96]
  const centre = (p + z ** 2 / (2 * n)) / (1 + z ** 2 / n)
  const half = (z * Math.sqrt((p * (1 - p)) / n + z ** 2 / (4 * n ** 2))) / (1 + z ** 2 / n)
  return [centre - half, centre + half].map((share) => `${(100 * share).toFixed(1)} %`).join(' to ')
}

/**
 * The page docs/proof/mutation.md.
 * @param runs The stored results, by share.
 * @param summary The rows of the files and their sum, the score that is wanted, and the reasons of the survivors.
 */
export function pageOf(runs, { rows, all, wanted, reasons, unexplained }) {
  const survivors = rows.flatMap(({ survivors }) => survivors)
  const { version } = JSON.parse(readFileSync('node_modules/@stryker-mutator/core/package.json', 'utf8'))
  const list = (names) => names.map((name) => `\`${name}\``).join(', ')
  const equivalents = reasons.filter(({ equivalent }) => equivalent).flatMap(({ survivors }) => survivors)
  const row = (each) => [
    each.file,
    ...[each.killed, each.timeout, each.survived, each.broken].map(String),
    `${scoreOf(each).toFixed(1)} %`,
  ]
  const isWhole = runs.length === shares
  return `# Mutation testing

\`npx -y pnpm@10.34.9 test:mutation\` changes the source of \`@podrain/core\` in one place at a time: a comparison, a condition, a text or a
block. It runs the tests that reach the place. A test notices a change by failing. The command fails if less than ${wanted} % are noticed,
or if a change that no test noticed, a “survivor”, has no reason below.

**Tests noticed ${scoreOf(all).toFixed(1)} % of ${all.killed + all.timeout + all.survived} changes.** ${survivors.length} survived. ${survivors.filter((key) => equivalents.includes(key)).length} of the survivors are equivalent: the
program does the same with the change, so no test could notice them. They count against the score, too.

All changes together take many hours. So a hash divides the changes into ${shares} shares. Each share is a random sample, and can be run
alone (\`test:mutation --shares 1,2\`). ${isWhole ? 'All shares were run.' : `${runs.length} of ${shares} shares were run so far. With 95 % confidence the score of all changes is ${intervalOf(all)}.`}

${tableOf(
  ['share', 'date', 'commit', 'Node', 'changes', 'noticed'],
  runs.map(([share, { date, commit, node, files }]) => {
    const total = sum('', files)
    return [
      share,
      date,
      commit,
      node,
      String(total.killed + total.timeout + total.survived),
      `${scoreOf(total).toFixed(1)} %`,
    ]
  }),
)}

## Scores

${tableOf(['file', 'killed', 'timed out', 'survived', 'no result', 'score'], [...rows, all].map(row))}

"Timed out" is a change that causes an endless loop or wait. Stryker counts it as noticed. "No result" is a change that broke the test runner
itself. It does not count.

## What runs

- Stryker ${version} runs with vitest. Version 10 of Stryker needs Node 22. Every kind of change is made, on every line.
- Constants that are evaluated when a module is loaded are changed, too: \`ignoreStatic\` is off. A change that prevents all modules from
  loading counts as a survivor, because no test has failed then.
- Only tests that load the source in their own process see a change: ${runs.at(-1)?.[1].testFiles ?? 0} files with ${runs.at(-1)?.[1].tests ?? 0} tests. Child processes run
  the build. So ${list(inProcesses)} are not run, nor is the contract of all servers and frameworks.
  A change that only these tests would notice survives here. ${list(tooSlow)} is left out because it takes long, and ${'`model.test.ts`'} tries 30
  courses.
- These files are not changed, for the same reason: ${list(leftOut)}. This code runs in
  several processes or threads.
- Signals, the exit of the process and ${'`podrain-prestop`'} are simulated in the process of these tests: ${'`exit.test.ts`'}, ${'`prestop-verdict.test.ts`'}.
- Stryker cannot use the type checker of TypeScript 7, so changes that do not compile are run like all others.

${unexplained.length > 0 ? `## Survivors without a reason\n\nEach needs a test or a reason; until then the command fails.\n\n${unexplained.map(code).join('\n')}\n` : ''}
## Survivors that are equivalent

${listOf(reasons, survivors, true) || 'None.'}

## Survivors that are accepted

${listOf(reasons, survivors, false) || 'None.'}
`
}
