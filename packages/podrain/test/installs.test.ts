import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)

const registry = await run('npm', ['view', 'express', 'version']).then(
  () => true,
  () => false,
)

test('what npm installs from the tarballs serves, drains, rehearses and lints', async (context) => {
  context.skip(!registry, "needs npm's registry, where express is")
  const script = join(__dirname, '..', '..', '..', '.ci', 'installs.mjs')
  const asked = ['--only', 'tarballs,managers', '--managers', 'npm', '--servers', 'core,express']
  const { stdout } = await run(process.execPath, [script, ...asked])
  expect(stdout).toMatch(/\n17 passed, 0 failed\n$/)
})
