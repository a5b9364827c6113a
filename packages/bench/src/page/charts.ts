import type { Spread } from '../statistics.js'

type Plot = typeof import('@observablehq/plot')

/** What a variant adds to a request. */
export interface Bar extends Spread {
  readonly name: string
  readonly ours: boolean
}

/** A measurement of a contender on a framework. */
export interface Share extends Spread {
  readonly framework: string
  readonly name: string
}

export interface Point {
  readonly x: number
  readonly y: number
  readonly series: string
}

/** Draws charts as the text of an SVG that loads no other file. */
export interface Charts {
  /** What variants add to a request, with quartiles. */
  added(bars: readonly Bar[]): string
  /** Measurements as shares of the bare server's, with quartiles, by framework. */
  shares(shares: readonly Share[], label: string): string
  /** How `y` grows with `x`, both on logarithmic axes. @param options.x The label of the axis. @default 'connections' */
  growth(points: readonly Point[], options: { x?: string; y: string; target?: number }): string
}

const green = '#0a7d4b'
const grey = '#5b6675'
const red = '#c4161c'
const thousands = (value: number): string => value.toLocaleString('en')

/** Loads Plot, which is ESM only, and creates a document for it. */
export async function createCharts(): Promise<Charts> {
  const Plot: Plot = await import('@observablehq/plot')
  const { parseHTML } = await import('linkedom')
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const draw = (options: import('@observablehq/plot').PlotOptions): string => {
    const svg = Plot.plot({ width: 860, document: document as never, ...options })
    svg.setAttribute('xmlns', 'http://www.w3.org/2000/svg')
    svg.setAttribute('role', 'img')
    // A white background, because the SVG is shown on light pages and on dark ones.
    svg.setAttribute('style', 'background: white; color: #1b2430; font-family: system-ui, sans-serif')
    return svg.outerHTML.replace(/\d+\.\d{3,}/g, (number: string) => Number(number).toFixed(2))
  }
  const colour = (ours: boolean): string => (ours ? green : grey)
  const interval = { x1: 'low', x2: 'high', y1: 'name', y2: 'name', strokeWidth: 2 } as const

  return {
    added: (bars) =>
      draw({
        height: 50 + bars.length * 26,
        marginLeft: 290,
        x: { label: 'nanoseconds added to a request', grid: true },
        y: { domain: bars.map(({ name }) => name), label: null, tickSize: 0 },
        marks: [
          Plot.barX(bars, { x: 'median', y: 'name', fill: ({ ours }) => colour(ours), insetTop: 5, insetBottom: 5 }),
          Plot.link(bars, { ...interval, stroke: 'black' }),
          Plot.ruleX([0]),
        ],
      }),

    shares(shares, label) {
      const dots = shares.map((one) => ({ ...one, ours: one.name.startsWith('podrain') }))
      return draw({
        height: 60 + dots.length * 22,
        marginLeft: 200,
        marginRight: 80,
        x: { label, grid: true, nice: true },
        y: { domain: [...new Set(dots.map(({ name }) => name))], label: null, tickSize: 0 },
        fy: { domain: [...new Set(dots.map(({ framework }) => framework))], label: null },
        marks: [
          Plot.ruleX([1], { stroke: grey }),
          Plot.link(dots, { ...interval, fy: 'framework', stroke: ({ ours }) => colour(ours) }),
          Plot.dot(dots, { x: 'median', y: 'name', fy: 'framework', r: 4, fill: ({ ours }) => colour(ours) }),
        ],
      })
    },

    growth(points, { x = 'connections', y, target }) {
      const ordered = [...points].sort((a, b) => a.x - b.x)
      const at = { x: 'x', y: ({ y }: Point) => Math.max(y, 0.1) } as const
      return draw({
        height: 320,
        marginLeft: 60,
        marginRight: 130,
        x: { type: 'log', label: x, grid: true, tickFormat: thousands, ticks: 5 },
        y: { type: 'log', label: y, grid: true, tickFormat: thousands, ticks: 5 },
        marks: [
          Plot.ruleY(target === undefined ? [] : [target], { stroke: red, strokeDasharray: '4 3' }),
          Plot.line(ordered, { ...at, stroke: 'series', strokeWidth: 2 }),
          Plot.dot(ordered, { ...at, fill: 'series' }),
          Plot.text(
            ordered,
            Plot.selectLast({ ...at, z: 'series', text: 'series', fill: 'series', textAnchor: 'start', dx: 8 }),
          ),
        ],
      })
    },
  }
}
