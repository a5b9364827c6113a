import type { Figure } from '../src/show/page/drawing.js'
import { TimelineView } from './figure.js'
import { extentOf } from './series.js'
import { Tip } from './tip.js'
import { Viewport } from './viewport.js'

const tip = new Tip()

/** Figures of one group are drawn to the same scale and show the same stretch of time. */
const groups = new Map<string, Array<{ host: HTMLElement; figure: Figure }>>()
for (const host of document.querySelectorAll<HTMLElement>('figure.timeline')) {
  const figure = JSON.parse(host.querySelector('script')?.textContent ?? '') as Figure
  const name = host.dataset.group ?? ''
  groups.set(name, [...(groups.get(name) ?? []), { host, figure }])
}
for (const members of groups.values()) {
  const figures = members.map(({ figure }) => figure)
  const from = Math.min(...figures.map((figure) => figure.from))
  const to = Math.max(...figures.map((figure) => figure.to))
  const viewport = new Viewport({ from, to })
  const extent = extentOf(figures)
  for (const { host, figure } of members) new TimelineView(host, figure, viewport, extent, tip).draw()
}

window.addEventListener('keydown', (event) => {
  // On the window, so that it runs after the figures: they zoom out on Escape only when no tip is shown.
  if (event.key === 'Escape') tip.hide()
})

/** The `details` that were opened for printing: closed ones would be missing on paper. */
const opened = new Set<HTMLDetailsElement>()
window.addEventListener('beforeprint', () => {
  for (const details of document.querySelectorAll('details')) {
    if (details.open) continue
    details.open = true
    opened.add(details)
  }
})
window.addEventListener('afterprint', () => {
  for (const details of opened) details.open = false
  opened.clear()
})
