/**
 * Runs the whole suite on every Node version that is supported, with binaries from the npm registry.
 *
 *     node .ci/matrix.mjs [20 22 24 26]
 *
 * Not through turbo: its cache does not know the Node version.
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
