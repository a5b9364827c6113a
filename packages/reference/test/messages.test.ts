import { describe, expect, test } from 'vitest'
import { published } from '../../../.ci/shared/published.mjs'
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

/** The messages of the code that are missing on the page, with their place, and the messages of the page that the code does not have. */
function differences(
  said: readonly Message[],
  documented: readonly string[],
  lineOf: (message: Message) => string,
): { missing: string[]; stale: string[] } {
  const own = said.filter(hasWords)
  return {
    missing: own.filter((each) => !documented.includes(lineOf(each))).map((each) => `${lineOf(each)} (${each.place})`),
    stale: documented.filter((line) => !own.some((each) => lineOf(each) === line)),
  }
}

describe('every message in a log or an error has an entry in the reference', () => {
  test('docs/reference/log-lines.md has every log line with its level, and no other', () => {
    const documented = entriesOf(page('log-lines.md')).flatMap(({ texts, explanation }) => {
      const [levels = ''] = explanation.split('.', 1)
      return texts.flatMap((text) => [...levels.matchAll(/`(\w+)`/g)].map(([, level]) => `${level}: ${tidy(text)}`))
    })
    const found = differences(logLines, documented, ({ level, text }) => `${level}: ${text}`)
    expect(found).toEqual({ missing: [], stale: [] })
  })

  test('docs/reference/errors.md has every error and every warning of a command, and no other', () => {
    const documented = entriesOf(page('errors.md')).flatMap(({ texts }) => texts.map(tidy))
    expect(differences(errors, documented, ({ text }) => text)).toEqual({ missing: [], stale: [] })
  })

  test.each(['log-lines.md', 'errors.md'])('each entry of %s has a unique heading and an explanation', (name) => {
    const entries = entriesOf(page(name))
    const headings = page(name).match(/^### .+/gm) ?? []
    expect(entries.map(({ heading }) => `### ${heading}`)).toEqual(headings)
    expect(new Set(headings).size).toBe(headings.length)
  })
})
