/**
 * Changes the source of the core in one place at a time, runs the tests that reach the place, and lists the changes (mutants) that no
 * test noticed. Writes docs/proof/mutation.md.
 *
 *     node .ci/mutation.mjs [--shares 1,2 (all)]     runs these sixteenths of all mutants; each takes about a quarter of an hour
 *     node .ci/mutation.mjs --mutate packages/core/src/http/ramp.ts[:12-20]     all mutants of a file; stores no result
 *     node .ci/mutation.mjs --report                 runs nothing, and writes the page
 *
 * The result of a share is stored in .ci/mutation-results.json with its commit, until that share is run again.
 *
 * Fails if the score is below 90 %, or if a survivor has no reason in .ci/mutation-survivors.json. Prints such survivors in the format of
 * that file.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { inProcesses, leftOut, tooSlow } from './mutation-scope.mjs'
import { shares } from './mutation-shares.mjs'

const wanted = 90
const source = 'packages/core/src'
const testing = 'packages/core/test'
const page = 'docs/proof/mutation.md'
const kept = '.ci/mutation-results.json'

const { values } = parseArgs({
  options: {
    shares: { type: 'string', default: Array.from({ length: shares }, (_, index) => index + 1).join() },
    mutate: { type: 'string' },
    report: { type: 'boolean', default: false },
  },
})
const asked = values.shares.split(',').map(Number)
if (!asked.every((share) => Number.isInteger(share) && share >= 1 && share <= shares)) {
  throw new Error(`--shares takes numbers from 1 to ${shares}, such as 1,2, not ${values.shares}`)
}

/** The test files that take part. */
const tests = readdirSync(testing).filter(
  (file) => /\.test\.ts$/.test(file) && ![...inProcesses, ...tooSlow].includes(file),
)
/** The results of the shares that were run, by share. */
const results = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : {}

if (values.mutate !== undefined) process.exit(stryker({}, '--mutate', values.mutate))
if (!values.report) {
  for (const share of asked) {
    const status = stryker({ PODRAIN_SHARES: JSON.stringify([share]) })
    if (status !== 0) process.exit(status)
    results[share] = resultOf(JSON.parse(readFileSync('reports/mutation/mutation.json', 'utf8')))
    writeFileSync(kept, `${JSON.stringify(results, undefined, 2)}\n`)
  }
}

function stryker(env, ...args) {
  const options = { stdio: 'inherit', env: { ...process.env, ...env } }
  return spawnSync('node_modules/.bin/stryker', ['run', '.ci/stryker.config.mjs', ...args], options).status ?? 1
}

/** The result of a run that is stored. */
function resultOf({ files, testFiles }) {
  // Stryker ignores a test file that cannot be loaded, and then its tests notice no mutant.
  const silent = tests.filter((file) => !(testFiles[`${testing}/${file}`]?.tests.length > 0))
  if (silent.length > 0) throw new Error(`these tests took no part: ${silent.join(', ')}`)
  return {
    commit: execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim(),
    date: new Date().toISOString().slice(0, 10),
    node: process.version,
    testFiles: tests.length,
    tests: Object.values(testFiles).reduce((sum, { tests }) => sum + tests.length, 0),
    files: Object.entries(files)
      .map(([path, { source: text, mutants }]) => rowOf(path.slice(source.length + 1), text.split('\n'), mutants))
      .filter(({ killed, timeout, survived, broken }) => killed + timeout + survived + broken > 0),
  }
}

const runs = Object.entries(results)
/** The results of all shares by file. */
const found = runs.flatMap(([, { files }]) => files)
const rows = [...new Set(found.map(({ file }) => file))]
  .map((file) => {
    const same = found.filter((row) => row.file === file)
    return { ...sum(file, same), survivors: same.flatMap(({ survivors }) => survivors) }
  })
  .sort((a, b) => a.file.localeCompare(b.file))
const all = sum(runs.length === shares ? 'the whole core' : `${runs.length} of ${shares} shares`, rows)
const survivors = rows.flatMap(({ survivors }) => survivors)
/** Why a survivor is equivalent or accepted. A survivor is identified by its line and its change, without the line number. */
const reasons = JSON.parse(readFileSync('.ci/mutation-survivors.json', 'utf8'))
const whyOf = new Map(
  reasons.flatMap(({ why, equivalent, survivors }) => survivors.map((key) => [key, { why, equivalent }])),
)
const unexplained = survivors.filter((key) => !whyOf.has(key))

function rowOf(file, lines, mutants) {
  const count = (...statuses) => mutants.filter(({ status }) => statuses.includes(status)).length
  const survivors = mutants
    .filter(({ status }) => status === 'Survived' || status === 'NoCoverage')
    .sort((a, b) => a.location.start.line - b.location.start.line || a.location.start.column - b.location.start.column)
    .map((mutant) => keyOf(file, lines, mutant))
  return {
    file,
    killed: count('Killed'),
    timeout: count('Timeout'),
    survived: count('Survived', 'NoCoverage'),
    broken: count('RuntimeError'), // CompileError marks the mutants of other shares
    survivors,
  }
}

/** `file: line: original → replacement`, without line numbers, so that changes elsewhere in the file do not matter. */
function keyOf(file, lines, { location: { start, end }, replacement }) {
  const first = lines[start.line - 1]
  const line = first.trim()
  const there =
    start.line === end.line ? first.slice(start.column - 1, end.column - 1) : `${first.slice(start.column - 1)} …`
  return `${file}: ${there === line ? '' : `${line}: `}${there} → ${replacement.replace(/\s+/g, ' ')}`
}

function sum(file, rows) {
  const total = (name) => rows.reduce((sum, row) => sum + row[name], 0)
  return {
    file,
    killed: total('killed'),
    timeout: total('timeout'),
    survived: total('survived'),
    broken: total('broken'),
  }
}

function scoreOf({ killed, timeout, survived }) {
  return (100 * (killed + timeout)) / (killed + timeout + survived)
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), `|---|${'--:|'.repeat(head.length - 1)}`, ...rows.map(line)].join('\n')
}

function listOf(equivalent) {
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

function text() {
  const { version } = JSON.parse(readFileSync('node_modules/@stryker-mutator/core/package.json', 'utf8'))
  const list = (names) => names.map((name) => `\`${name}\``).join(', ')
  const equivalent = survivors.filter((key) => whyOf.get(key)?.equivalent).length
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

**Tests noticed ${scoreOf(all).toFixed(1)} % of ${all.killed + all.timeout + all.survived} changes.** ${survivors.length} survived. ${equivalent} of the survivors are equivalent: the
program does the same with the change, so no test could notice them. They count against the score, too.

All changes together take many hours. So a hash divides the changes into ${shares} shares. Each share is a random sample, and can be run
alone (\`test:mutation --shares 1,2\`). ${isWhole ? 'All shares were run.' : `${runs.length} of ${shares} shares were run so far. With 95 % confidence the score of all changes is ${intervalOf(all)}.`}

${table(
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

${table(['file', 'killed', 'timed out', 'survived', 'no result', 'score'], [...rows, all].map(row))}

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

${listOf(true) || 'None.'}

## Survivors that are accepted

${listOf(false) || 'None.'}
`
}

if (unexplained.length > 0) console.log(`survivors without a reason:\n${JSON.stringify(unexplained, undefined, 2)}`)
const score = scoreOf(all)
console.log(
  `${score.toFixed(2)} % of ${all.killed + all.timeout + all.survived} changes noticed, in ${runs.length} of ${shares} shares; ` +
    `${unexplained.length} survivors without a reason`,
)
writeFileSync(page, text())
if (score < wanted || unexplained.length > 0) process.exit(1)
