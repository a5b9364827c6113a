import { parseHTML } from 'linkedom'
import { expect, test } from 'vitest'
import { renderPage } from '../src/index.js'
import { sampleRehearsal } from './sample.js'

test('a page shows every pod, how it ended, and every count of lost requests', async () => {
  const { document } = parseHTML(await renderPage([sampleRehearsal()]))
  const pods = document.querySelector('svg')?.textContent ?? ''
  for (const text of ['old-1', 'new-1', 'no endpoint', 'exit 0', 'rolling update']) expect(pods).toContain(text)
  const rows = [...document.querySelectorAll('h3 + div tbody tr')].map((row) =>
    [...row.querySelectorAll('td')].map((cell) => cell.textContent),
  )
  const example = 'GET /work?<x>: <img src=x onerror=alert(1)>'
  expect(rows).toEqual([
    ['refused', '0', '3', '0', '0', '0', '3', example],
    ['reset', '1', '0', '0', '0', '0', '1', example],
    ['truncated', '0', '0', '0', '1', '0', '1', example],
    ['status 503', '0', '0', '0', '0', '1', '1', example],
    ['all', '1', '3', '0', '1', '1', '6', ''],
  ])
  expect(document.querySelector('.lead')?.textContent).toBe('6 of 172 requests were lost.')
})

test('a loss on the timeline names its cause and its request', async () => {
  const { document } = parseHTML(await renderPage([sampleRehearsal()]))
  const titles = [...document.querySelectorAll('svg title')].map(({ textContent }) => textContent)
  const request = 'GET /work?<x>'
  expect(titles).toContain(`reset: ${request} (keepAlive) at 4.00 s: <img src=x onerror=alert(1)>`)
  expect(titles).toContain(
    `2 lost here; the first: refused: ${request} (newConnection) at 4.00 s: <img src=x onerror=alert(1)>`,
  )
})

test('nothing that came from outside becomes markup', async () => {
  const page = await renderPage([sampleRehearsal()], { title: '</title><script>' })
  for (const markup of ['<script', '<img', '<b>', '<i>', '<x>']) expect(page).not.toContain(markup)
  expect(page).toContain('&lt;script&gt;alert(&quot;name&quot;)&lt;/script&gt;')
})

test('a page asks for nothing from anywhere, and says what its drawings show', async () => {
  const page = await renderPage([sampleRehearsal()])
  expect(page).not.toMatch(/(?:src|href)="(?!#)/)
  expect(page).not.toMatch(/url\((?!#)/)
  expect(page).not.toContain('@import')
  const { document } = parseHTML(page)
  for (const svg of document.querySelectorAll('svg')) {
    expect(svg.getAttribute('role')).toBe('img')
    expect(svg.getAttribute('aria-label')).toMatch(/\w+ \w+/)
  }
})

test('several results share an overview that leads to each of them', async () => {
  const { document } = parseHTML(await renderPage([sampleRehearsal('first'), sampleRehearsal('second')]))
  const links = [...document.querySelectorAll('a')].map((link) => [link.textContent, link.getAttribute('href')])
  expect(links).toEqual([
    ['first', '#run-0'],
    ['second', '#run-1'],
  ])
  expect(document.querySelector('#run-1')?.textContent).toContain('second')
  expect(document.querySelectorAll('svg')).toHaveLength(4)
})
