import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { page } from '../src/page.js'
import { load } from '../src/results.js'

test('docs/proof/protocols.md has the stored results', () => {
  const results = { vectors: load('vectors'), h2spec: load('h2spec'), autobahn: load('autobahn') }
  expect(readFileSync(join(__dirname, '../../../docs/proof/protocols.md'), 'utf8')).toBe(page(results))
})
