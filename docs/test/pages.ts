import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import GithubSlugger from 'github-slugger'

export const root = join(__dirname, '..', '..')

/** The pages of the repository that are made for readers, by their path from its root. */
export const pages = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n')

export function textOf(page: string): string {
  return readFileSync(join(root, page), 'utf8')
}

const fence = /^( *)(```+)(\w*)[^\n]*\n(.*?)^\1\2 *$/gms

export interface Block {
  readonly page: string
  /** Counted from 1 on its page, among all blocks of code. */
  readonly number: number
  readonly language: string
  readonly code: string
}

export function blocksOf(page: string): Block[] {
  return [...textOf(page).matchAll(fence)].map(([, , , language = '', code = ''], index) => ({
    page,
    number: index + 1,
    language,
    code,
  }))
}

export function withoutCode(text: string): string {
  return text.replaceAll(fence, '')
}

/** The anchors of a page, as GitHub makes them of its headings. */
export function anchorsOf(page: string): Set<string> {
  const slugger = new GithubSlugger()
  const headings = [...withoutCode(textOf(page)).matchAll(/^#{1,6} +(.*)$/gm)].map(([, heading = '']) => heading)
  // The text of a link is part of a heading, and its address is not.
  return new Set(headings.map((heading) => slugger.slug(heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').trim())))
}
