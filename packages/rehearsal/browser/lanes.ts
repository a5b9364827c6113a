import { area, curveStepBefore } from 'd3-shape'
import type { Figure, Lane } from '../src/show/page/drawing.js'
import { count, seconds, shorten } from '../src/show/page/format.js'
import { drawGrid, drawTimeAxis, drawUpdate, type Group } from './axis.js'
import { binValues, mean, type Point } from './bins.js'
import { type Layout, laneHeights } from './layout.js'
import type { TipContent, TipLine } from './tip.js'

/** Pixels above the lanes for the names of the phases. */
const top = 22
const axisHeight = 26

/** Where the lanes are, in pixels. */
export interface Lanes {
  readonly top: number
  readonly bottom: number
  readonly height: number
  /** The upper edge of a lane. */
  readonly y: (lane: number) => number
  /** The index of the lane at this height. */
  readonly at: (y: number) => number
}

export function placeLanes(figure: Figure): Lanes {
  const { lane } = laneHeights(figure.lanes.length)
  const bottom = top + figure.lanes.length * lane
  return {
    top,
    bottom,
    height: bottom + axisHeight,
    y: (index) => top + index * lane,
    at: (y) => Math.floor((y - top) / lane),
  }
}

/** One row for each pod: its state, how much it answered, and whether clients connected to it. */
export function drawLanes(svg: Group, figure: Figure, layout: Layout, mostAnswers: number): void {
  const lanes = placeLanes(figure)
  const { left, right, narrow } = layout
  const heights = laneHeights(figure.lanes.length)
  drawUpdate(svg, layout, figure.update, lanes.top, lanes.bottom)
  drawPhases(svg, figure, layout)
  drawGrid(svg, layout, lanes.top, lanes.bottom)
  // An inner `svg` clips what lies beyond its edges.
  const plot = svg
    .append('svg')
    .attr('x', left)
    .attr('width', right - left)
    .attr('height', lanes.bottom)
    .append('g')
    .attr('transform', `translate(${-left},0)`)
  for (const [index, lane] of figure.lanes.entries()) {
    const y = lanes.y(index)
    const barY = y + heights.losses + 2
    drawBar(plot, lane, layout, barY, heights.bar)
    drawAnswers(plot, lane, figure, layout, barY, heights.bar, mostAnswers)
    drawKnown(plot, lane, layout, barY + heights.bar + 2, heights.known)
    const middle = barY + heights.bar / 2
    svg
      .append('text')
      .attr('class', 'pod')
      .attr('y', middle)
      .text(shorten(lane.pod, narrow ? 7 : 11))
    drawEnd(svg, lane, layout, middle, heights.lane)
  }
  drawTimeAxis(svg, layout, lanes.bottom)
}

function drawPhases(svg: Group, { phases }: Figure, { x, left, right }: Layout): void {
  for (const { name, from, to } of phases) {
    const begin = Math.max(left, x(from))
    const room = Math.min(right, x(to)) - begin
    if (room < name.length * 6.5 + 8) continue
    svg
      .append('text')
      .attr('class', 'phase')
      .attr('x', begin + 4)
      .attr('y', 12)
      .text(name)
  }
}

function drawBar(plot: Group, { spans, deaf, exits }: Lane, { x }: Layout, y: number, height: number): void {
  const bar = (kind: string, from: number, to: number) => drawStretch(plot, kind, x(from), x(to), y, height)
  for (const [state, from, to] of spans) bar(`span ${state.replaceAll(' ', '-').toLowerCase()}`, from, to)
  for (const [from, to] of deaf) bar('deaf', from, to)
  for (const { t } of exits) drawStretch(plot, 'exit', x(t) - 1, x(t) + 1, y - 2, height + 4)
}

function drawStretch(plot: Group, kind: string, from: number, to: number, y: number, height: number): void {
  plot
    .append('rect')
    .attr('class', kind)
    .attr('x', from)
    .attr('width', Math.max(1, to - from))
    .attr('y', y)
    .attr('height', height)
}

function drawAnswers(
  plot: Group,
  { answered, spans }: Lane,
  { load }: Figure,
  layout: Layout,
  y: number,
  height: number,
  mostAnswers: number,
): void {
  if (spans.length === 0 || mostAnswers === 0) return
  const shape = area<Point>()
    .x(({ t }) => layout.x(t))
    .y0(y + height)
    .y1(({ value }) => y + height - ((value ?? 0) / mostAnswers) * height)
    .curve(curveStepBefore)
  plot
    .append('path')
    .attr('class', 'answers')
    .attr('d', shape(binValues(load.t, answered, layout, 3, mean)))
}

function drawKnown(plot: Group, { known, stale }: Lane, { x }: Layout, y: number, height: number): void {
  for (const [from, to] of known) drawStretch(plot, 'known', x(from), x(to), y, height)
  for (const [from, to] of stale) drawStretch(plot, 'stale', x(from), x(to), y, height)
}

/** Writes on the right how the pod ended and how many requests it lost. */
function drawEnd(svg: Group, { exits, lost }: Lane, { right, narrow }: Layout, y: number, height: number): void {
  const roomy = height > 30 && !narrow
  const exit = exits.at(-1)
  const words = [
    ...(lost > 0 ? [{ kind: 'lost', text: narrow ? count(lost) : `${count(lost)} lost` }] : []),
    ...(exit !== undefined && (roomy || (lost === 0 && !narrow)) ? [{ kind: 'ended', text: exit.what }] : []),
  ]
  for (const [index, { kind, text }] of words.entries()) {
    svg
      .append('text')
      .attr('class', `end ${kind}`)
      .attr('x', right + 8)
      .attr('y', y + (words.length === 2 ? index * 13 - 5 : 0))
      .text(text)
  }
}

/** The tip for a lane at the time `t`. Its events within `nearby` ms are listed too. */
export function tellLane(figure: Figure, index: number, t: number, nearby: number): TipContent | undefined {
  const lane = figure.lanes[index]
  if (lane === undefined) return
  const within = (stretches: readonly (readonly [number, number])[]) =>
    stretches.some(([from, to]) => t >= from && t < to)
  const span = lane.spans.find(([, from, to]) => t >= from && t < to)
  const gone = lane.exits.findLast((exit) => exit.t <= t)
  const lines: TipLine[] = []
  if (span !== undefined) {
    const [state, from, to] = span
    lines.push({ text: `${state} for ${seconds(to - from)}${within(lane.deaf) ? ', no longer listening' : ''}` })
  } else if (gone !== undefined) lines.push({ text: `gone: ${gone.what}` })
  else if (lane.spans.length > 0) lines.push({ text: 'not started yet' })
  const told = lane.told.findLast((time) => time <= t)
  if (within(lane.stale) && told !== undefined) {
    lines.push({ name: 'clients connect to it', text: `still, ${seconds(t - told)} after its end began` })
  } else if (lane.spans.length > 0)
    lines.push({ name: 'clients connect to it', text: within(lane.known) ? 'yes' : 'no' })
  const sample = figure.load.t.findIndex((time) => time >= t)
  if (span !== undefined && sample >= 0) {
    lines.push({ name: 'answers', text: `${count(lane.answered[sample] ?? 0)} per second` })
  }
  for (const { t: at, what } of lane.moments) {
    if (Math.abs(at - t) <= nearby) lines.push({ name: seconds(at), text: what, kind: 'quiet' })
  }
  return { title: lane.pod, subtitle: whenOf(t, figure), lines }
}

export function whenOf(t: number, { update }: Figure): string {
  return `${seconds(Math.abs(t))} ${t < 0 ? 'before' : 'after'} the ${update.noun} began`
}
