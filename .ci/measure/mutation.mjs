/**
 * Changes the source of the core in one place at a time, runs the tests that reach the place, and lists the changes (mutants) that no
 * test noticed. Writes docs/proof/mutation.md.
 *
 *     node .ci/measure/mutation.mjs [--shares 1,2 (all)]     runs these sixteenths of all mutants; each takes about a quarter of an hour
 *     node .ci/measure/mutation.mjs --mutate packages/core/src/http/ramp.ts[:12-20]     all mutants of a file; stores no result
 *     node .ci/measure/mutation.mjs --report                 runs nothing, and writes the page
 *
 * The result of a share is stored in .ci/measure/mutation/results.json with its commit, until that share is run again.
 *
 * Fails if the score is below 90 %, or if a survivor has no reason in .ci/measure/mutation/survivors.json. Prints such survivors in the format of
 * that file.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { namesOf } from '../shared/arguments.mjs'
import { pageOf } from './mutation/page.mjs'
import { resultOf, scoreOf, sum } from './mutation/result.mjs'
import { shares } from './mutation/shares.mjs'

const wanted = 90
const kept = '.ci/measure/mutation/results.json'

const every = Array.from({ length: shares }, (_, index) => String(index + 1))
const { values } = parseArgs({
  options: {
    shares: { type: 'string', default: every.join() },
    mutate: { type: 'string' },
    report: { type: 'boolean', default: false },
  },
})
const asked = namesOf('shares', values.shares, every).map(Number)

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
/** Why a survivor is equivalent or accepted. A survivor is identified by its line and its change, without the line number. */
const reasons = JSON.parse(readFileSync('.ci/measure/mutation/survivors.json', 'utf8'))
const explained = new Set(reasons.flatMap(({ survivors }) => survivors))
const unexplained = rows.flatMap(({ survivors }) => survivors).filter((key) => !explained.has(key))

if (unexplained.length > 0) console.log(`survivors without a reason:\n${JSON.stringify(unexplained, undefined, 2)}`)
const score = scoreOf(all)
console.log(
  `${score.toFixed(2)} % of ${all.killed + all.timeout + all.survived} changes noticed, in ${runs.length} of ${shares} shares; ` +
    `${unexplained.length} survivors without a reason`,
)
writeFileSync('docs/proof/mutation.md', pageOf(runs, { rows, all, wanted, reasons, unexplained }))
if (score < wanted || unexplained.length > 0) process.exit(1)

/** The exit code of Stryker with these variables and arguments. */
function stryker(env, ...args) {
  const options = { stdio: 'inherit', env: { ...process.env, ...env } }
  const command = ['run', '.ci/measure/mutation/stryker.config.mjs', ...args]
  return spawnSync('node_modules/.bin/stryker', command, options).status ?? 1
}
