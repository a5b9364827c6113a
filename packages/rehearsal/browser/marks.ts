import type { Figure } from '../src/page/drawing.js'
import { count, seconds } from '../src/page/format.js'
import type { Group } from './axis.js'
import { type Bin, binLosses } from './bins.js'
import { placeLanes, whenOf } from './lanes.js'
import { type Layout, laneHeights } from './layout.js'
import type { TipContent, TipLine } from './tip.js'

/** A mark on the drawing and what it stands for. */
export interface Mark {
  readonly element: SVGGElement
  readonly bin: Bin
}

/** Draws the losses as marks that can be pointed at and focused, one after the other in the order of time. */
export function drawMarks(svg: Group, figure: Figure, layout: Layout): Mark[] {
  const lanes = placeLanes(figure)
  const heights = laneHeights(figure.lanes.length)
  const { bins, width } = binLosses(figure, layout)
  const most = Math.max(1, ...bins.map(({ count }) => count))
  const group = svg
    .append('g')
    .attr('class', 'losses')
    .attr('role', 'group')
    .attr('aria-label', 'Lost requests in the order of time. Arrow keys go from one to the next, plus and minus zoom.')
  return bins.map((bin, index) => {
    const place = (layout.x(bin.from) + layout.x(bin.to)) / 2
    // Twice as many are a step higher: one loss must be seen beside a hundred.
    const tall = heights.losses * (0.45 + 0.55 * (most === 1 ? 1 : Math.log2(bin.count) / Math.log2(most)))
    const thick = Math.min(width - 1, 5)
    const y = lanes.y(bin.lane)
    const mark = group
      .append('g')
      .attr('class', 'loss')
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

function titleOf({ lanes }: Figure, { lane, count: lost, from }: Bin): string {
  return `${count(lost)} lost on ${lanes[lane]?.pod ?? ''}, ${whenOf(from)}`
}

/** Cause, why and fix of the losses at a mark, the most frequent first. */
export function tellLosses(figure: Figure, bin: Bin): TipContent {
  const told = new Map<string, { lost: number; lines: TipLine[] }>()
  for (const [index, lost] of [...bin.kinds].sort(([, a], [, b]) => b - a)) {
    const kind = figure.lossKinds[index]
    if (kind === undefined) continue
    const { cause, client, request, message, why, fix } = kind
    const key = JSON.stringify([cause, why, client, request])
    const before = told.get(key)
    if (before !== undefined) {
      before.lost += lost
      continue
    }
    const lines: TipLine[] = [{ text: `${request} (${client})`, kind: 'quiet' }]
    lines.push({ text: why === '' ? message : why })
    if (fix !== '') lines.push({ name: 'Fix', text: fix, kind: 'fix' })
    told.set(key, { lost, lines: [{ text: cause, kind: 'loss' }, ...lines] })
  }
  const all = [...told.values()]
  const lines = all
    .slice(0, 3)
    .flatMap(({ lost, lines: [cause, ...others] }) => [
      { name: `${count(lost)} ×`, text: cause?.text ?? '', kind: 'loss' as const },
      ...others,
    ])
  if (all.length > 3) lines.push({ text: `and ${all.length - 3} more kinds; zoom in to see them`, kind: 'quiet' })
  const { lanes } = figure
  const long = bin.to - bin.from >= 10
  return {
    title: `${count(bin.count)} lost on ${lanes[bin.lane]?.pod ?? ''}`,
    subtitle: long ? `${seconds(bin.from)} to ${whenOf(bin.to)}` : whenOf(bin.from),
    lines,
  }
}
