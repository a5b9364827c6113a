import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parseDocument } from 'yaml'
import { createProgram } from '../../podrain/dist/program.js'
import { page, pathOf } from './page.js'

const { commands } = createProgram(undefined, () => {})

/** Escapes text for a cell of a Markdown table. */
function cell(text: string): string {
  return text.replace(/[|<]/g, (each) => (each === '|' ? '\\|' : '&lt;'))
}

/** The flags of a command as tables, in the groups and with the texts of its help. */
function flagsOf(name: string): string {
  const command = commands.find((each) => each.name() === name)
  if (command === undefined) throw new Error(`There is no command ${name} any more: take it out of cli.md`)
  const help = command.createHelp()
  const rows = help.visibleOptions(command).map((each) => ({
    group: (each.helpGroupHeading ?? 'Options:').replace(/:$/, ''),
    row: `| \`${help.optionTerm(each)}\` | ${cell(help.optionDescription(each))} |`,
  }))
  const tables = [...new Set(rows.map(({ group }) => group))].map((group) => {
    const own = rows.filter((each) => each.group === group)
    return [`| ${group.toLowerCase()} | |`, '|---|---|', ...own.map(({ row }) => row)].join('\n')
  })
  return tables.join('\n\n')
}

test('docs/reference/cli.md has every flag of every command with the text of the help', () => {
  const written = page('cli.md').replace(
    /(<!-- flags of (\w+) -->\n)[\s\S]*?(<!-- end -->)/g,
    (_, begin: string, name: string, end: string) => `${begin}\n${flagsOf(name)}\n\n${end}`,
  )
  // `pnpm docs:reference` writes it.
  if (process.env.TEST_WRITE === '1') writeFileSync(pathOf('cli.md'), written)
  expect(page('cli.md')).toBe(written)
  const named = [...written.matchAll(/<!-- flags of (\w+) -->/g)].map(([, name]) => name)
  expect(named).toEqual(commands.map((each) => each.name()))
})

test.each(['cli.md', 'errors.md', 'requests.md', '../guides/ci.md'])('every flag in %s exists', (name) => {
  // Flags of other programs.
  const others = ['--bind', '--encode', '--slow']
  const known = new Set(
    commands.flatMap((each) =>
      each
        .createHelp()
        .visibleOptions(each)
        .map(({ long }) => long),
    ),
  )
  const named = page(name).match(/(?<=[`\s])--[a-z][a-z\d-]+/g) ?? []
  expect([...new Set(named)].filter((flag) => !known.has(flag) && !others.includes(flag))).toEqual([])
})

test.each(['../guides/ci.md', 'requests.md', 'cli.md'])('the YAML of %s can be parsed', (name) => {
  const blocks = [...page(name).matchAll(/```yaml\n([\s\S]*?)```/g)].map(([, text = '']) => text)
  expect(blocks.length).toBeGreaterThan(0)
  expect(blocks.flatMap((text) => parseDocument(text).errors)).toEqual([])
})
