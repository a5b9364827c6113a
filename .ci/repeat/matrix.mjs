/**
 * Runs all tests on every supported Node version, with binaries from the npm registry.
 *
 *     node .ci/repeat/matrix.mjs [--node 20,22,24,26]
 */
import { parseArgs } from 'node:util'
import { namesOf } from '../shared/arguments.mjs'
import { node, supported, vitest } from './node.mjs'

const { values } = parseArgs({ options: { node: { type: 'string', default: supported.join() } } })
let failed = false

for (const major of namesOf('node', values.node, supported)) {
  const named = node(major)
  const { status, seconds, last, output } = vitest(named)
  console.log(`Node ${named.version}: exit ${status} in ${seconds} s: ${last}`)
  if (status === 0) continue
  failed = true
  console.log(output)
}
process.exit(failed ? 1 : 0)
