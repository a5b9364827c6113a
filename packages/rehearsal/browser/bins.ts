import type { Figure } from '../src/show/page/drawing.js'
import type { Layout } from './layout.js'

/** Losses on one lane that are too close together to be drawn apart at this zoom. */
export interface Bin {
  readonly lane: number
  readonly from: number
  readonly to: number
  readonly count: number
  /** By the index of the kind in {@link Figure.lossKinds}: how many were lost, and why the first one was. */
  readonly kinds: ReadonlyMap<number, { readonly count: number; readonly why: string }>
}

/** At most this many marks are drawn: more would make the page slow, and nobody could tell them apart. */
const mostMarks = 400
const widths = [6, 8, 12, 16, 24, 32, 48, 96]

/** Joins the losses in view into bins, in the order of time. `width` is the width of one bin in pixels. */
export function binLosses(figure: Figure, layout: Layout): { readonly bins: readonly Bin[]; readonly width: number } {
  for (const width of widths) {
    const bins = join(figure, layout, width)
    if (bins.length <= mostMarks || width === widths.at(-1)) return { bins, width }
  }
  return { bins: [], width: 0 }
}

interface OpenBin {
  lane: number
  from: number
  to: number
  count: number
  kinds: Map<number, { count: number; why: string }>
}

function join({ losses, lossKinds, whys }: Figure, { x, left, right }: Layout, width: number): Bin[] {
  const bins = new Map<string, OpenBin>()
  for (const [t, kind, count, why] of losses) {
    const place = x(t)
    if (place < left || place > right) continue
    const lane = lossKinds[kind]?.lane ?? 0
    const key = `${lane} ${Math.floor((place - left) / width)}`
    const bin: OpenBin = bins.get(key) ?? { lane, from: t, to: t, count: 0, kinds: new Map() }
    bins.set(key, bin)
    bin.to = t
    bin.count += count
    const before = bin.kinds.get(kind)
    if (before === undefined) bin.kinds.set(kind, { count, why: whys[why] ?? '' })
    else before.count += count
  }
  return [...bins.values()].sort((a, b) => a.from - b.from || a.lane - b.lane)
}

/** One point of a line. */
export interface Point {
  readonly t: number
  readonly value: number | null
}

/**
 * Joins values that are closer than `width` pixels with `merge`. Values outside the drawing are left out, except for the
 * one next to each edge, so that the line reaches the edge.
 */
export function binValues(
  t: readonly number[],
  values: readonly (number | null)[],
  { x, left, right }: Layout,
  width: number,
  merge: (values: readonly number[]) => number,
): Point[] {
  const points: Point[] = []
  let place: number | undefined
  let bin: number[] = []
  let last = 0
  const close = () => {
    if (place !== undefined) points.push({ t: last, value: bin.length === 0 ? null : merge(bin) })
  }
  for (const [index, time] of t.entries()) {
    if (x(t[index + 1] ?? time) < left || x(t[index - 1] ?? time) > right) continue
    const here = Math.floor(x(time) / width)
    if (here !== place) {
      close()
      place = here
      bin = []
    }
    last = time
    const value = values[index]
    if (value !== null && value !== undefined) bin.push(value)
  }
  close()
  return points
}

export const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
export const most = (values: readonly number[]): number => Math.max(...values)
