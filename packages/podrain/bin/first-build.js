const { spawnSync } = require('node:child_process')
const { join } = require('node:path')

const root = join(__dirname, '..', '..', '..')
const turbo = join(root, 'node_modules', '.bin', 'turbo')

process.stderr.write('podrain: building this clone first …\n')
const { status } = spawnSync(turbo, ['run', 'build', '--output-logs=errors-only'], {
  cwd: root,
  // stdout belongs to the command.
  stdio: ['ignore', 2, 2],
  env: { ...process.env, TURBO_TELEMETRY_DISABLED: '1' },
})
if (status !== 0) {
  process.stderr.write('podrain: not built; `npx -y pnpm@10.34.9 build` in the clone says why\n')
  process.exit(2)
}
