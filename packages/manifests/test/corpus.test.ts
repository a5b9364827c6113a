import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { type Finding, isAtLeast, lint, readSources, rules, type Source } from '../src/index.js'
import { exampleOf } from './examples.js'
import { mended } from './fixing.js'

const directory = join(__dirname, 'corpus')
/** A file or a directory is what one team keeps, and is judged by itself. */
const units = readdirSync(directory)
  .filter((name) => name !== 'findings.txt' && !name.startsWith('.'))
  .map((name) => ({ name, sources: sourcesOf(join(directory, name)) }))

function sourcesOf(path: string): Source[] {
  return readSources([path]).sources.map((source) => ({ ...source, file: relative(directory, source.file) }))
}

/**
 * What was said of a finding by whoever looked at it: `true`, `defensible` (its author might leave it so, for a reason that the
 * files do not tell), or `false`. What nobody has looked at has a question mark.
 */
const judged = new Map<string, string>()
for (const line of readFileSync(join(directory, 'findings.txt'), 'utf8').split('\n')) {
  const [, finding, word] = /^ {2}(.*) \[(.+)\]$/.exec(line) ?? []
  if (finding !== undefined && word !== undefined) judged.set(finding, word)
}

function wordOf(finding: string): string {
  return judged.get(finding) ?? '?'
}

function shown({ file, line, column, severity, rule, message, builds }: Finding): string {
  const inBuilds = builds === undefined ? '' : ` (in ${builds.join(', ')})`
  return `${file}:${line}:${column} ${severity} ${rule}: ${message}${inBuilds}`
}

const results = units.map(({ name, sources }) => ({ name, ...lint(sources) }))

test('the corpus has manifests of many shapes', () => {
  expect(units.length).toBeGreaterThanOrEqual(60)
  expect(units.filter(({ name }) => statSync(join(directory, name)).isDirectory()).length).toBeGreaterThanOrEqual(8)
})

// To change a rule is to change this file: each line that is new has to be looked at and given its word.
test('lint finds the known mistakes in real manifests, and nothing else', async () => {
  const lines = results.flatMap(({ name, findings, ignored, problems }) => {
    expect(problems).toEqual([])
    return [
      name,
      ...findings.map((finding) => `  ${shown(finding)} [${wordOf(shown(finding))}]`),
      ...ignored.map(({ file, line, rule }) => `  ${file}:${line} ignored ${rule}`),
    ]
  })
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('corpus/findings.txt')
})

test('every finding was looked at: no error is false, nor more than 2 of 100 warnings', () => {
  const findings = results.flatMap((result) => result.findings)
  expect(findings.map(shown).filter((each) => wordOf(each) === '?')).toEqual([])
  const share = (severity: string) => {
    const words = findings.filter((each) => each.severity === severity).map((each) => wordOf(shown(each)))
    return words.filter((word) => word !== 'false').length / words.length
  }
  expect(share('error')).toBe(1)
  expect(share('warning')).toBeGreaterThanOrEqual(0.98)
})

test('no rule says worse than the page says it does', () => {
  const worst = new Map(rules.map(({ id, severity }) => [id, severity]))
  const examples = rules.flatMap(({ id }) => lint([{ file: id, text: exampleOf(id).fails }]).findings)
  for (const { rule, severity } of [...results.flatMap(({ findings }) => findings), ...examples]) {
    expect(isAtLeast(worst.get(rule) ?? 'error', severity), `${rule} says ${severity}`).toBe(true)
  }
})

test('fixes are stable, and all other lines stay the same to the byte', () => {
  for (const { text } of units.flatMap(({ sources }) => sources)) {
    const once = mended(text)
    expect(mended(once)).toBe(once)
  }
})
