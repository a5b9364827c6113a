import { area, curveStepBefore } from 'd3-shape'
import type { Figure, Lane } from '../src/page/drawing.js'
import { count, seconds, shorten } from '../src/page/format.js'
import { drawGrid, drawTimeAxis, drawUpdate, type Group } from './axis.js'
import { binValues, mean, type Point } from './bins.js'
import { type Layout, laneHeights } from './layout.js'
import type { TipContent, TipLine } from './tip.js'

/** Room for the names of the phases. */
const top = 22
const axisHeight = 26

/** Where the lanes are. */
export interface Lanes {
  readonly top: number
  readonly bottom: number
  readonly height: number
  /** The upper edge of a lane. */
  readonly y: (lane: number) => number
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

/** One row for each pod: what it was doing, what it answered, and whether the clients believed in it. */
export function drawLanes(svg: Group, figure: Figure, layout: Layout, mostAnswers: number): void {
  const lanes = placeLanes(figure)
  const { left, right, narrow } = layout
  const heights = laneHeights(figure.lanes.length)
  drawUpdate(svg, layout, figure.update, lanes.top, lanes.bottom)
  drawPhases(svg, figure, layout)
  drawGrid(svg, layout, lanes.top, lanes.bottom)
  // A drawing within the drawing cuts off what is beyond its edges.
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
    if (room < name.length * 5.6) continue
    svg
      .append('text')
      .attr('class', 'phase')
      .attr('x', begin + 4)
      .attr('y', 12)
      .text(name)
  }
}

function drawBar(plot: Group, { spans, exit }: Lane, { x }: Layout, y: number, height: number): void {
  for (const [state, from, to] of spans) {
    plot
      .append('rect')
      .attr('class', `span ${state.replaceAll(' ', '-').toLowerCase()}`)
      .attr('x', x(from))
      .attr('width', Math.max(1, x(to) - x(from)))
      .attr('y', y)
      .attr('height', height)
  }
  if (exit !== null) {
    plot
      .append('rect')
      .attr('class', 'exit')
      .attr('x', x(exit.t) - 1)
      .attr('width', 2)
      .attr('y', y - 2)
      .attr('height', height + 4)
  }
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

function drawKnown(plot: Group, { known, endedAt }: Lane, { x }: Layout, y: number, height: number): void {
  const line = (kind: string, from: number, to: number) => {
    if (to <= from) return
    plot
      .append('rect')
      .attr('class', kind)
      .attr('x', x(from))
      .attr('width', Math.max(1, x(to) - x(from)))
      .attr('y', y)
      .attr('height', height)
  }
  for (const [from, to] of known) {
    const turn = endedAt === null ? to : Math.min(to, Math.max(from, endedAt))
    line('known', from, turn)
    line('stale', turn, to)
  }
}

/** How it ended and what it cost, on the right. */
function drawEnd(svg: Group, { exit, lost }: Lane, { right, narrow }: Layout, y: number, height: number): void {
  const roomy = height > 30 && !narrow
  const words = [
    ...(lost > 0 ? [{ kind: 'lost', text: narrow ? count(lost) : `${count(lost)} lost` }] : []),
    ...(exit !== null && (roomy || (lost === 0 && !narrow)) ? [{ kind: 'ended', text: exit.what }] : []),
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

/** What there is to say of a lane at one moment. */
export function tellLane(figure: Figure, index: number, t: number, nearby: number): TipContent | undefined {
  const lane = figure.lanes[index]
  if (lane === undefined) return
  const span = lane.spans.find(([, from, to]) => t >= from && t < to)
  const known = lane.known.some(([from, to]) => t >= from && t < to)
  const late = known && lane.endedAt !== null && t >= lane.endedAt
  const lines: TipLine[] = []
  if (span !== undefined) lines.push({ text: `${span[0]} for ${seconds(span[2] - span[1])}` })
  else if (lane.exit !== null && t >= lane.exit.t) lines.push({ text: `gone: ${lane.exit.what}` })
  else if (lane.spans.length > 0) lines.push({ text: 'not there yet' })
  if (lane.known.length > 0) {
    const late_ = late ? `, ${seconds(t - (lane.endedAt ?? t))} after its end began` : ''
    lines.push({ name: 'clients connect to it', text: known ? `yes${late_}` : 'no' })
  }
  const sample = figure.load.t.findIndex((time) => time >= t)
  if (span !== undefined && sample >= 0)
    lines.push({ name: 'answers', text: `${count(lane.answered[sample] ?? 0)} per second` })
  for (const { t: at, what } of lane.moments) {
    if (Math.abs(at - t) <= nearby) lines.push({ name: seconds(at), text: what, kind: 'quiet' })
  }
  return { title: lane.pod, subtitle: whenOf(t), lines }
}

export function whenOf(t: number): string {
  return t < 0 ? `${seconds(-t)} before the update began` : `${seconds(t)} after the update began`
}
