/**
 * Runs the whole suite on every supported Node version, with binaries from the npm registry.
 *
 *     node .ci/repeat/matrix.mjs [20 22 24 26]
 *
 * Does not use turbo, because its cache ignores the Node version.
 */
import { node, supported, vitest } from './node.mjs'

const wanted = process.argv.length > 2 ? process.argv.slice(2) : supported
let failed = false

for (const major of wanted) {
  const named = node(major)
  const { status, seconds, last, output } = vitest(named)
  console.log(`Node ${named.version}: exit ${status} in ${seconds} s: ${last}`)
  if (status === 0) continue
  failed = true
  console.log(output)
}
process.exit(failed ? 1 : 0)
