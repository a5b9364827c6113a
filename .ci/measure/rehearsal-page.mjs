/**
 * Takes the screenshots of a rehearsal's page for README.md and the docs, light and dark. Rehearses examples/express/bare.js for it.
 *
 *     node .ci/measure/rehearsal-page.mjs [page]     with a page, takes them of that page and rehearses nothing
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'

const root = join(import.meta.dirname, '../..')
const { chromium } = createRequire(join(root, 'packages/rehearsal/package.json'))('playwright-core')
const [given] = parseArgs({ allowPositionals: true }).positionals
const directory = mkdtempSync(join(tmpdir(), 'podrain-page-'))

/** Rehearses the example, and returns the path of its page. */
function rehearse() {
  const page = join(directory, 'rehearsal.html')
  const command = ['rehearse', '--get', '/work', '--html', page, '--', 'node', 'bare.js']
  const options = { cwd: join(root, 'examples/express'), stdio: 'inherit' }
  // The exit code is not checked. It is 1, because requests are lost.
  spawnSync(process.execPath, [join(root, 'packages/podrain/dist/main.js'), ...command], options)
  return page
}

try {
  const html = given === undefined ? rehearse() : resolve(given)
  const { CHROMIUM: executablePath = '/usr/bin/chromium' } = process.env
  const browser = await chromium.launch({
    executablePath,
    args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'],
  })
  for (const [colorScheme, name] of /** @type {const} */ ([
    ['light', 'rehearsal-page.png'],
    ['dark', 'rehearsal-page-dark.png'],
  ])) {
    const page = await browser.newPage({ colorScheme, viewport: { width: 1100, height: 900 } })
    await page.goto(pathToFileURL(html).href)
    const { y, height } = await page.locator('svg.lanes').boundingBox()
    const clip = { x: 0, y: 0, width: 1100, height: y + height + 16 }
    await page.screenshot({ path: join(root, 'docs/public', name), clip })
  }
  await browser.close()
} finally {
  rmSync(directory, { recursive: true })
}
