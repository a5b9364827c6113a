import { spawnSync } from 'node:child_process'
import { delimiter, dirname } from 'node:path'

/** The supported Node versions. */
export const supported = ['20', '22', '24', '26']

/** The binary and the version of a Node of this major version, from the npm registry. */
export function node(major) {
  // The package of the platform. The package `node` downloads in an install script, which npm may block. Then npx silently runs the
  // installed Node.
  const platform = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`
  const asked = spawnSync('npx', ['-y', '-p', `${platform}@${major}`, '-c', 'node -p process.execPath'], {
    encoding: 'utf8',
  })
  const binary = asked.stdout.trim()
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout?.trim()
  if (!version?.startsWith(`v${major}.`)) throw new Error(`asked for Node ${major}, got ${version}: ${asked.stderr}`)
  return { binary, version }
}

/** Runs vitest and its workers on a Node. `test-environment.mjs` checks the version in each worker. */
export function vitest({ binary, version }, ...args) {
  const begun = performance.now()
  const { status, stdout, stderr } = spawnSync(binary, ['node_modules/vitest/vitest.mjs', 'run', ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    env: { ...process.env, EXPECTED_NODE: version, PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` },
  })
  const seconds = ((performance.now() - begun) / 1000).toFixed(0)
  return { status, seconds, last: stdout.trimEnd().split('\n').at(-1), output: `${stdout}\n${stderr}`.slice(-25_000) }
}
