import { describe, expect, test } from 'vitest'
import { published } from '../../../.ci/published.mjs'
import { hasWords, type Message, Texts, tidy } from './messages.js'
import { entriesOf, page } from './page.js'

const namesOfTools = ['manifests', 'podrain', 'rehearsal']
const tools = namesOfTools.map((name) => new Texts(name))
const inServices = published
  .map(({ folder }) => folder)
  .filter((folder) => folder !== 'contract' && !namesOfTools.includes(folder))
  .map((name) => new Texts(name))

const logLines = inServices.flatMap((texts) => [...texts.logLines(), ...texts.warnings()])
const errors = [
  ...[...inServices, ...tools].flatMap((texts) => texts.errors()),
  ...tools.flatMap((texts) => texts.warnings()),
]

/** What the code says and the page does not, with its place, and the other way round. */
function differences(
  said: readonly Message[],
  told: readonly string[],
  lineOf: (message: Message) => string,
): { missing: string[]; stale: string[] } {
  const own = said.filter(hasWords)
  return {
    missing: own.filter((each) => !told.includes(lineOf(each))).map((each) => `${lineOf(each)} (${each.place})`),
    stale: told.filter((line) => !own.some((each) => lineOf(each) === line)),
  }
}

describe('A message that is met in a log is found in the reference', () => {
  test('docs/reference/log-lines.md has every log line with its level, and no other', () => {
    const told = entriesOf(page('log-lines.md')).flatMap(({ texts, explanation }) => {
      const [levels = ''] = explanation.split('.', 1)
      return texts.flatMap((text) => [...levels.matchAll(/`(\w+)`/g)].map(([, level]) => `${level}: ${tidy(text)}`))
    })
    const found = differences(logLines, told, ({ level, text }) => `${level}: ${text}`)
    expect(found).toEqual({ missing: [], stale: [] })
  })

  test('docs/reference/errors.md has every error and every warning of a command, and no other', () => {
    const told = entriesOf(page('errors.md')).flatMap(({ texts }) => texts.map(tidy))
    expect(differences(errors, told, ({ text }) => text)).toEqual({ missing: [], stale: [] })
  })

  test.each(['log-lines.md', 'errors.md'])('each entry of %s can be linked to, and says something', (name) => {
    const entries = entriesOf(page(name))
    const headings = page(name).match(/^### .+/gm) ?? []
    expect(entries.map(({ heading }) => `### ${heading}`)).toEqual(headings)
    expect(new Set(headings).size).toBe(headings.length)
  })
})
