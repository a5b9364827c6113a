import { scaleLinear } from 'd3-scale'
import type { Viewport } from './viewport.js'

/** Turns a time into a place on the drawing, and back. */
export interface TimeScale {
  (t: number): number
  invert(x: number): number
  ticks(count?: number): number[]
}

/** The measures of a drawing of one width, in pixels. */
export interface Layout {
  readonly width: number
  readonly narrow: boolean
  readonly left: number
  readonly right: number
  readonly x: TimeScale
}

/** The lanes and the charts below them share one layout, so that the same time has the same x on both. */
export function layOut(width: number, viewport: Viewport): Layout {
  const narrow = width < 560
  const left = narrow ? 52 : 72
  const right = narrow ? 40 : 76
  const x = scaleLinear([viewport.from, viewport.to], [left, width - right])
  return { width, narrow, left, right: width - right, x }
}

/** The parts of a lane from top to bottom, in pixels. */
export interface LaneHeights {
  readonly lane: number
  /** The strip for losses, above the bar. */
  readonly losses: number
  readonly bar: number
  readonly known: number
}

/** The more lanes there are, the lower each is. */
export function laneHeights(lanes: number): LaneHeights {
  if (lanes <= 14) return { lane: 37, losses: 12, bar: 13, known: 4 }
  return lanes <= 40 ? { lane: 25, losses: 8, bar: 9, known: 3 } : { lane: 17, losses: 5, bar: 6, known: 2 }
}
