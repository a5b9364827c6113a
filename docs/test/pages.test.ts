import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { sections } from '../.vitepress/pages.js'
import { target } from '../.vitepress/repository-links.js'
import { docs, filesIn } from './files.js'

describe('the sidebar', () => {
  const listed = sections.flatMap(({ pages }) => pages)

  test('has every page of docs/, once, and no other: add yours to docs/.vitepress/pages.ts', () => {
    const written = filesIn('.', '.md')
      .filter((file) => file !== 'index.md' && !/^(node_modules|\.vitepress|reference\/api)\//.test(file))
      .map((file) => file.slice(0, -'.md'.length))
    expect([...listed].sort()).toEqual(written.sort())
  })
})

test('every page has a heading, which is its text in the sidebar', () => {
  for (const page of sections.flatMap(({ pages }) => pages)) {
    expect(readFileSync(join(docs, `${page}.md`), 'utf8'), page).toMatch(/^# \S/m)
  }
})

describe('a link of a page', () => {
  test.each([
    ['to a page', '../operate/hooks.md#which', '../operate/hooks.md#which'],
    ['to a heading of its own', '#one-budget', '#one-budget'],
    ['to another host', 'https://kubernetes.io/', 'https://kubernetes.io/'],
    ['to a file', '../../LICENSE', 'https://github.com/podrain/podrain/blob/main/LICENSE'],
    ['to a heading of a file', '../../README.md#proof', 'https://github.com/podrain/podrain/blob/main/README.md#proof'],
    ['to a folder', '../../packages/core', 'https://github.com/podrain/podrain/tree/main/packages/core'],
    [
      'to a file of docs/ that is no page',
      'pages.test.ts',
      'https://github.com/podrain/podrain/blob/main/docs/test/pages.test.ts',
    ],
  ])('%s', (_name, href, expected) => {
    expect(target('test/page.md', href)).toBe(expected)
  })

  test('to a file that is not there fails the build', () => {
    expect(() => target('start/index.md', '../../packages/nothing')).toThrow(
      'Dead link in docs/start/index.md: ../../packages/nothing (there is no packages/nothing)',
    )
  })
})
