import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const recipes = join(import.meta.dirname, '..')
const page = readFileSync(join(recipes, '..', '..', 'docs', 'recipes.md'), 'utf8')

/** What the page shows of each file. Parts that are left out are marked by a line with an ellipsis. */
const shown = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((section) => {
      const [, file = ''] = /\]\(\.\.\/examples\/recipes\/(\w+\.js)\)/.exec(section) ?? []
      const blocks = [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
      return [file, blocks.flatMap((code) => code.split('// …\n'))]
    }),
)

describe('the page of recipes', () => {
  test('has a section for every one', () => {
    const files = readdirSync(recipes).filter((name) => name.endsWith('.js'))
    expect([...shown.keys()].toSorted()).toEqual(files)
  })

  test.each([...shown])('shows what is in %s', (file, parts) => {
    const code = readFileSync(join(recipes, file), 'utf8')
    expect(parts.length).toBeGreaterThan(0)
    for (const part of parts) expect(code).toContain(part)
  })
})
