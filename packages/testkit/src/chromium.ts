/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import type { TestContext } from 'vitest'

/** Debian's package; elsewhere `CHROMIUM` says where it is. */
const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium'

/** Nothing of its own on the network, and able to run as root in a container. */
const args = [
  ...['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
  ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
]

/** A page in a real browser, and everything that should not have happened on it. */
export interface Opened {
  readonly page: Page
  /** Errors, and whatever it wrote to the console. */
  readonly complaints: string[]
  /** Everything it asked for but itself. */
  readonly requests: string[]
}

/** Opens pages in Chromium. */
export class Reader {
  #browser: Browser | undefined
  #directory = ''

  async start(): Promise<void> {
    if (!existsSync(executablePath)) return
    this.#browser = await chromium.launch({ executablePath, args })
    this.#directory = await mkdtemp(join(tmpdir(), 'podrain-page-'))
  }

  async stop(): Promise<void> {
    await this.#browser?.close()
    if (this.#directory !== '') await rm(this.#directory, { recursive: true })
  }

  /** Opens a page as a file, as a person does who got one by mail. */
  async open(context: TestContext, html: string, options?: BrowserContextOptions): Promise<Opened> {
    const file = join(this.#directory, `${crypto.randomUUID()}.html`)
    if (this.#browser !== undefined) await writeFile(file, html)
    return this.visit(context, pathToFileURL(file).href, options)
  }

  async visit(context: TestContext, href: string, options: BrowserContextOptions = {}): Promise<Opened> {
    if (this.#browser === undefined) {
      return context.skip(`chromium is not installed: there is no ${executablePath} to look at the page with`)
    }
    const browsing = await this.#browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
    const page = await browsing.newPage()
    context.onTestFinished(() => browsing.close())
    const complaints: string[] = []
    const requests: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('request', (request) => {
      if (request.url() !== href) requests.push(request.url())
    })
    await page.goto(href)
    return { page, complaints, requests }
  }

  /** How many pixels of a screenshot have each colour, by its name as `#rrggbb`; the most frequent first. */
  async coloursOf({ page }: Opened, png: Buffer): Promise<Map<string, number>> {
    // A page of its own: the one that is tested lets no image in.
    const blank = await page.context().newPage()
    const counts = await blank.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const bitmap = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
      const canvas = new OffscreenCanvas(bitmap.width, bitmap.height)
      const drawing = canvas.getContext('2d') as OffscreenCanvasRenderingContext2D
      drawing.drawImage(bitmap, 0, 0)
      const pixels = new Uint32Array(drawing.getImageData(0, 0, bitmap.width, bitmap.height).data.buffer)
      const found = new Map<number, number>()
      for (const pixel of pixels) found.set(pixel, (found.get(pixel) ?? 0) + 1)
      return [...found]
    }, png.toString('base64'))
    await blank.close()
    const name = (pixel: number) =>
      `#${[0, 8, 16].map((shift) => ((pixel >>> shift) & 255).toString(16).padStart(2, '0')).join('')}`
    return new Map(counts.sort(([, a], [, b]) => b - a).map(([pixel, count]) => [name(pixel), count]))
  }
}
