/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { type Opened, Reader } from '@podrain/testkit/chromium'
import axe from 'axe-core'
import sirv from 'sirv'
import { afterAll, beforeAll, describe, expect, type TestContext, test } from 'vitest'
import { calculate, type Inputs, inSeconds } from '../.vitepress/theme/budgets/calculation.js'
import { docs, filesIn } from './files.js'
import { inputs } from './inputs.js'

/** What `docs:build` makes, as `test` does before the tests. */
const built = '.vitepress/dist'
const dist = join(docs, built)
const base = '/podrain/'
/** The addresses of all pages, relative to the base. */
const pages = filesIn(built, '.html').map((file) => file.replace(/(index)?\.html$/, ''))

/** Some of the tests visit every page. */
const forAll = 600_000

type Page = Opened['page']

const reader = new Reader()
let server: Server
let origin = ''

beforeAll(async () => {
  const files = sirv(dist)
  server = createServer((request, response) => {
    const missing = (): void => {
      response.writeHead(404).end()
    }
    if (!request.url?.startsWith(base)) return missing()
    request.url = request.url.slice(base.length - 1)
    files(request, response, missing)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  await reader.start()
})
afterAll(async () => {
  await reader.stop()
  server.close()
})

/** Resolves when the scripts of a page have run. */
const idle = (page: Page): Promise<unknown> =>
  page.evaluate(() => new Promise((resolve) => requestIdleCallback(resolve)))

/** A page of the site, on which nothing asks another host or complains. */
async function visit(context: TestContext, path: string, options?: Parameters<Reader['visit']>[2]) {
  const opened = await reader.visit(context, `${origin}${base}${path}`, options)
  context.onTestFinished(() => {
    expect(opened.complaints).toEqual([])
    expect(opened.requests.filter((url) => !url.startsWith(`${origin}${base}`))).toEqual([])
  })
  await idle(opened.page)
  return opened.page
}

describe('every page', () => {
  test('fits a telephone, complains about nothing and asks no other host', { timeout: forAll }, async (context) => {
    const width = 390
    const page = await visit(context, '', { viewport: { width, height: 844 }, hasTouch: true })
    const wide: unknown[] = []
    for (const path of pages) {
      await page.goto(`${origin}${base}${path}`)
      await idle(page)
      const scrollWidth = await page.evaluate(() => document.documentElement.scrollWidth)
      if (scrollWidth > width) wide.push({ path, scrollWidth })
    }
    expect(wide).toEqual([])
  })

  test('leads to pages and headings that are there', async (context) => {
    const page = await visit(context, '')
    const found = new Map<string, { readonly ids: Set<string>; readonly links: readonly string[] }>()
    for (const path of pages) {
      const html = readFileSync(join(dist, `${path === '' || path.endsWith('/') ? `${path}index` : path}.html`), 'utf8')
      const { ids, links } = await page.evaluate((html) => {
        const parsed = new DOMParser().parseFromString(html, 'text/html')
        return {
          ids: [...parsed.querySelectorAll('[id]')].map(({ id }) => id),
          links: [...parsed.querySelectorAll('a[href]')].map((link) => link.getAttribute('href') ?? ''),
        }
      }, html)
      found.set(`${base}${path}`, { ids: new Set(ids), links })
    }
    const dead = [...found].flatMap(([path, { links }]) =>
      links.flatMap((link) => {
        const { pathname, hash, host } = new URL(link, `http://site${path}`)
        if (host !== 'site') return []
        const there = found.get(pathname)
        if (there !== undefined && (hash === '' || there.ids.has(decodeURIComponent(hash.slice(1))))) return []
        return [`${path}: ${link}`]
      }),
    )
    expect(dead).toEqual([])
  })
})

// axe takes a second for a page, so `test` looks at one of each kind, and `docs:axe` at all of them.
const looked = process.env.TEST_EVERY_PAGE
  ? pages
  : pages.filter((path) =>
      ['', '404', 'proof/', 'understand/budgets', 'understand/lifecycle', 'reference/api/@podrain/express'].includes(
        path,
      ),
    )

for (const colorScheme of ['light', 'dark'] as const) {
  test(`axe finds a main landmark and nothing serious in ${colorScheme} colours`, {
    timeout: forAll,
  }, async (context) => {
    const page = await visit(context, '', { colorScheme })
    const found: unknown[] = []
    for (const path of looked) {
      await page.goto(`${origin}${base}${path}`)
      await page.evaluate(axe.source)
      const violations = await page.evaluate(async () => {
        const { violations } = await (window as unknown as { axe: typeof axe }).axe.run({
          resultTypes: ['violations'],
          // The search button shows its key, which is no part of its name.
          rules: { 'label-content-name-mismatch': { enabled: false } },
        })
        return violations.map(({ id, impact, nodes }) => ({ id, impact, at: nodes.map(({ html }) => html) }))
      })
      for (const { impact, ...violation } of violations) {
        const counts = impact === 'serious' || impact === 'critical' || violation.id === 'landmark-one-main'
        if (counts) found.push({ path, ...violation })
      }
    }
    expect(found).toEqual([])
  })
}

test('a printed page has its text from edge to edge, without the navigation', async (context) => {
  const page = await visit(context, 'understand/lifecycle')
  const box = () => page.locator('.vp-doc').boundingBox()
  const onScreen = await box()
  await page.emulateMedia({ media: 'print' })
  expect(await page.locator('nav:visible, aside:visible, button:visible').allTextContents()).toEqual([])
  expect((await box())?.x).toBeLessThan(onScreen?.x ?? 0)
})

describe('with the keyboard alone', () => {
  test('the first stop skips to the content', async (context) => {
    const page = await visit(context, 'understand/budgets')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.textContent?.trim())).toBe('Skip to content')
    await page.keyboard.press('Enter')
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.closest('#VPContent') !== null)).toBe(true)
  })

  test('the tabs of the first page show the code of each framework', async (context) => {
    const page = await visit(context, '')
    const tab = page.getByRole('radio', { name: 'Fastify' })
    await tab.focus()
    await page.keyboard.press('ArrowRight')
    await page.getByText("from '@podrain/express'").waitFor({ state: 'visible' })
    expect(await page.getByText("from '@podrain/fastify'").isVisible()).toBe(false)
  })

  test('the search shows pages, headings and the API in its first three results, without another host', async (context) => {
    const page = await visit(context, '')
    const found: ReadonlyArray<[words: string, path: string]> = [
      ['budgets', 'understand/budgets'],
      ['misspelled preStop', 'reference/lint'],
      ['waitUntil', 'reference/api/@podrain/core'],
      ['exit code 143', 'operate/symptoms'],
      ['jest open handles', 'guides/tests'],
      ['drained in', 'start/what-happens'],
      ['server sent events', 'guides/streams'],
    ]
    const results = page.locator('.result')
    for (const [words, path] of found) {
      await page.keyboard.press('Control+k')
      await page.getByRole('searchbox').fill(words)
      const first = () =>
        results.evaluateAll((results) => results.slice(0, 3).map((result) => result.getAttribute('href')))
      await expect.poll(first).toContainEqual(expect.stringContaining(path))
      await page.keyboard.press('Escape')
      await results.first().waitFor({ state: 'detached' })
    }
    await page.keyboard.press('Control+k')
    await page.getByRole('searchbox').fill('How the times add up')
    await page.locator('.result.selected').waitFor()
    await page.keyboard.press('Enter')
    await page.waitForURL(/understand\/budgets#how-the-times-add-up$/)
  })
})

describe('the calculator', () => {
  const labels: Readonly<Record<keyof Inputs, string>> = {
    platform: 'Platform',
    behind: 'Behind',
    graceSeconds: 'Grace period (s)',
    longestRequestSeconds: 'Longest request (s)',
    min: 'settle.min (ms)',
    quiet: 'settle.quiet (ms)',
    closing: 'closing (ms)',
    reserve: 'reserve (ms)',
    keepAliveCap: 'keepAliveCap (ms)',
  }

  test('shows what core computes, and says it to a screen reader', async (context) => {
    const page = await visit(context, 'understand/budgets')
    const calculator = page.getByRole('region', { name: 'Calculator' })
    for (const [name, given] of inputs) {
      for (const [field, label] of Object.entries(labels)) {
        const value = String(given[field as keyof Inputs] ?? '')
        const input = calculator.getByLabel(label)
        if (field === 'platform' || field === 'behind') await input.selectOption(value)
        else await input.fill(value)
      }
      const { misfit, line, late, code, setting, lanes } = calculate(given)
      const status = (await calculator.getByRole('status').textContent()) ?? ''
      expect(status, name).toContain(misfit ?? line)
      if (misfit === undefined) expect(status.includes('A request that comes'), name).toBe(late !== undefined)
      expect(await calculator.locator('pre').allTextContents(), name).toEqual([code, setting])
      const rows = await calculator
        .locator('tbody tr')
        .evaluateAll((rows) => rows.map((row) => [...row.children].map(({ textContent }) => textContent)))
      const parts = lanes.flatMap(({ parts }) => parts)
      expect(rows, name).toEqual(
        parts.map(({ name, from, to }) => [name, inSeconds(from), inSeconds(to), inSeconds(to - from)]),
      )
    }
  })

  test('works by the keyboard, keeps what it last understood, and says what it did not', async (context) => {
    const page = await visit(context, 'understand/budgets')
    const calculator = page.getByRole('region', { name: 'Calculator' })
    const status = calculator.getByRole('status')
    await calculator.getByLabel('Behind').focus()
    await page.keyboard.press('End')
    await page.getByText("(for `behind: 'aws-nlb'`)").waitFor()
    await page.keyboard.press('Tab')
    await page.keyboard.type('150')
    await page.getByText('144.0 s for requests').waitFor()
    await page.keyboard.type('e')
    await page.getByText('Grace period (s): ').waitFor()
    expect(await calculator.locator('pre').last().textContent()).toContain('terminationGracePeriodSeconds: 150')
    await page.keyboard.press('Backspace')
    expect(await status.textContent()).toContain('144.0 s for requests')
    // So large that adding 1 changes nothing: the search for a long enough grace period would not end.
    await calculator.getByLabel('settle.min (ms)').fill('99999999999999999999')
    await page.getByText('settle.min (ms): ').waitFor()
  })
})
