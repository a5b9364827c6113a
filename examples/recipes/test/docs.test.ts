import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'

const examples = join(import.meta.dirname, '..', '..')
const guides = join(examples, '..', 'docs', 'guides')

/** The code of each file that the guides show. A line with an ellipsis marks a part that is left out. */
const shown = new Map(
  readdirSync(guides)
    .flatMap((name) => readFileSync(join(guides, name), 'utf8').split(/^## /m).slice(1))
    .flatMap((section) => {
      const [, file] = /\]\(\.\.\/\.\.\/examples\/((?:recipes|testing)\/[\w./-]+\.(?:c?js|ts))\)/.exec(section) ?? []
      if (file === undefined) return [] // two lines that need no file
      const blocks = [...section.matchAll(/^```[jt]s\n(.*?)^```$/gms)].map(([, code = '']) => code)
      return [[file, blocks.flatMap((code) => code.split('// …\n'))] as const]
    }),
)

describe('the guides', () => {
  test.each(['recipes', 'testing/test'])('have a section for every file of examples/%s', (folder) => {
    const files = readdirSync(join(examples, folder)).filter((name) => /\.(?:c?js|ts)$/.test(name))
    expect([...shown.keys()]).toEqual(expect.arrayContaining(files.map((name) => `${folder}/${name}`)))
  })

  test.each([...shown])('show what is in %s', (file, parts) => {
    const code = readFileSync(join(examples, file), 'utf8')
    expect(parts.length).toBeGreaterThan(0)
    for (const part of parts) expect(code).toContain(part)
  })
})
