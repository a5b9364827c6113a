import { scaleLinear } from 'd3-scale'
import type { Viewport } from './viewport.js'

/** Turns a time into a place on the drawing, and back. */
export interface TimeScale {
  (t: number): number
  invert(x: number): number
  ticks(count?: number): number[]
}

/** Where things are on a drawing of this width, in pixels. */
export interface Layout {
  readonly width: number
  readonly narrow: boolean
  readonly left: number
  readonly right: number
  readonly x: TimeScale
}

/** The lanes and the lines below them share one layout, so that a moment is in the same place on both. */
export function layOut(width: number, viewport: Viewport): Layout {
  const narrow = width < 560
  const left = narrow ? 52 : 72
  const right = narrow ? 40 : 76
  const x = scaleLinear([viewport.from, viewport.to], [left, width - right])
  return { width, narrow, left, right: width - right, x }
}

/** What a lane consists of, from above to below, in pixels. */
export interface LaneHeights {
  readonly lane: number
  /** Where losses stand, above what the pod was doing. */
  readonly losses: number
  readonly bar: number
  readonly known: number
}

/** Many pods have to do with less. */
export function laneHeights(lanes: number): LaneHeights {
  if (lanes <= 14) return { lane: 37, losses: 12, bar: 13, known: 4 }
  return lanes <= 40 ? { lane: 25, losses: 8, bar: 9, known: 3 } : { lane: 17, losses: 5, bar: 6, known: 2 }
}
