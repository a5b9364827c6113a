import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

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
  const anchors = new Set<string>()
  for (const [, heading = ''] of withoutCode(textOf(page)).matchAll(/^#{1,6} +(.*)$/gm)) {
    const slug = heading
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
    let anchor = slug
    for (let n = 1; anchors.has(anchor); n++) anchor = `${slug}-${n}`
    anchors.add(anchor)
  }
  return anchors
}
