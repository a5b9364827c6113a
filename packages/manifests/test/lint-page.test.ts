import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ruleIds } from '../src/index.js'
import { lintPage } from './lint-page.js'

const file = join(__dirname, '..', '..', '..', 'docs', 'reference', 'lint.md')

test('docs/reference/lint.md tells of every rule as it is', () => {
  // `pnpm docs:lint` writes it.
  if (process.env.TEST_WRITE === '1') writeFileSync(file, lintPage())
  expect(readFileSync(file, 'utf8')).toBe(lintPage())
})

test.each(['README.md', 'docs/start/manifest.md'])('%s counts the rules as they are', (page) => {
  const text = readFileSync(join(__dirname, '..', '..', '..', page), 'utf8')
  expect(text).toContain(`${ruleIds.length} kinds of mistakes`)
})
