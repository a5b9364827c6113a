import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const recipes = join(import.meta.dirname, '..')
const guides = join(recipes, '..', '..', 'docs', 'guides')

/** What the guides show of each file. Parts that are left out are marked by a line with an ellipsis. */
const shown = new Map(
  readdirSync(guides)
    .flatMap((name) => readFileSync(join(guides, name), 'utf8').split(/^## /m).slice(1))
    .flatMap((section) => {
      const [, file] = /\]\(\.\.\/\.\.\/examples\/recipes\/([\w.]+\.c?js)\)/.exec(section) ?? []
      if (file === undefined) return [] // two lines that need no file
      const blocks = [...section.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code = '']) => code)
      return [[file, blocks.flatMap((code) => code.split('// …\n'))] as const]
    }),
)

describe('the guides', () => {
  test('have a section for every recipe', () => {
    const files = readdirSync(recipes).filter((name) => /\.c?js$/.test(name))
    expect([...shown.keys()].toSorted()).toEqual(files)
  })

  test.each([...shown])('show what is in %s', (file, parts) => {
    const code = readFileSync(join(recipes, file), 'utf8')
    expect(parts.length).toBeGreaterThan(0)
    for (const part of parts) expect(code).toContain(part)
  })
})
