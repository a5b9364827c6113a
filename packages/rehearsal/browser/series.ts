import { scaleLinear, scaleLog } from 'd3-scale'
import { area, curveStepBefore, line } from 'd3-shape'
import type { Figure } from '../src/show/page/drawing.js'
import { count } from '../src/show/page/format.js'
import { drawGrid, drawTimeAxis, drawUpdate, type Group } from './axis.js'
import { binValues, mean, most, type Point } from './bins.js'
import { whenOf } from './lanes.js'
import type { Layout } from './layout.js'
import type { TipContent, TipLine } from './tip.js'

/** The largest values over all figures that are compared: one scale for all of them. Durations are ms. */
export interface Extent {
  readonly answers: number
  readonly podAnswers: number
  readonly slowest: number
  readonly quickest: number
  readonly inFlight: number
}

const chartHeight = 64
const gap = 30
const axisHeight = 26
/** Width of one step of a line, in pixels. */
const step = 3

export const seriesHeight: number = 3 * (chartHeight + gap) + axisHeight

export function extentOf(figures: readonly Figure[]): Extent {
  const largest = (values: Iterable<number | null>, least: number) => {
    let result = least
    for (const value of values) if (value !== null && value > result) result = value
    return result
  }
  const each = (list: (figure: Figure) => readonly (number | null)[]) => figures.flatMap(list)
  const quick = each(({ load }) => load.p50).filter((value) => value !== null && value > 0) as number[]
  return {
    answers: largest(
      each(({ load }) => [...load.answered, ...load.lost]),
      1,
    ),
    podAnswers: largest(
      each(({ lanes }) => lanes.flatMap(({ answered }) => answered)),
      1,
    ),
    slowest: largest(
      each(({ load }) => load.p99),
      10,
    ),
    quickest: Math.max(
      0.1,
      -largest(
        quick.map((value) => -value),
        -10,
      ),
    ),
    inFlight: largest(
      each(({ load }) => load.inFlight),
      1,
    ),
  }
}

/** Three charts below each other: answers and losses, the latency of answers, and requests in flight. */
export function drawSeries(svg: Group, figure: Figure, layout: Layout, extent: Extent): void {
  const { load, update } = figure
  const tops = [0, 1, 2].map((index) => gap + index * (chartHeight + gap))
  const [answersTop = 0, latencyTop = 0, inFlightTop = 0] = tops
  for (const top of tops) {
    drawUpdate(svg, layout, update, top, top + chartHeight)
    drawGrid(svg, layout, top, top + chartHeight)
  }
  const points = (values: readonly (number | null)[], merge: (values: readonly number[]) => number) =>
    binValues(load.t, values, layout, step, merge)

  const rate = scaleLinear([0, extent.answers], [answersTop + chartHeight, answersTop + 2])
  chart(svg, layout, answersTop, 'answers per second', rate, [0, extent.answers])
  const answers = plotOf(svg, layout, answersTop)
  answers
    .append('path')
    .attr('class', 'area')
    .attr('d', areaOf(layout, rate)(points(load.answered, mean)))
  for (const { t, value } of points(load.lost, most)) {
    if (value === null || value === 0) continue
    const height = Math.max(3, answersTop + chartHeight - rate(value))
    answers
      .append('rect')
      .attr('class', 'lost-rate')
      .attr('x', layout.x(t) - step)
      .attr('width', step)
      .attr('y', answersTop + chartHeight - height)
      .attr('height', height)
  }

  const time = scaleLog([extent.quickest, extent.slowest], [latencyTop + chartHeight, latencyTop + 2])
  chart(svg, layout, latencyTop, 'latency of answers, in ms', time, latencyTicks(extent))
  const latency = plotOf(svg, layout, latencyTop)
  const lines = { p99: points(load.p99, most), p50: points(load.p50, mean) }
  for (const [name, line] of Object.entries(lines)) {
    latency.append('path').attr('class', `line ${name}`).attr('d', lineOf(layout, time)(line))
  }
  const ends = Object.entries(lines).map(([name, line]) => ({ name, y: time(lastOf(line) ?? extent.quickest) }))
  const [upper, lower] = ends
  if (upper !== undefined && lower !== undefined) lower.y = Math.max(lower.y, upper.y + 12)
  for (const { name, y } of lastOf(lines.p50) === null ? [] : ends) {
    svg
      .append('text')
      .attr('class', `end ${name}`)
      .attr('x', layout.right + 8)
      .attr('y', y)
      .text(name)
  }

  const open = scaleLinear([0, extent.inFlight], [inFlightTop + chartHeight, inFlightTop + 2])
  chart(svg, layout, inFlightTop, 'requests in flight', open, [0, extent.inFlight])
  plotOf(svg, layout, inFlightTop)
    .append('path')
    .attr('class', 'area')
    .attr('d', areaOf(layout, open)(points(load.inFlight, most)))
  drawTimeAxis(svg, layout, inFlightTop + chartHeight)
}

/** Powers of ten. Where the range has few of them, 2 and 5 times each power too. */
function latencyTicks({ quickest, slowest }: Extent): number[] {
  const within = (ms: number) => ms >= quickest && ms <= slowest
  const powers = [0.1, 1, 10, 100, 1000, 10_000, 100_000]
  const between = powers.flatMap((power) => [power, 2 * power, 5 * power]).filter(within)
  return between.length > 4 ? powers.filter(within) : between
}

function lastOf(points: readonly Point[]): number | null {
  return points.findLast(({ value }) => value !== null)?.value ?? null
}

type Scale = (value: number) => number

function areaOf({ x }: Layout, y: Scale) {
  return area<Point>()
    .x(({ t }) => x(t))
    .y0(y(0))
    .y1(({ value }) => y(value ?? 0))
    .curve(curveStepBefore)
}

function lineOf({ x }: Layout, y: Scale) {
  return line<Point>()
    .defined(({ value }) => value !== null && value > 0)
    .x(({ t }) => x(t))
    .y(({ value }) => y(value ?? 0))
}

/** A group that clips what lies beyond the edges of its chart. */
function plotOf(svg: Group, { left, right }: Layout, top: number): Group {
  return svg
    .append('svg')
    .attr('x', left)
    .attr('width', right - left)
    .attr('height', top + chartHeight)
    .append('g')
    .attr('transform', `translate(${-left},0)`)
}

function chart(
  svg: Group,
  { left, right }: Layout,
  top: number,
  title: string,
  y: Scale,
  ticks: readonly number[],
): void {
  svg
    .append('text')
    .attr('class', 'title')
    .attr('x', left)
    .attr('y', top - 9)
    .text(title)
  svg
    .append('line')
    .attr('class', 'base')
    .attr('x1', left)
    .attr('x2', right)
    .attr('y1', top + chartHeight)
    .attr('y2', top + chartHeight)
  for (const value of ticks) {
    svg
      .append('text')
      .attr('class', 'value')
      .attr('x', left - 8)
      .attr('y', y(value))
      .text(count(value))
  }
}

/** The tip for the load at the time `t`. */
export function tellLoad(figure: Figure, t: number): TipContent | undefined {
  const { load } = figure
  const index = load.t.findIndex((time) => time >= t)
  if (index < 0) return
  const ms = (value: number | null | undefined) => (value === null || value === undefined ? '–' : `${count(value)} ms`)
  const lost = load.lost[index] ?? 0
  const lines: TipLine[] = [
    { name: 'answers', text: `${count(load.answered[index] ?? 0)} per second` },
    ...(lost > 0 ? [{ name: 'lost', text: `${count(lost)} per second`, kind: 'loss' as const }] : []),
    { name: 'half of them within', text: ms(load.p50[index]) },
    { name: '99 % within', text: ms(load.p99[index]) },
    { name: 'in flight', text: count(load.inFlight[index] ?? 0) },
  ]
  return { title: 'Load', subtitle: whenOf(load.t[index] ?? t, figure), lines }
}
