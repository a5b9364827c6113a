import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { inProcesses, tooSlow } from './scope.mjs'

const source = 'packages/core/src'
const testing = 'packages/core/test'

/** The test files that take part. */
const tests = readdirSync(testing).filter(
  (file) => /\.test\.ts$/.test(file) && ![...inProcesses, ...tooSlow].includes(file),
)

/** What is stored of a run: the report of Stryker, with its mutants as numbers and its survivors as texts. */
export function resultOf({ files, testFiles }) {
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

/** The sum of some rows, under a name. */
export function sum(file, rows) {
  const total = (name) => rows.reduce((sum, row) => sum + row[name], 0)
  return {
    file,
    killed: total('killed'),
    timeout: total('timeout'),
    survived: total('survived'),
    broken: total('broken'),
  }
}

/** The share of mutants that tests noticed, in percent. */
export function scoreOf({ killed, timeout, survived }) {
  return (100 * (killed + timeout)) / (killed + timeout + survived)
}
