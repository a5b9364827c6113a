import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const recipes = join(import.meta.dirname, '..')
const page = readFileSync(join(recipes, '..', '..', 'docs', 'guides', 'recipes.md'), 'utf8')

/** What the page shows of each file. Parts that are left out are marked by a line with an ellipsis. */
const shown = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .flatMap((section) => {
      const [, file] = /\]\(\.\.\/examples\/recipes\/([\w.]+\.c?js)\)/.exec(section) ?? []
      if (file === undefined) return [] // two lines that need no file
      const blocks = [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
      return [[file, blocks.flatMap((code) => code.split('// …\n'))] as const]
    }),
)

describe('the page of recipes', () => {
  test('has a section for every one', () => {
    const files = readdirSync(recipes).filter((name) => /\.c?js$/.test(name))
    expect([...shown.keys()].toSorted()).toEqual(files)
  })

  test.each([...shown])('shows what is in %s', (file, parts) => {
    const code = readFileSync(join(recipes, file), 'utf8')
    expect(parts.length).toBeGreaterThan(0)
    for (const part of parts) expect(code).toContain(part)
  })
})
