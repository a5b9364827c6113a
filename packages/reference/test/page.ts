import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export function pathOf(name: string): string {
  return join(__dirname, '..', '..', '..', 'docs', 'reference', name)
}

/** A page of docs/reference. */
export function page(name: string): string {
  return readFileSync(pathOf(name), 'utf8')
}

/** An entry for messages: a heading, the texts, and their explanation. */
export interface Entry {
  readonly heading: string
  readonly texts: readonly string[]
  readonly explanation: string
}

/** The entries of a page: headings of the third level with a block of text below. */
export function entriesOf(page: string): Entry[] {
  return [...page.matchAll(/^### (.+)\n\n```text\n([\s\S]*?)\n```\n\n(.+)/gm)].map(
    ([, heading = '', texts = '', explanation = '']) => ({ heading, texts: texts.split('\n'), explanation }),
  )
}
