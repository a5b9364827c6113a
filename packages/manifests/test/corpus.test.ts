import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { isAtLeast, lint, rules } from '../src/index.js'
import { exampleOf } from './examples.js'
import { mended } from './fixing.js'

const directory = join(__dirname, 'corpus')
const files = readdirSync(directory).filter((file) => /\.(ya?ml|json)$/.test(file))
const sources = files.map((file) => ({ file, text: readFileSync(join(directory, file), 'utf8') }))

test('the corpus has manifests of many shapes', () => {
  expect(files.length).toBeGreaterThanOrEqual(40)
})

// Every line was looked at: a finding that could not be defended before the author of the manifest was a mistake of ours.
test('in manifests as people write them there is found what there is, and nothing else', async () => {
  const lines = sources.flatMap((source) => {
    const { findings, ignored, problems } = lint([source])
    expect(problems).toEqual([])
    return [
      `${source.file}`,
      ...findings.map(
        ({ line, column, severity, rule, message }) => `  ${line}:${column} ${severity} ${rule}: ${message}`,
      ),
      ...ignored.map(({ line, rule }) => `  ${line} ignored ${rule}`),
    ]
  })
  await expect(`${lines.join('\n')}\n`).toMatchFileSnapshot('corpus/findings.txt')
})

test('no rule says worse than the page says it does', () => {
  const worst = new Map(rules.map(({ id, severity }) => [id, severity]))
  const examples = rules.map(({ id }) => ({ file: id, text: exampleOf(id).fails }))
  for (const { rule, severity } of [...sources, ...examples].flatMap((source) => lint([source]).findings)) {
    expect(isAtLeast(worst.get(rule) ?? 'error', severity), `${rule} says ${severity}`).toBe(true)
  }
})

test('what is mended there stays mended, and the lines that were not touched are the same to the byte', () => {
  for (const { text } of sources) {
    const once = mended(text)
    expect(mended(once)).toBe(once)
  }
})
