/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { Reader } from '@podrain/testkit/chromium'
import type { Locator } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Rehearsal, renderPage } from '../src/index.js'
import { hostile, rollout } from './page-sample.js'

const reader = new Reader()
beforeAll(() => reader.start())
afterAll(() => reader.stop())

/** What a person sees of it. */
// biome-ignore lint/performance/useDomNodeTextContent: what is hidden is not to be counted
const shown = async (locator: Locator) => (await locator.innerText()).replaceAll(/\s+/g, ' ')

const mark = 'g.mark'
const tip = '.tip:not([hidden])'
const lossColour = { light: '#cf1322', dark: '#ff6b6b' } as const

describe('a page in Chromium', () => {
  for (const colorScheme of ['light', 'dark'] as const) {
    test(`draws every pod and every loss, ${colorScheme}, without a complaint or a request`, async (context) => {
      const opened = await reader.open(context, renderPage([rollout()]), { colorScheme })
      const { page, complaints, requests } = opened
      const colours = await reader.coloursOf(opened, await page.screenshot({ fullPage: true }))
      expect(colours.size).toBeGreaterThan(100)
      expect([...colours.keys()][0]).toBe({ light: '#ffffff', dark: '#13171d' }[colorScheme])
      expect(colours.get(lossColour[colorScheme])).toBeGreaterThan(500)
      const lanes = await reader.coloursOf(opened, await page.locator('svg.lanes').screenshot())
      expect(lanes.get(lossColour[colorScheme])).toBeGreaterThan(100)
      expect(await page.locator('svg.lanes text.pod').allTextContents()).toEqual([
        'old-1',
        'old-2',
        'old-3',
        'new-1',
        'new-2',
        'new-3',
      ])
      expect(await page.locator('svg.lanes text.end').allTextContents()).toEqual([
        '10 lost',
        'exit 0',
        '10 lost',
        'exit 0',
        '10 lost',
        'exit 0',
      ])
      expect(await page.locator('svg.series text.title').allTextContents()).toHaveLength(3)
      expect(complaints).toEqual([])
      expect(requests).toEqual([])
    })
  }

  test('has no loud colour on it when nothing was lost', async (context) => {
    const opened = await reader.open(context, renderPage([rollout({ lost: 0 })]))
    const colours = await reader.coloursOf(opened, await opened.page.screenshot({ fullPage: true }))
    expect(colours.size).toBeGreaterThan(50)
    expect(colours.get(lossColour.light)).toBeUndefined()
    expect(await opened.page.locator(mark).count()).toBe(0)
  })

  test('says at the top how many were lost, when, where, why, and what would have saved them', async (context) => {
    const result = rollout()
    const { page } = await reader.open(context, renderPage([result]))
    const top = (await shown(page.locator('main'))).slice(0, 1500)
    expect(top).toContain('30 lost')
    expect(top).toContain('of 10,000 requests (0.3 %)')
    expect(top).toMatch(
      /0\.14\d? s to 0\.\d\d s after the update began, on old-1 \(10\), old-2 \(10\) and old-3 \(10\)/,
    )
    for (const { why, fix } of result.summary.diagnoses) {
      expect(top).toContain(why)
      expect(top.replaceAll(/\s+/g, ' ')).toContain(fix.replaceAll('`', ''))
    }
    const box = await page.locator('.diagnoses').boundingBox()
    expect((box?.y ?? 0) + (box?.height ?? 0)).toBeLessThan(900)
  })

  test('shows when the clients still believed in a pod that was gone', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout({ pods: 1, lost: 4 })]))
    const edges = async (selector: string) => {
      const box = await page.locator(selector).first().boundingBox()
      return [box?.x ?? 0, (box?.x ?? 0) + (box?.width ?? 0)] as const
    }
    const [staleFrom, staleTo] = await edges('rect.stale')
    const [, readyTo] = await edges('rect.span.ready')
    const [exit] = await edges('rect.exit')
    expect(Math.abs(staleFrom - readyTo)).toBeLessThan(12)
    expect(staleTo).toBeGreaterThan(exit)
    for (const box of await Promise.all(
      (await page.locator(`${mark} .tick`).all()).map((mark) => mark.boundingBox()),
    )) {
      const middle = (box?.x ?? 0) + (box?.width ?? 0) / 2
      expect(middle).toBeGreaterThan(exit)
      expect(middle).toBeLessThan(staleTo)
    }
  })

  test('shows the cause, the request, the reason and the fix of a loss under the pointer', async (context) => {
    const result = rollout({ pods: 1, lost: 2 })
    const { page } = await reader.open(context, renderPage([result]))
    expect(await page.locator(tip).count()).toBe(0)
    await page.locator(mark).last().hover()
    const said = await shown(page.locator(tip))
    const loss = result.events.findLast((event) => event.type === 'lost')
    const diagnosis = result.summary.diagnoses.find(({ cause }) => loss?.type === 'lost' && cause === loss.cause)
    for (const word of [
      '1 lost on old-1',
      'after the update began',
      'refused',
      'GET /work',
      diagnosis?.why,
      diagnosis?.fix,
    ]) {
      expect(said).toContain(word?.replaceAll('`', ''))
    }
    // It can be entered, to copy what it says, and goes when one leaves.
    await page.locator(tip).hover()
    expect(await page.locator(tip).count()).toBe(1)
    await page.mouse.move(2, 2)
    await page.locator('.tip').waitFor({ state: 'hidden' })
  })

  test('tells of a pod under the pointer what it was doing and whether clients came', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout({ pods: 1, lost: 0 })]))
    const stale = await page.locator('rect.stale').boundingBox()
    await page.mouse.move((stale?.x ?? 0) + (stale?.width ?? 0) - 3, stale?.y ?? 0)
    expect(await shown(page.locator(tip))).toMatch(/^old-1 .* gone: exit 0 clients connect to it still, 0\.3\d s after/)
    const ready = await page.locator('rect.span.ready').first().boundingBox()
    await page.mouse.move((ready?.x ?? 0) + (ready?.width ?? 0) / 2, (ready?.y ?? 0) + 2)
    expect(await shown(page.locator(tip))).toMatch(
      /ready for 2\.\d\d s clients connect to it yes answers 30 per second/,
    )
  })

  test('lets one walk through the losses with the keyboard, in the order of time, and Escape closes what they say', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout({ pods: 2, lost: 20 })]))
    await page.getByRole('button', { name: 'Zoom in' }).focus()
    await page.keyboard.press('Tab')
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute('aria-label') ?? '')
    const times: number[] = []
    const total = await page.locator(mark).count()
    expect(total).toBeGreaterThan(4)
    for (let index = 0; index < total; index++) {
      const label = await focused()
      expect(label).toMatch(/^\d+ lost on old-[12], 0\.\d\d s after the update began$/)
      times.push(Number(/([\d.]+) s after/.exec(label)?.[1]))
      expect(await shown(page.locator(tip))).toContain(label.split(',')[0])
      await page.keyboard.press('ArrowRight')
    }
    expect(times).toEqual(times.toSorted((a, b) => a - b))
    const last = await focused()
    await page.keyboard.press('Home')
    expect(await focused()).not.toBe(last)
    await page.keyboard.press('End')
    expect(await focused()).toBe(last)
    const described = await page.evaluate(() => document.activeElement?.getAttribute('aria-describedby') ?? '')
    expect(await shown(page.locator(`#${described}`))).toContain('Fix')
    await page.keyboard.press('Escape')
    expect(await page.locator(tip).count()).toBe(0)
    expect(await focused()).toBe(last)
    // One stop for all of them, and the next is the load.
    await page.keyboard.press('Tab')
    expect(await page.evaluate(() => document.activeElement?.getAttribute('role'))).toBe('slider')
  })

  test('reads the load at any moment with the keyboard', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout()]))
    const slider = page.getByRole('slider')
    await slider.focus()
    await page.keyboard.press('Home')
    const before = await slider.getAttribute('aria-valuetext')
    expect(before).toMatch(
      /before the update began: answers 90 per second, half of them within 4 ms, 99 % within [\d.]+ ms/,
    )
    await page.keyboard.press('PageUp')
    await page.keyboard.press('ArrowRight')
    expect(Number(await slider.getAttribute('aria-valuenow'))).toBeGreaterThan(
      Number(await slider.getAttribute('aria-valuemin')),
    )
    expect(await slider.getAttribute('aria-valuetext')).not.toBe(before)
    expect(await shown(page.locator(tip))).toContain('per second')
    await page.keyboard.press('Tab')
    await page.locator('.tip').waitFor({ state: 'hidden' })
  })

  test('zooms by button, key and mouse, keeps the focus, and comes back', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout({ pods: 2, lost: 400 })]))
    const range = () => page.locator('svg.lanes .axis text').allTextContents()
    const whole = await range()
    const marks = await page.locator(mark).count()
    await page.getByRole('button', { name: 'Losses' }).click()
    expect(await range()).not.toEqual(whole)
    expect(await page.getByRole('button', { name: 'Losses' }).getAttribute('aria-pressed')).toBe('true')
    expect(await page.locator(mark).count()).toBeGreaterThan(marks)
    await page.locator(mark).nth(3).focus()
    const near = await range()
    await page.keyboard.press('+')
    expect(await range()).not.toEqual(near)
    expect(await page.evaluate(() => document.activeElement?.classList.contains('mark'))).toBe(true)
    await page.keyboard.press('Escape')
    await page.keyboard.press('Escape')
    expect(await range()).toEqual(whole)
    const box = await page.locator('svg.series').boundingBox()
    const [x, y] = [box?.x ?? 0, (box?.y ?? 0) + 60]
    await page.mouse.move(x + 500, y)
    await page.mouse.down()
    await page.mouse.move(x + 600, y)
    expect(await page.locator('.brush').count()).toBe(1)
    await page.mouse.up()
    expect(await page.locator('.brush').count()).toBe(0)
    expect(await range()).not.toEqual(whole)
    await page.getByRole('button', { name: 'Whole run' }).click()
    expect(await range()).toEqual(whole)
  })

  test('draws 50 pods and 5,000 losses as density, and forgets none of them', async (context) => {
    const result = rollout({ pods: 50, lost: 5000 })
    const html = renderPage([result])
    expect(html.length).toBeLessThan(1_500_000)
    const { page, complaints } = await reader.open(context, html)
    const counts = () =>
      page
        .locator(mark)
        .evaluateAll((marks) => marks.map((each) => Number.parseInt(each.getAttribute('aria-label') ?? '', 10)))
    const whole = await counts()
    await page.getByRole('button', { name: 'Losses' }).click()
    for (const marks of [whole, await counts()]) {
      expect(marks.length).toBeGreaterThan(100)
      expect(marks.length).toBeLessThanOrEqual(400)
      expect(marks.reduce((sum, lost) => sum + lost, 0)).toBe(5000)
    }
    expect(await page.locator('svg *').count()).toBeLessThan(3500)
    expect(await page.locator('svg.lanes text.pod').count()).toBe(100)
    await page.locator(mark).first().focus()
    expect(await shown(page.locator(tip))).toContain('lost on old-1')
    expect(complaints).toEqual([])
  })

  test('shows two results to the same scale, zooms both, and names what changed', async (context) => {
    const [before, after] = [rollout({ pods: 4, lost: 40 }), rollout({ pods: 2, lost: 0 })]
    const opened = await reader.open(context, renderPage([before, after], { compare: true }), {
      viewport: { width: 1500, height: 900 },
    })
    const { page, complaints } = opened
    expect(await shown(page.locator('.verdict.change'))).toMatch(/^40\s*→\s*0\s+requests lost$/)
    expect(await shown(page.getByRole('region', { name: 'Different options' }))).toMatch(/replicas\s+4\s+2/)
    const axes = () =>
      page
        .locator('svg.lanes')
        .evaluateAll((drawings) =>
          drawings.map((drawing) => [...drawing.querySelectorAll('.axis text')].map(({ textContent }) => textContent)),
        )
    const [first, second] = await axes()
    expect(first).toEqual(second)
    const tops = await page
      .locator('svg.lanes')
      .evaluateAll((drawings) => drawings.map((drawing) => drawing.getBoundingClientRect().top))
    expect(tops[0]).toBe(tops[1])
    await page.getByRole('button', { name: 'Zoom in' }).last().click()
    const [third, fourth] = await axes()
    expect(third).toEqual(fourth)
    expect(third).not.toEqual(first)
    expect(complaints).toEqual([])
  })

  test('shows a result without losses beside one with losses, without overlaps', async (context) => {
    const results = [rollout(), rollout({ lost: 0 })]
    const opened = await reader.open(context, renderPage(results, { compare: true }), {
      viewport: { width: 1280, height: 900 },
    })
    const tops = await opened.page.locator('.run').evaluateAll((runs) =>
      runs.map((run) => {
        const top = (part: Element) => Math.round(part.getBoundingClientRect().top)
        const bottoms = [...run.children].map((part) => Math.round(part.getBoundingClientRect().bottom))
        return { overlaps: [...run.children].slice(1).some((part, index) => top(part) < (bottoms[index] ?? 0)) }
      }),
    )
    expect(tops).toEqual([{ overlaps: false }, { overlaps: false }])
  })
})

describe('on a page in Chromium, what came from the application', () => {
  test('is text, wherever it stands, and runs nowhere', async (context) => {
    const sample = rollout({ name: hostile, message: hostile, path: `/${hostile}`, pods: 2, lost: 10 })
    const rename = <T>(value: T): T => JSON.parse(JSON.stringify(value).replaceAll('"old-1"', JSON.stringify(hostile)))
    const labels = { [hostile]: hostile }
    const nasty: Rehearsal = rename({ ...sample, options: { ...sample.options, labels } })
    for (const html of [renderPage([nasty], { title: hostile }), renderPage([nasty, sample], { compare: true })]) {
      const { page, complaints, requests } = await reader.open(context, html)
      expect(await shown(page.locator('h2').first())).toContain('<script>window.hacked=1</script>')
      expect(
        await page.locator('main img, main script:not([type="application/json"]), [onfocus], [onerror]').count(),
      ).toBe(0)
      for (const loss of (await page.locator(mark).all()).slice(0, 4)) {
        await loss.focus()
        expect(await shown(page.locator(tip))).toContain('<img src=x onerror="window.hacked=1">')
      }
      for (const summary of await page.locator('summary').all()) await summary.click()
      expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
      expect(complaints).toEqual([])
      expect(requests).toEqual([])
    }
  })

  test('would not run even if it became markup: the page lets only its own script and style in', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout()]))
    const blocked = await page.evaluate(async () => {
      const violations: string[] = []
      document.addEventListener('securitypolicyviolation', ({ effectiveDirective }) =>
        violations.push(effectiveDirective),
      )
      const script = document.createElement('script')
      script.textContent = 'window.hacked = 1'
      const style = document.createElement('style')
      style.textContent = 'main { display: none }'
      document.body.append(script, style)
      document.body.insertAdjacentHTML(
        'beforeend',
        '<img src="x.png" onerror="window.hacked = 1"><iframe src="x.html"></iframe>',
      )
      while (violations.length < 5) await new Promise((resolve) => setTimeout(resolve, 10))
      return violations.sort()
    })
    expect(blocked).toEqual(['frame-src', 'img-src', 'script-src-attr', 'script-src-elem', 'style-src-elem'])
    expect(await page.evaluate(() => 'hacked' in window)).toBe(false)
    expect(await page.locator('main').isVisible()).toBe(true)
  })

  test('tells nothing about the machine it ran on', () => {
    const html = renderPage([rollout()])
    for (const secret of ['/home/someone', 'hunter2', 'secret-project']) expect(html).not.toContain(secret)
    expect(html).toContain('node server.js --cheap')
    expect(html).toContain('DATABASE_PASSWORD')
  })
})

describe('a page in Chromium is readable', () => {
  test('on paper: in light colours, with everything unfolded and nothing to press', async (context) => {
    const opened = await reader.open(context, renderPage([rollout()]), { colorScheme: 'dark' })
    const { page, complaints } = opened
    await page.evaluate(() => {
      const log = window as unknown as { unfolded: number[]; widths: string[] }
      log.unfolded = []
      log.widths = []
      window.addEventListener('beforeprint', () => {
        log.unfolded.push(document.querySelectorAll('details[open]').length)
        log.widths.push(document.querySelector('svg.lanes')?.getAttribute('viewBox') ?? '')
      })
    })
    const folded = await page.locator('details').count()
    const paper = await page.pdf({ format: 'A4' })
    expect(paper.subarray(0, 5).toString()).toBe('%PDF-')
    expect(await page.evaluate(() => (window as unknown as { unfolded: number[] }).unfolded)).toEqual([folded])
    expect(await page.evaluate(() => (window as unknown as { widths: string[] }).widths[0])).toMatch(/^0 0 760 /)
    expect(await page.locator('details[open]').count()).toBe(0)
    await page.emulateMedia({ media: 'print', colorScheme: 'dark' })
    expect(await page.locator('.toolbar').isVisible()).toBe(false)
    const colours = await reader.coloursOf(opened, await page.screenshot({ fullPage: true }))
    expect([...colours.keys()][0]).toBe('#ffffff')
    expect(colours.get(lossColour.light)).toBeGreaterThan(500)
    expect(complaints).toEqual([])
  })

  test('on a phone, without scrolling sideways', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout()]), {
      viewport: { width: 390, height: 844 },
      hasTouch: true,
    })
    for (const summary of await page.locator('summary').all()) await summary.click()
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390)
    expect(await page.locator('svg.lanes text.end').allTextContents()).toEqual(['10', '10', '10'])
    await page.locator(mark).first().tap()
    const box = await page.locator(tip).boundingBox()
    expect(box?.x).toBeGreaterThanOrEqual(0)
    expect((box?.x ?? 0) + (box?.width ?? 0)).toBeLessThanOrEqual(390)
  })

  test('without a script: the tables say the same', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout()]), { javaScriptEnabled: false })
    expect(await shown(page.locator('noscript').first())).toContain('the tables below say the same')
    await page.getByText('The pods as a table').click()
    expect(await shown(page.getByRole('region', { name: /^Pods/ }))).toMatch(/old-2\s.*exit 0/)
    await page.getByText('Every lost request').click()
    expect(
      await page
        .getByRole('region', { name: /^Lost requests/ })
        .locator('tbody tr')
        .count(),
    ).toBe(6)
  })

  test('for those who do not want motion', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout()]), { reducedMotion: 'reduce' })
    expect(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior)).toBe('auto')
    expect(
      await page
        .locator('button')
        .first()
        .evaluate((button) => getComputedStyle(button).transitionDuration),
    ).toBe('0s')
  })

  test('by name: everything that takes the focus says what it is', async (context) => {
    const { page } = await reader.open(context, renderPage([rollout(), rollout({ name: 'second' })]))
    const snapshot = await page.locator('main').ariaSnapshot()
    for (const part of [
      'heading "Rolling update rehearsal" [level=1]',
      'heading "shop version: 2" [level=2]',
      'list "Why they were lost"',
      'group "What is shown"',
      'button "Whole run" [pressed]',
      'button "Zoom in"',
      'group "Lost requests in the order of time',
      'slider "The time at which the load is read',
      'table "All runs"',
      'link "second"',
    ]) {
      expect(snapshot).toContain(part)
    }
    const nameless = await page
      .locator('a, button, summary, [tabindex]')
      .evaluateAll((elements) =>
        elements.flatMap((element) =>
          (element.getAttribute('aria-label') ?? element.textContent ?? '').trim() === '' ? [element.outerHTML] : [],
        ),
      )
    expect(nameless).toEqual([])
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    test(`with enough contrast, ${colorScheme}`, async (context) => {
      const { page } = await reader.open(context, renderPage([rollout()]), { colorScheme })
      const ratios = await page.evaluate(() => {
        const style = getComputedStyle(document.documentElement)
        const luminance = (name: string) => {
          const hex = style
            .getPropertyValue(name)
            .trim()
            .replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3')
          const [red = 0, green = 0, blue = 0] = [1, 3, 5].map((at) => {
            const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255
            return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4
          })
          return 0.2126 * red + 0.7152 * green + 0.0722 * blue
        }
        const ratio = (a: string, b: string) => {
          const [light = 0, dark = 0] = [luminance(a), luminance(b)].sort((x, y) => y - x)
          return (light + 0.05) / (dark + 0.05)
        }
        const words = ['--text', '--muted', '--lost', '--link'].map((name) => ratio(name, '--back'))
        return {
          words: [...words, ratio('--text', '--soft'), ratio('--muted', '--update')],
          marks: [ratio('--lost', '--update'), ratio('--known', '--back')],
        }
      })
      for (const ratio of ratios.words) expect(ratio).toBeGreaterThanOrEqual(4.5)
      for (const ratio of ratios.marks) expect(ratio).toBeGreaterThanOrEqual(3)
    })
  }
})
