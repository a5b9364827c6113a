import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const registryAnswers = spawnSync('npm', ['view', 'express', 'version']).status === 0

/** Each command of the script has this limit itself. How long npm takes depends on its registry and its cache. */
const timeout = 600_000

test('what npm installs from the tarballs serves, drains, rehearses and lints', { timeout }, async (context) => {
  context.skip(!registryAnswers, "it needs npm's registry")
  const script = join(__dirname, '..', '..', '..', '.ci', 'release', 'installs.mjs')
  const asked = ['--only', 'tarballs,managers', '--managers', 'npm', '--servers', 'core,express']
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...asked])
  expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
})
