import { axisBottom } from 'd3-axis'
import type { Selection } from 'd3-selection'
import type { Stretch } from '../src/show/page/drawing.js'
import type { Layout } from './layout.js'

export type Group = Selection<SVGGElement, unknown, null, undefined>

/** Labels are seconds after the update began, with as many decimals as the zoom needs. */
export function drawTimeAxis(parent: Group, { x, left, right, narrow }: Layout, y: number): void {
  const ticks = x.ticks(narrow ? 4 : Math.min(12, Math.floor((right - left) / 80)))
  const step = (ticks[1] ?? 1000) - (ticks[0] ?? 0)
  const digits = Math.max(0, Math.ceil(-Math.log10(step / 1000) - 1e-9))
  const axis = parent
    .append('g')
    .attr('class', 'axis')
    .attr('aria-hidden', 'true')
    .attr('transform', `translate(0,${y})`)
  axis.call(
    axisBottom(x as never)
      .tickValues(ticks as never)
      .tickFormat((t) => `${(Number(t) / 1000).toFixed(digits).replace('-', '−')} s`)
      .tickSize(4),
  )
}

/** Vertical lines at the ticks of the time axis. */
export function drawGrid(parent: Group, { x, left, right, narrow }: Layout, top: number, bottom: number): void {
  const grid = parent.append('g').attr('class', 'grid')
  for (const t of x.ticks(narrow ? 4 : Math.min(12, Math.floor((right - left) / 80)))) {
    grid.append('line').attr('x1', x(t)).attr('x2', x(t)).attr('y1', top).attr('y2', bottom)
  }
}

/** Shades the time of the update. */
export function drawUpdate(
  parent: Group,
  { x, left, right }: Layout,
  update: Stretch,
  top: number,
  bottom: number,
): void {
  const from = Math.max(left, x(update.from))
  const to = Math.min(right, x(update.to))
  if (to <= from) return
  parent
    .append('rect')
    .attr('class', 'update')
    .attr('x', from)
    .attr('width', to - from)
    .attr('y', top)
    .attr('height', bottom - top)
}
