import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const registryAnswers = spawnSync('npm', ['view', 'express', 'version']).status === 0

test('what npm installs from the tarballs serves, drains, rehearses and lints', async (context) => {
  context.skip(!registryAnswers, "it needs npm's registry")
  const script = join(__dirname, '..', '..', '..', '.ci', 'release', 'installs.mjs')
  const asked = ['--only', 'tarballs,managers', '--managers', 'npm', '--servers', 'core,express']
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...asked])
  expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/)
})
