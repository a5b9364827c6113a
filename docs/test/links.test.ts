import { existsSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { describe, expect, test } from 'vitest'
import { published } from '../../.ci/shared/published.mjs'
import { repository } from '../.vitepress/repository-links.js'
import { anchorsOf, pages, root, textOf, withoutCode } from './pages.js'

const site = 'https://podrain.github.io/podrain'

const packageReadmes = published.map(({ folder }) => `packages/${folder}/README.md`)

/** Pages of the repository that GitHub makes. */
const pagesOfGitHub = /^https:\/\/github\.com\/podrain\/podrain\/(?:issues|security)\b/

/** Where the links of a page lead, as they are written. */
function linksOf(page: string): string[] {
  const text = withoutCode(textOf(page)).replaceAll(/`[^`\n]*`/g, '')
  const written = [...text.matchAll(/\]\(([^)\s]+)\)/g), ...text.matchAll(/(?:src|srcset|href)="([^"]+)"/g)]
  return written.map(([, link = '']) => link)
}

/** The path in the repository that a link leads to, with its anchor; undefined if it leads elsewhere. */
function targetOf(page: string, link: string): { path: string; anchor: string } | undefined {
  const [address = '', anchor = ''] = link.split('#')
  if (address.startsWith(site)) {
    const path = `docs${address.slice(site.length) || '/'}`
    return { path: path.endsWith('/') ? `${path}index.md` : `${path}.md`, anchor }
  }
  if (address === repository) return { path: '.', anchor }
  if (pagesOfGitHub.test(address)) return undefined
  if (address.startsWith(`${repository}/`)) {
    const [, path = 'no such path'] = /^(?:blob|tree)\/main\/(.+)$/.exec(address.slice(repository.length + 1)) ?? []
    return { path, anchor }
  }
  if (/^[a-z]+:/.test(address)) return undefined
  return { path: address === '' ? page : posix.join(dirname(page), decodeURI(address)), anchor }
}

/** Made of the docstrings when the site is built, and kept out of the repository. */
const generated = /^docs\/reference\/api\b/

/** What is wrong with a link; undefined if nothing is. */
function faultOf(page: string, link: string): string | undefined {
  const target = targetOf(page, link)
  if (target === undefined || generated.test(target.path)) return undefined
  const { path, anchor } = target
  if (!existsSync(join(root, path))) return `${link}: there is no ${path}`
  if (anchor !== '' && path.endsWith('.md') && !anchorsOf(path).has(anchor)) return `${link}: no heading of ${path}`
  return undefined
}

describe.each(pages)('%s', (page) => {
  test('has no link that leads nowhere', () => {
    expect(linksOf(page).flatMap((link) => faultOf(page, link) ?? [])).toEqual([])
  })
})

describe.each(packageReadmes)('%s, as npm shows it', (page) => {
  test('has absolute links only', () => {
    expect(linksOf(page).filter((link) => !link.startsWith('https://'))).toEqual([])
  })
})
