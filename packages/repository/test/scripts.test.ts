import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const root = join(__dirname, '../../..')
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8')
const filesOf = (...patterns: string[]): string[] =>
  execFileSync('git', ['ls-files', '--', ...patterns], { cwd: root, encoding: 'utf8' })
    .trim()
    .split('\n')

test('a contributor finds every script of package.json in CONTRIBUTING.md', () => {
  const { scripts }: { scripts: object } = JSON.parse(textOf('package.json'))
  const named = [...textOf('CONTRIBUTING.md').matchAll(/`(?:\S+=\S+ )?(?:pnpm )?([a-z][\w:-]*)[^`]*`/g)].map(
    ([, name]) => name,
  )
  expect(Object.keys(scripts).filter((name) => !named.includes(name))).toEqual([])
})

test('.ci/README.md has a row for every file in the folders of .ci, and no other', () => {
  const files = filesOf(':(glob).ci/*/*', '.ci/run').map((file) => file.slice('.ci/'.length))
  const rows = [...textOf('.ci/README.md').matchAll(/^\| `([^`]+)`/gm)].map(([, file]) => file)
  expect(rows.toSorted()).toEqual(files.toSorted())
})

test('every file of .ci that a script, a workflow or a page names is there', () => {
  const texts = filesOf('package.json', '*.md', '*.mjs', '*.mts', '.github/workflows', 'biome.json', 'turbo.json')
  const gone = texts.flatMap((file) =>
    [...textOf(file).matchAll(/(?<![\w/])\.ci\/[\w/.-]+\w/g)].flatMap(([path]) =>
      existsSync(join(root, path)) ? [] : `${file}: ${path}`,
    ),
  )
  expect(gone).toEqual([])
})
