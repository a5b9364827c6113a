import type { ClientKind } from './options.js'
import { clientKinds } from './options.js'
import type { Rehearsal } from './rehearse.js'
import { type LossMark, lossMarksOf, rowsOf, type SpanState, spansOf } from './timeline.js'

type Plot = typeof import('@observablehq/plot')

/** CSS variables of the page, so that one drawing serves light and dark. */
export const stateColours: Record<SpanState, string> = {
  'not ready': 'var(--starting)',
  ready: 'var(--ready)',
  'preStop hook': 'var(--hook)',
  'after SIGTERM': 'var(--sigterm)',
}
export const kindColours: Record<ClientKind, string> = {
  keepAlive: 'var(--kind-1)',
  newConnection: 'var(--kind-2)',
  slowKeepAlive: 'var(--kind-3)',
  streaming: 'var(--kind-4)',
  post: 'var(--kind-5)',
  slowReader: 'var(--kind-6, #6f8f3f)',
  webSocket: 'var(--kind-7, #c27a3a)',
  sse: 'var(--kind-8, #5aa79b)',
  http2: 'var(--kind-9, #a04a5e)',
}

const width = 1080
const margins = { marginLeft: 84, marginRight: 64 }
const lossTick = { x: ({ t }: LossMark) => toSeconds(t), y: 'pod', insetTop: -3, insetBottom: -3 }
const toSeconds = (ms: number) => ms / 1000

/** Leaves out what a drawing of this width could not show. */
function thin<T>(items: readonly T[]): readonly T[] {
  const step = Math.ceil(items.length / 500)
  return items.filter((_, index) => index % step === 0)
}

/** Draws rehearsals as SVG text; Plot is ESM only, hence asynchronous. */
export interface Charts {
  /** One row for each pod: what it was doing, how it ended, and which requests it lost. */
  pods(result: Rehearsal): string
  /** Requests on their way, by kind of client, over time. */
  inFlight(result: Rehearsal): string
}

/** Loads Plot and a document for it. */
export async function createCharts(): Promise<Charts> {
  const Plot: Plot = await import('@observablehq/plot')
  const { parseHTML } = await import('linkedom')
  const { document } = parseHTML('<!doctype html><html><body></body></html>')
  const draw = (options: import('@observablehq/plot').PlotOptions): string => {
    const svg = Plot.plot({ ...margins, width, document: document as never, ...options })
    svg.setAttribute('role', 'img')
    return svg.outerHTML
  }
  const time = ({ summary }: Rehearsal) => ({
    domain: [0, toSeconds(summary.durationMs)],
    label: 'seconds since the beginning',
    labelAnchor: 'right' as const,
  })
  const phases = ({ events }: Rehearsal) =>
    events.flatMap((event) =>
      event.type === 'phase' && event.phase !== 'starting pods' && event.phase !== 'done'
        ? [{ t: toSeconds(event.t), phase: event.phase }]
        : [],
    )

  return {
    pods(result) {
      const spans = spansOf(result)
      const marks = lossMarksOf(result)
      const exits = result.events.flatMap((event) => {
        if (event.type !== 'pod-exit') return []
        // Behind the last loss, so that neither covers the other.
        const t = Math.max(event.t, ...marks.filter(({ pod }) => pod === event.pod).map((mark) => mark.t))
        return [{ pod: event.pod, t: toSeconds(t), text: event.signal ?? `exit ${event.code}` }]
      })
      const rows = rowsOf(result)
      return draw({
        marginTop: 34,
        height: 34 + 40 + rows.length * 26,
        x: { ...time(result), grid: true },
        y: { domain: rows, label: null, padding: 0.28 },
        ariaLabel: `Timeline of ${rows.length} pods; ${result.summary.lost} of ${result.summary.requests} requests lost`,
        marks: [
          Plot.ruleX(phases(result), { x: 't', stroke: 'var(--faint)', strokeDasharray: '2 3' }),
          Plot.text(phases(result), {
            x: 't',
            text: 'phase',
            frameAnchor: 'top',
            textAnchor: 'start',
            dx: 4,
            dy: -20,
            fill: 'var(--muted)',
          }),
          ...Object.entries(stateColours).map(([state, fill]) =>
            Plot.barX(
              spans.filter((span) => span.state === state),
              {
                x1: ({ from }) => toSeconds(from),
                x2: ({ to }) => toSeconds(to),
                y: 'pod',
                fill,
                title: (span) => `${span.pod} ${state} for ${((span.to - span.from) / 1000).toFixed(2)} s`,
              },
            ),
          ),
          Plot.text(exits, { x: 't', y: 'pod', text: 'text', textAnchor: 'start', dx: 6, fill: 'var(--muted)' }),
          // A rim tells red marks from the bar beneath, whatever its colour.
          Plot.tickX(marks, { ...lossTick, stroke: 'var(--card)', strokeWidth: 4 }),
          Plot.tickX(marks, { ...lossTick, stroke: 'var(--lost)', strokeWidth: 2, title: 'title' }),
        ],
      })
    },

    inFlight(result) {
      const bands = clientKinds.map((kind, index) => ({
        kind,
        points: thin(result.samples).map(({ t, inFlight }) => {
          const below = clientKinds.slice(0, index).reduce((sum, other) => sum + inFlight[other], 0)
          return { t: toSeconds(t), y1: below, y2: below + inFlight[kind] }
        }),
      }))
      return draw({
        height: 150,
        marginTop: 24,
        x: { ...time(result), label: null },
        y: { label: 'requests in flight', grid: true, ticks: 4, nice: true },
        ariaLabel: 'Requests in flight over time, by kind of client',
        marks: [
          Plot.ruleX(phases(result), { x: 't', stroke: 'var(--faint)', strokeDasharray: '2 3' }),
          ...bands.map(({ kind, points }) =>
            Plot.areaY(points, { x: 't', y1: 'y1', y2: 'y2', fill: kindColours[kind], curve: 'step' }),
          ),
        ],
      })
    },
  }
}
