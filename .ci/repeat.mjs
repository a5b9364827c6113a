/**
 * Runs a command again and again and stops at the first failure: for "no flake in N runs".
 *
 *     node .ci/repeat.mjs [--times 20] -- vitest run
 */
import { spawnSync } from 'node:child_process'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { times: { type: 'string', default: '20' } },
  allowPositionals: true,
})
const [command = 'vitest', ...args] = positionals.length > 0 ? positionals : ['vitest', 'run']

for (let run = 1; run <= Number(values.times); run++) {
  const begun = performance.now()
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  const last = stdout.trimEnd().split('\n').at(-1)
  console.log(`run ${run}: exit ${status} in ${((performance.now() - begun) / 1000).toFixed(0)} s: ${last}`)
  if (status === 0) continue
  console.log(stdout.slice(-20_000), stderr.slice(-5_000))
  process.exit(1)
}
