import { describe, expect, test } from 'vitest'
import { type Message, Texts, tidy } from './messages.js'
import { entriesOf, page } from './page.js'

const inServices = ['core', 'auto', 'fastify', 'express', 'koa', 'nestjs', 'metrics', 'kubernetes'].map(
  (name) => new Texts(name),
)
const tools = ['manifests', 'podrain', 'rehearsal'].map((name) => new Texts(name))

/** Each text with its level, and what does not matter left out. */
function linesOf(messages: readonly Pick<Message, 'text' | 'level'>[]): string[] {
  return [...new Set(messages.map(({ text, level }) => `${level}: ${text}`))].sort()
}

const logLines = inServices.flatMap((texts) => [...texts.logLines(), ...texts.warnings()])
const errors = [...inServices, ...tools].flatMap((texts) => texts.errors())
const warnings = tools.flatMap((texts) => texts.warnings())

describe('A message that is met in a log is found in the reference', () => {
  test('docs/reference/log-lines.md has every log line with its level, and no other', () => {
    const told = entriesOf(page('log-lines.md')).flatMap(({ texts, explanation }) => {
      const [levels = ''] = explanation.split('.', 1)
      return texts.flatMap((text) =>
        [...levels.matchAll(/`(\w+)`/g)].map(([, level = '']) => ({ text: tidy(text), level })),
      )
    })
    expect(linesOf(told)).toEqual(linesOf(logLines))
  })

  test('docs/reference/errors.md has every error and every warning of a command, and no other', () => {
    const told = entriesOf(page('errors.md')).flatMap(({ texts }) => texts.map(tidy))
    expect([...new Set(told)].sort()).toEqual([...new Set([...errors, ...warnings].map(({ text }) => text))].sort())
  })

  test.each(['log-lines.md', 'errors.md'])('each entry of %s can be linked to, and says something', (name) => {
    const entries = entriesOf(page(name))
    const headings = page(name).match(/^### .+/gm) ?? []
    expect(entries.map(({ heading }) => `### ${heading}`)).toEqual(headings)
    expect(new Set(headings).size).toBe(headings.length)
  })
})

test('texts are read from branches, constants, functions of other files and callers', () => {
  const told = linesOf(logLines)
  expect(told).toContain('warn: closing with <>')
  expect(told.length).toBeGreaterThan(50)
})
