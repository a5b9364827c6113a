/**
 * Runs the whole suite on every Node version that is supported, with binaries from the npm registry.
 *
 *     node .ci/matrix.mjs [20 22 24 26]
 *
 * Not through turbo: its cache does not know the Node version.
 */
import { spawnSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'

const wanted = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26']
const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
let failed = false

for (const major of wanted) {
  // The platform's own package: `node` itself downloads in an install script, which npm may block, and then npx
  // silently runs the Node that is there.
  const asked = spawnSync('npx', ['-y', '-p', `${platform}@${major}`, '-c', 'node -p process.execPath'], {
    encoding: 'utf8',
  })
  const binary = asked.stdout.trim()
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout?.trim()
  if (!version?.startsWith(`v${major}.`)) throw new Error(`asked for Node ${major}, got ${version}: ${asked.stderr}`)
  const begun = performance.now()
  const { status, stdout, stderr } = spawnSync(binary, ['node_modules/vitest/vitest.mjs', 'run'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` },
  })
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  console.log(`Node ${version}: exit ${status} in ${seconds} s: ${stdout.trimEnd().split('\n').at(-1)}`)
  if (status === 0) continue
  failed = true
  console.log(stdout.slice(-20_000), stderr.slice(-5_000))
}
process.exit(failed ? 1 : 0)
