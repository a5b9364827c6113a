import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { lintPage } from './lint-page.js'

const file = join(__dirname, '..', '..', '..', 'docs', 'lint.md')

test('docs/lint.md tells of every rule as it is', () => {
  // `pnpm docs:lint` writes it.
  if (process.env.PODRAIN_WRITE === '1') writeFileSync(file, lintPage())
  expect(readFileSync(file, 'utf8')).toBe(lintPage())
})
