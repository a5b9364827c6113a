import { existsSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { MarkdownRenderer } from 'vitepress'

/** The folder of the pages, and the one it is in. */
const docs = new URL('..', import.meta.url).pathname
const root = join(docs, '..')

export const repository = 'https://github.com/podrain/podrain'

/**
 * Where a link of a page leads: a relative one to a file that is no page leads to the repository.
 * @param page The path of the page, relative to docs/.
 * @throws {Error} if no such file exists
 */
export function target(page: string, href: string): string {
  if (/^([a-z]+:|#|\/)/i.test(href)) return href
  const [path = '', hash = ''] = href.split(/(?=#)/)
  const file = posix.join('docs', posix.dirname(page), path)
  if (file.startsWith('docs/') && file.endsWith('.md')) return href // VitePress checks it
  if (!existsSync(join(root, file))) throw new Error(`Dead link in docs/${page}: ${href} (there is no ${file})`)
  const kind = statSync(join(root, file)).isDirectory() ? 'tree' : 'blob'
  return `${repository}/${kind}/main/${file}${hash}`
}

/** Turns the links of each page into those of the site. On GitHub the same links lead to the files. */
export function repositoryLinks(md: MarkdownRenderer): void {
  md.core.ruler.push('repository-links', ({ tokens, env }) => {
    for (const token of tokens.flatMap(({ children }) => children ?? [])) {
      const href = token.type === 'link_open' ? token.attrGet('href') : null
      if (href !== null) token.attrSet('href', target(env.relativePath, decodeURI(href)))
    }
  })
}
