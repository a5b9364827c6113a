/**
 * Runs all tests, or some test files, several times, to find flaky tests.
 *
 *     node .ci/repeat/tests.mjs [--times 20] [packages/core/test/settle.test.ts …]
 */
import { parseArgs } from 'node:util'
import { numberOf } from '../shared/arguments.mjs'
import { vitest } from './node.mjs'

const { values, positionals } = parseArgs({
  options: { times: { type: 'string', default: '20' } },
  allowPositionals: true,
})
const times = numberOf('times', values.times)
let good = 0

for (let run = 1; run <= times; run++) {
  const { status, seconds, last, output } = vitest(
    { binary: process.execPath, version: process.version },
    ...positionals,
  )
  console.log(`run ${run}: exit ${status} in ${seconds} s: ${last}`)
  if (status === 0) good++
  else console.log(output)
}
console.log(`${good} of ${times} runs passed`)
process.exit(good === times ? 0 : 1)
