import { createHash } from 'node:crypto'
import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { conclude, type Rehearsal, renderPage, type Sample } from '../src/index.js'
import type { Figure } from '../src/show/page/drawing.js'
import { hostile, rollout } from './page-sample.js'
import { sampleRehearsal } from './sample.js'

/** What the script of a page is told. */
function figuresOf(page: string): Figure[] {
  const { document } = parseHTML(page)
  return [...document.querySelectorAll('figure script')].map((script) => JSON.parse(script.textContent ?? ''))
}

/** The cells of a table, by the beginning of its caption. */
function rowsOf(page: string, caption: string): Array<Array<string | null>> {
  const { document } = parseHTML(page)
  return [...document.querySelectorAll(`[aria-label^="${caption}"] tbody tr`)].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  )
}

test('a page counts every lost request, and says of each kind when, where and why', () => {
  const page = renderPage([sampleRehearsal()])
  const { document } = parseHTML(page)
  expect(document.querySelector('.verdict strong')?.textContent).toBe('6 lost')
  expect(document.querySelector('.verdict')?.textContent?.replaceAll(/\s+/g, ' ')).toContain(
    'of 172 requests (3.5 %), 1.50 s to 1.70 s after the update began, on old-1 (4), no endpoint (1) and new-1 (1).',
  )
  const rows = rowsOf(page, 'Lost requests')
  expect(rows.map((row) => row.slice(0, 4))).toEqual([
    ['old-1', '1', 'reset', 'keepAlive'],
    ['old-1', '2', 'refused', 'newConnection'],
    ['old-1', '1', 'truncated', 'streaming'],
    ['no endpoint', '1', 'refused', 'newConnection'],
    ['new-1', '1', 'status 503', 'post'],
  ])
  for (const [, , , , request, , , why] of rows) {
    expect(request).toBe('GET /work?<x>')
    expect(why).toMatch(/\. <img src=x onerror=alert\(1\)>$/)
  }
})

test('a page of an inconclusive result says so in its headline, instead of the number of losses', () => {
  const { options, events, samples } = sampleRehearsal()
  const busy = events.map((event) => (event.type === 'load-end' ? { ...event, eventLoopDelayMs: 1600 } : event))
  const whole = events.filter(({ type }) => type !== 'lost')
  const headline = (result: Rehearsal) =>
    parseHTML(renderPage([result]))
      .document.querySelector('.verdict')
      ?.textContent?.replaceAll(/\s+/g, ' ')
  expect(headline(conclude(options, busy, samples))).toMatch(/^Inconclusive 6 lost of 172 requests /)
  expect(headline(conclude(options, whole, samples, 'Enough'))).toBe('Cut short 0 lost of 172 requests')
})

test('what cannot be shown is said as far as it holds for the results of a page', () => {
  const { options, events, samples } = sampleRehearsal()
  const limits = (more: Partial<typeof options>) =>
    parseHTML(renderPage([conclude({ ...options, ...more }, events, samples)])).document.querySelector('.limits')
      ?.textContent ?? ''
  const missing = { netns: false, pidNamespace: false, nodes: 1, cpus: null }
  const there = { netns: true, pidNamespace: true, nodes: 2, cpus: 1 }
  for (const limit of ['Without netns', 'not PID 1', 'Without nodes', 'Without cpus']) {
    expect(limits(missing)).toContain(limit)
    expect(limits(there)).not.toContain(limit)
  }
})

test('answers that came in the last moment of the load are no peak', () => {
  const { options, events, samples } = sampleRehearsal()
  const last = { ...samples[2], t: 803, answered: { 'old-1': 5 } } as Sample
  const [figure] = figuresOf(renderPage([conclude(options, events, [...samples, last])]))
  expect(figure?.load.answered.at(-1)).toBeLessThan(100)
})

test('a loss that no pod caused is in the row of the proxy', () => {
  const { options, events, samples } = sampleRehearsal()
  const nowhere = { end: 'no endpoint', sentAt: 4090, endedAt: 4095, reused: false } as const
  const more = events.flatMap((event) =>
    event.type === 'lost' && event.pod === null ? [event, { ...event, upstream: nowhere }] : [event],
  )
  const page = renderPage([conclude({ ...options, through: 'nginx' }, more, samples)])
  expect(figuresOf(page)[0]?.lanes.map(({ pod, lost }) => [pod, lost])).toEqual([
    ['old-1', 4],
    ['new-1', 1],
    ['nginx', 1],
    ['no endpoint', 1],
  ])
  expect(rowsOf(page, 'Lost requests').map(([row]) => row)).toEqual(expect.arrayContaining(['nginx', 'no endpoint']))
})

test('a page tells of every pod what happened to it and when', () => {
  expect(rowsOf(renderPage([sampleRehearsal()]), 'Pods')).toEqual([
    [
      ...['old-1', '−2.00 s', '0.50 s', '0.51 s', '1.42 s', '1.50 s exit 0 ', '–', '4'],
      'the pod is deleted; the preStop hook failed: socket hang up; SIGTERM: SIGKILL follows after 30 s',
    ],
    ['new-1', '0.50 s', '–', '–', '–', '', '–', '1', ''],
  ])
})

test('the figures of a page say what each pod was doing, and what its clients believed', () => {
  const [figure] = figuresOf(renderPage([rollout({ pods: 2, lost: 4 })]))
  expect(figure?.update).toEqual({ from: 0, to: 700, noun: 'update' })
  expect(figure?.lanes.map(({ pod, lost }) => [pod, lost])).toEqual([
    ['old-1', 2],
    ['old-2', 2],
    ['new-1', 0],
    ['new-2', 0],
  ])
  expect(figure?.lanes[0]).toMatchObject({
    spans: [
      ['starting', -2990, -2100],
      ['ready', -2100, 120],
      ['after SIGTERM', 120, 140],
    ],
    known: [[-2050, 100]],
    stale: [[100, 500]],
    told: [100],
    exits: [{ t: 140, what: 'exit 0' }],
  })
  expect(figure?.lanes[2]).toMatchObject({ known: [[500, 2200]], stale: [], exits: [] })
})

test('a container that is started again is ready again, and its clients are right again', () => {
  const sample = rollout({ pods: 1, lost: 0 })
  const pod = 'old-1'
  const [figure] = figuresOf(
    renderPage([
      {
        ...sample,
        events: [
          { t: 0, type: 'phase', phase: 'warming up' },
          { t: 0, type: 'pod-start', pod, old: true, host: '127.0.0.1', port: 20_000 },
          { t: 10, type: 'pod-ready', pod },
          { t: 10, type: 'endpoints', pods: [pod] },
          { t: 100, type: 'phase', phase: 'liveness kill' },
          { t: 100, type: 'container-killed', pod, reason: 'liveness' },
          { t: 110, type: 'sigterm', pod, graceSeconds: 30 },
          { t: 200, type: 'pod-exit', pod, code: 1, signal: null },
          { t: 210, type: 'pod-start', pod, old: true, host: '127.0.0.1', port: 20_000 },
          { t: 300, type: 'pod-ready', pod },
          { t: 400, type: 'phase', phase: 'done' },
        ],
        samples: [],
        summary: { ...sample.summary, durationMs: 400 },
      },
    ]),
  )
  expect(figure?.update).toEqual({ from: 0, to: 300, noun: 'liveness kill' })
  expect(figure?.lanes).toMatchObject([
    {
      pod,
      spans: [
        ['starting', -100, -90],
        ['ready', -90, 10],
        ['after SIGTERM', 10, 100],
        ['starting', 110, 200],
        ['ready', 200, 300],
      ],
      known: [
        [-90, 0],
        [200, 300],
      ],
      stale: [[0, 200]],
      exits: [{ t: 100, what: 'exit 1' }],
    },
  ])
})

test('a page with very many kinds of losses joins them, and still counts every one', () => {
  const sample = rollout({ pods: 2, lost: 3000 })
  const events = sample.events.map((event, index) => (event.type === 'lost' ? { ...event, path: `/${index}` } : event))
  const [figure] = figuresOf(renderPage([{ ...sample, events }]))
  expect(figure?.lossKinds.length).toBeLessThan(1010)
  expect(figure?.whys.length).toBeLessThanOrEqual(2000)
  expect(figure?.losses.reduce((sum, [, , count]) => sum + count, 0)).toBe(3000)
  const rows = rowsOf(renderPage([{ ...sample, events }]), 'Lost requests')
  expect(rows).toHaveLength(201)
  expect(rows.reduce((sum, [, count]) => sum + Number(count?.replace(',', '')), 0)).toBe(3000)
})

test('nothing that came from outside becomes markup, nor ends the script it stands in', () => {
  const { document } = parseHTML(renderPage([rollout()]))
  const clean = document.querySelectorAll('*').length
  const page = renderPage([rollout({ name: hostile, message: hostile, path: `/${hostile}` })], { title: hostile })
  expect(parseHTML(page).document.querySelectorAll('*')).toHaveLength(clean)
  for (const markup of ['<script>window', '<img', '</title><script', '<!--']) expect(page).not.toContain(markup)
  expect(figuresOf(page)[0]?.lossKinds[0]?.message).toBe(hostile)
})

test('a page lets in nothing but its own script and style, by their hashes', () => {
  const page = renderPage([rollout()])
  const { document } = parseHTML(page)
  const policy = document.querySelector('meta[http-equiv="Content-Security-Policy"]')?.getAttribute('content') ?? ''
  const hashOf = (text: string | undefined) =>
    `'sha256-${createHash('sha256')
      .update(text ?? '')
      .digest('base64')}'`
  expect(policy.split('; ')).toEqual([
    "default-src 'none'",
    `script-src ${hashOf(/<script>(.*?)<\/script>/s.exec(page)?.[1])}`,
    `style-src ${hashOf(/<style>(.*?)<\/style>/s.exec(page)?.[1])}`,
    "base-uri 'none'",
    "form-action 'none'",
  ])
  expect(page).not.toMatch(/\sstyle="/)
  expect(page).not.toMatch(/(?:src|href)="(?!#)/)
  expect(page).not.toMatch(/url\((?!#)/)
  expect(page).not.toContain('@import')
})

test('several results share an overview that leads to each of them', () => {
  const page = renderPage([sampleRehearsal('first'), sampleRehearsal('second')])
  const { document } = parseHTML(page)
  const links = [...document.querySelectorAll('a')].map((link) => [link.textContent, link.getAttribute('href')])
  expect(links).toEqual([
    ['first', '#run-0'],
    ['second', '#run-1'],
  ])
  expect(document.querySelector('#run-1')?.textContent).toContain('second')
  expect(document.querySelector('.lead')?.textContent).toBe('12 of 344 requests were lost in 2 runs.')
  expect(figuresOf(page)).toHaveLength(2)
})

test('a comparison takes two results, no more and no less', () => {
  const results = [rollout(), rollout(), rollout()]
  for (const wrong of [[], results.slice(1, 2), results]) {
    expect(() => renderPage(wrong, { compare: true })).toThrow(
      `Expected two results to \`compare\`, before and after, got ${wrong.length}`,
    )
  }
  const page = renderPage(results.slice(1), { compare: true })
  expect(parseHTML(page).document.querySelector('.comparison')?.textContent).toContain(
    'Both ran with the same options.',
  )
})
