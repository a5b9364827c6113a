/**
 * Changes the source of the core in one place at a time, runs the tests that reach the place, and says which changes no test
 * has noticed. Writes docs/mutation.md.
 *
 *     node .ci/mutation.mjs [--report] [options of Stryker, such as --force or --mutate packages/core/src/http/ramp.ts]
 *
 * Results are kept in reports/mutation, so that a run that follows a change does only what the change concerns; --force does
 * all of it again. With --mutate the page is not written, as it shows the whole. With --report nothing is run.
 *
 * Fails if the score is below 90 %, if a survivor has no reason in .ci/mutation-survivors.json, or if anything has no result.
 * It prints the survivors as they are to be put there.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { inProcesses, leftOut, tooMuch } from './mutation-scope.mjs'

const wanted = 90
const source = 'packages/core/src'
const testing = 'packages/core/test'
const page = 'docs/mutation.md'
/** Types, and what is exported: nothing in them runs. */
const typesOnly = [
  'endpoints/drain-view.ts',
  'http/connection.ts',
  'index.ts',
  'shared/states.ts',
  'workers/drain-view.ts',
]
const args = process.argv.slice(2).filter((arg) => arg !== '--report')

if (!process.argv.includes('--report')) {
  const { status } = spawnSync('node_modules/.bin/stryker', ['run', '.ci/stryker.config.mjs', ...args], {
    stdio: 'inherit',
  })
  if (status !== 0) process.exit(status ?? 1)
  if (args.includes('--mutate')) process.exit(0)
}

/** Every change that was tried, by file. */
const { files, testFiles } = JSON.parse(readFileSync('reports/mutation/mutation.json', 'utf8'))
/** Why a change that no test notices is none, or is accepted. A survivor is known by its line and the change, not its number. */
const reasons = JSON.parse(readFileSync('.ci/mutation-survivors.json', 'utf8'))
const whyOf = new Map(
  reasons.flatMap(({ why, equivalent, survivors }) => survivors.map((key) => [key, { why, equivalent }])),
)

const sources = readdirSync(source, { recursive: true }).filter(
  (file) => file.endsWith('.ts') && ![...typesOnly, ...leftOut].includes(file),
)
const tests = readdirSync(testing).filter(
  (file) => /\.test\.ts$/.test(file) && ![...inProcesses, ...tooMuch].includes(file),
)
// Stryker does not mind a test file that cannot be loaded: then nothing in it notices anything.
const silent = tests.filter((file) => !(testFiles[`${testing}/${file}`]?.tests.length > 0))
const missing = sources.filter((file) => !(`${source}/${file}` in files))
const changed = sources.filter((file) => {
  const result = files[`${source}/${file}`]
  return result && result.source !== readFileSync(`${source}/${file}`, 'utf8')
})
const isWhole = silent.length + missing.length + changed.length === 0

const rows = Object.entries(files)
  .map(([path, { source: text, mutants }]) => rowOf(path.slice(source.length + 1), text.split('\n'), mutants))
  .sort((a, b) => a.file.localeCompare(b.file))
const all = sum(isWhole ? 'the whole core' : 'all of these', rows)
const survivors = rows.flatMap(({ survivors }) => survivors)
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
    broken: count('RuntimeError', 'CompileError'),
    survivors,
  }
}

/** `file: line: what is there → what was put there`, without line numbers, so that it holds when something else changes. */
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

/** What the results lack. */
function gaps() {
  const list = (names) => names.map((name) => `\`${name}\``).join(', ')
  return [
    missing.length > 0 && `No results yet for ${list(missing)}.`,
    changed.length > 0 && `Changed since they were run: ${list(changed)}.`,
    silent.length > 0 && `Tests that took no part yet: ${list(silent)}.`,
  ]
    .filter(Boolean)
    .join('\n')
}

function text() {
  const { version } = JSON.parse(readFileSync('node_modules/@stryker-mutator/core/package.json', 'utf8'))
  const countOfTests = Object.values(testFiles).reduce((sum, { tests }) => sum + tests.length, 0)
  const list = (names) => names.map((name) => `\`${name}\``).join(', ')
  const equivalent = survivors.filter((key) => whyOf.get(key)?.equivalent).length
  const row = (each) => [
    each.file,
    ...[each.killed, each.timeout, each.survived, each.broken].map(String),
    `${scoreOf(each).toFixed(1)} %`,
  ]
  return `# Mutation testing

A test suite is as good as what it notices. \`npx -y pnpm@10.34.9 test:mutation\` changes the source of \`@podrain/core\` in one
place at a time (a comparison, a condition, a text, a block), runs the tests that reach the place, and counts the changes
that no test noticed. It fails below ${wanted} %, and for a survivor without a reason below.

${isWhole ? '' : `**The results are not whole, so this is not the score of the core.** ${gaps()}\n`}
Written on ${new Date().toISOString().slice(0, 10)} by that command, with Node ${process.version}: ${all.killed + all.timeout + all.survived} changes, ${survivors.length} of which
survived. Of those ${equivalent} cannot be noticed by anybody; they count against the score all the same.

## Scores

${table(['file', 'killed', 'timed out', 'survived', 'no result', 'score'], [...rows, all].map(row))}

"Timed out" is a change that makes something loop for ever: Stryker takes it for noticed. "No result" is one that broke the
test runner itself; it does not count.

## What runs

- Stryker ${version} with vitest; version 10 needs Node 22. Every kind of change, on every line.
- Also constants that are read when a module is loaded (\`ignoreStatic\` is off; with it they would not count at all). One that
  keeps everything from loading survives by Stryker's reckoning, as no test has failed then.
- Only tests that load the source in their own process see a change: ${tests.length - silent.length} files with ${countOfTests} tests. Child processes run
  what is built, so ${list(inProcesses)} take no part, nor does the contract of all servers and frameworks;
  what only they hold survives here. ${list(tooMuch)} is left out, as it takes long, and ${'`model.test.ts`'} tries 30 courses.
- Left out for that reason: ${list(leftOut)}. They are what processes and threads
  say to one another. ${list(typesOnly)} hold nothing that runs.
- Signals, the exit of the process and ${'`podrain-prestop`'} are played in the process of the tests: ${'`exit.test.ts`'}, ${'`prestop-verdict.test.ts`'}.
- TypeScript 7 has no checker that Stryker could ask, so changes that do not compile are tried like any other.

${unexplained.length > 0 ? `## Survivors without a reason\n\nEach needs a test or a reason; until then the command fails.\n\n${unexplained.map(code).join('\n')}\n` : ''}
## Survivors that are equivalent

${listOf(true) || 'None.'}

## Survivors that are accepted

${listOf(false) || 'None.'}
`
}

const stale = [...whyOf.keys()].filter((key) => !survivors.includes(key))
if (stale.length > 0) console.log(`reasons for what did not survive:\n${stale.map((key) => `  ${key}`).join('\n')}`)
if (unexplained.length > 0) console.log(`survivors without a reason:\n${JSON.stringify(unexplained, undefined, 2)}`)
const score = scoreOf(all)
console.log(
  `${score.toFixed(2)} % of ${all.killed + all.timeout + all.survived} changes noticed, ${unexplained.length} survivors without a reason`,
)
if (!isWhole) console.log(gaps())
writeFileSync(page, text())
if (!isWhole || score < wanted || unexplained.length > 0) process.exit(1)
