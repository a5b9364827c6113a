import { spawnSync } from 'node:child_process'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { directory } from './support.js'

test('in a clone that cannot be built, podrain says so and ends with 2', async () => {
  const clone = await directory()
  const bin = join(clone, 'packages', 'podrain', 'bin')
  await cp(join(__dirname, '..', 'bin'), bin, { recursive: true })
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(bin, 'podrain.js')], { encoding: 'utf8' })
  expect(status).toBe(2)
  expect(stdout).toBe('')
  expect(stderr).toContain('npx -y pnpm@10.34.9 build')
})
