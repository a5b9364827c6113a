import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { slug } from 'github-slugger'
import { type DefaultTheme, defineConfig } from 'vitepress'
import { sections } from './pages.js'
import { repository, repositoryLinks } from './repository-links.js'

const docs = new URL('..', import.meta.url)

function entry(page: string): DefaultTheme.SidebarItem {
  const [, heading = page] = /^# (.*)$/m.exec(readFileSync(new URL(`${page}.md`, docs), 'utf8')) ?? []
  return { text: heading.replaceAll('`', ''), link: `/${page.replace(/index$/, '')}` }
}

/** The pages that TypeDoc has made of the docstrings. */
const api = readdirSync(new URL('reference/api/@podrain', docs), { encoding: 'utf8', recursive: true })
  .filter((file) => file.endsWith('.md'))
  .map((file) => `reference/api/@podrain/${file.slice(0, -'.md'.length)}`)
  .sort()

const sidebar: DefaultTheme.SidebarItem[] = sections.map(({ text, pages }) => {
  const items = pages.map(entry)
  // A heading that is no link would be a button that does nothing.
  return { text, link: items[0]?.link ?? '/', items }
})
sidebar
  .find(({ text }) => text === 'Reference')
  ?.items?.push({ text: 'API', link: '/reference/api/', collapsed: true, items: api.map(entry) })

export default defineConfig({
  title: 'podrain',
  description: 'One line in your Node server, and no deploy loses a request again',
  lang: 'en',
  base: '/podrain/',
  cleanUrls: true,
  ignoreDeadLinks: [/^http:\/\/localhost/],
  head: [['link', { rel: 'icon', type: 'image/svg+xml', href: '/podrain/icon.svg' }]],
  srcExclude: ['test/**'],
  markdown: {
    // As GitHub does it: a link to a heading works there and here.
    anchor: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config(md) {
      repositoryLinks(md)
      // Indented code scrolls and takes the focus as fenced code does.
      md.core.ruler.push('indented-code', ({ tokens }) => {
        for (const token of tokens) if (token.type === 'code_block') token.type = 'fence'
      })
    },
  },
  vite: {
    // Packages of this workspace are CommonJS, and no part of node_modules.
    build: { chunkSizeWarningLimit: 2000, commonjsOptions: { include: [/packages\/core\/dist/, /node_modules/] } },
    optimizeDeps: { include: ['@podrain/core/budget'] },
    resolve: {
      // How VitePress lets a theme replace a component of its own.
      alias: [
        {
          find: /^\.\/components\/VPContent\.vue$/,
          replacement: fileURLToPath(new URL('theme/MainContent.vue', import.meta.url)),
        },
      ],
    },
  },
  transformPageData({ relativePath, frontmatter }) {
    // Its source is the code.
    if (relativePath.startsWith('reference/api/')) frontmatter.editLink = false
  },
  themeConfig: {
    logo: '/icon.svg',
    nav: sidebar.map(({ text = '', link = '' }) => ({ text, link, activeMatch: `^/${text.toLowerCase()}/` })),
    sidebar,
    outline: [2, 3],
    search: {
      provider: 'local',
      options: {
        miniSearch: {
          searchOptions: {
            // A short word is a name. With one letter changed it is another name: `SSE`, `see`. A shorter one begins too many others: `in`.
            fuzzy: (word: string) => (word.length > 4 ? 0.2 : false),
            prefix: (word: string) => word.length > 2,
            // What was measured, the design and the API are found last, and what to do is found first.
            boostDocument: (path: string) =>
              /\/(proof|design|api)\b/.test(path) ? 0.3 : /\/(start|guides|operate)\//.test(path) ? 1.4 : 1,
          },
        },
      },
    },
    socialLinks: [{ icon: 'github', link: repository }],
    editLink: { pattern: `${repository}/edit/main/docs/:path`, text: 'Edit this page' },
    externalLinkIcon: true,
  },
})
