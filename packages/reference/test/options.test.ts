import { writeFileSync } from 'node:fs'
import { resolveOptions } from '@podrain/core'
import { describe, expect, test } from 'vitest'
import { optionsPage } from './options-page.js'
import { page, pathOf } from './page.js'

describe('docs/reference/options.md', () => {
  test('has every option with its docstring', () => {
    // `pnpm docs:reference` writes it.
    if (process.env.TEST_WRITE === '1') writeFileSync(pathOf('options.md'), optionsPage())
    expect(page('options.md')).toBe(optionsPage())
  })

  test('has the default numbers that a drain uses', () => {
    const { settle, ...resolved } = resolveOptions({ terminationGracePeriodSeconds: 30, platform: 'kubernetes' })
    const used = { ...resolved, 'settle.min': settle.min, 'settle.quiet': settle.quiet }
    const rows = [...page('options.md').matchAll(/^\| \[`([\w.]+)`\]\S+ \| (\d+)\b.*\| drain \|$/gm)]
    const told = rows.map(([, name = '', value]) => [name, Number(value)])
    expect(told.length).toBeGreaterThan(4)
    expect(used).toMatchObject(Object.fromEntries(told))
  })
})
