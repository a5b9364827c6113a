import type { Figure } from '../src/show/page/drawing.js'
import { count, seconds } from '../src/show/page/format.js'
import type { Group } from './axis.js'
import { type Bin, binLosses } from './bins.js'
import { placeLanes, whenOf } from './lanes.js'
import { type Layout, laneHeights } from './layout.js'
import type { TipContent, TipLine } from './tip.js'

/** A mark on the drawing and the losses it stands for. */
export interface Mark {
  readonly element: SVGGElement
  readonly bin: Bin
}

/** Draws the losses as marks that can be pointed at and focused, in the order of time. */
export function drawMarks(svg: Group, figure: Figure, layout: Layout): Mark[] {
  const lanes = placeLanes(figure)
  const heights = laneHeights(figure.lanes.length)
  const { bins, width } = binLosses(figure, layout)
  const most = Math.max(1, ...bins.map(({ count }) => count))
  const group = svg
    .append('g')
    .attr('class', 'marks')
    .attr('role', 'group')
    .attr('aria-label', 'Lost requests in the order of time. Arrow keys go from one to the next, plus and minus zoom.')
  return bins.map((bin, index) => {
    const place = (layout.x(bin.from) + layout.x(bin.to)) / 2
    // The height is logarithmic, so that one loss can be seen beside a hundred.
    const tall = heights.losses * (0.45 + 0.55 * (most === 1 ? 1 : Math.log2(bin.count) / Math.log2(most)))
    const thick = Math.min(width - 1, 5)
    const y = lanes.y(bin.lane)
    const mark = group
      .append('g')
      .attr('class', 'mark')
      .attr('role', 'img')
      .attr('tabindex', index === 0 ? 0 : -1)
      .attr('aria-label', titleOf(figure, bin))
    const reach = Math.max(width, 10)
    mark
      .append('rect')
      .attr('class', 'reach')
      .attr('x', place - reach / 2)
      .attr('width', reach)
      .attr('y', y + 1)
      .attr('height', heights.lane - 2)
    mark
      .append('rect')
      .attr('class', 'tick')
      .attr('x', place - thick / 2)
      .attr('width', thick)
      .attr('y', y + 1 + heights.losses - tall)
      .attr('height', tall)
    return { element: mark.node() as SVGGElement, bin }
  })
}

function titleOf(figure: Figure, { lane, count: lost, from }: Bin): string {
  return `${count(lost)} lost on ${figure.lanes[lane]?.pod ?? ''}, ${whenOf(from, figure)}`
}

/** The tip for a mark: cause, reason and fix of its losses, the most frequent first. */
export function tellLosses(figure: Figure, bin: Bin): TipContent {
  const told = [...bin.kinds].sort(([, a], [, b]) => b.count - a.count)
  const most = 3
  const lines = told.slice(0, most).flatMap(([index, { count: lost, why }]): TipLine[] => {
    const kind = figure.lossKinds[index]
    if (kind === undefined) return []
    return [
      { name: `${count(lost)} ×`, text: kind.cause, kind: 'loss' },
      { name: `${kind.client}:`, text: kind.request, kind: 'quiet' },
      { text: why === '' ? kind.message : why },
      { name: 'Fix', text: kind.fix, kind: 'fix' },
    ]
  })
  const more = told.length - most
  if (more > 0)
    lines.push({ text: `and ${more} more ${more === 1 ? 'kind' : 'kinds'}; zoom in to see them`, kind: 'quiet' })
  const long = bin.to - bin.from >= 10
  return {
    title: `${count(bin.count)} lost on ${figure.lanes[bin.lane]?.pod ?? ''}`,
    subtitle: long ? `${seconds(bin.from)} to ${whenOf(bin.to, figure)}` : whenOf(bin.from, figure),
    lines: dropRepeated(lines),
  }
}

/** Several kinds of loss often have the same fix. The fix is shown once, after the last of them. */
function dropRepeated(lines: readonly TipLine[]): TipLine[] {
  return lines.filter(
    ({ kind, text }, index) => kind !== 'fix' || !lines.slice(index + 1).some((line) => line.text === text),
  )
}
