import type { Rehearsal } from '../../result/rehearsal.js'
import { disruptionOf } from './disruption.js'
import { count, seconds } from './format.js'
import { type Fragment, html, type Markup } from './html.js'
import { intervalsOf, perSecond, total } from './load-series.js'
import { groupLosses, lostIn } from './losses.js'
import { coursesOf } from './timeline.js'
import { milliseconds, shownOptions } from './words.js'

/** One column. Numbers are aligned right. */
interface Column {
  readonly name: string
  readonly number?: boolean
}

const text = (name: string): Column => ({ name })
const number = (name: string): Column => ({ name, number: true })

/** A table that can be scrolled horizontally, also by keyboard. */
export function table(caption: string, columns: readonly Column[], rows: ReadonlyArray<readonly Fragment[]>): Markup {
  const attributes = (column: Column | undefined) => (column?.number === true ? html` class="number"` : null)
  const cell = (value: Fragment, index: number) =>
    index === 0 ? html`<th scope="row">${value}</th>` : html`<td${attributes(columns[index])}>${value}</td>`
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${columns.map((column) => html`<th scope="col"${attributes(column)}>${column.name}</th>`)}</tr></thead>
<tbody>${rows.map((row) => html`<tr>${row.map(cell)}</tr>`)}</tbody></table></div>`
}

/** Every lost request. Similar losses share one row. */
export function lossesTable(result: Rehearsal): Markup {
  const { from, noun } = disruptionOf(result)
  const groups = groupLosses(result)
  const most = 200
  const rows = groups
    .slice(0, most)
    .map(({ kind, losses, count: lost }) => [
      kind.row,
      html`<span class="lost">${count(lost)}</span>`,
      kind.cause,
      kind.client,
      kind.request,
      seconds((losses[0]?.t ?? 0) - from),
      seconds((losses.at(-1)?.t ?? 0) - from),
      html`${losses[0]?.why ?? ''} <span class="quiet">${kind.message}</span>`,
    ])
  const more = groups.slice(most)
  if (more.length > 0) {
    const left = more.reduce((sum, { count }) => sum + count, 0)
    rows.push(['others', html`<span class="lost">${count(left)}</span>`, '', '', '', '', '', 'of other kinds'])
  }
  const columns = ['pod', 'lost', 'how', 'client', 'request', 'first', 'last', 'why, for example'].map((name) =>
    ['lost', 'first', 'last'].includes(name) ? number(name) : text(name),
  )
  return table(`Lost requests, in seconds after the ${noun} began`, columns, rows)
}

/** The content of the lanes as a table. */
export function podsTable(result: Rehearsal): Markup {
  const { from, noun } = disruptionOf(result)
  const groups = groupLosses(result)
  const at = (t: number | undefined) => (t === undefined ? '–' : seconds(t - from))
  const rows = coursesOf(result).map(({ pod, spans, stale, told, exits, moments }) => {
    const begin = (state: string) => spans.find((span) => span.state === state)?.from
    const late = Math.max(0, ...stale.map((stretch) => stretch.to - stretch.from))
    const lost = lostIn(pod, groups)
    return [
      pod,
      at(begin('ready')),
      at(told[0]),
      at(begin('preStop hook')),
      at(begin('after SIGTERM')),
      exits.map(({ t, what }) => html`${at(t)} ${what} `),
      late === 0 ? '–' : seconds(late),
      lost === 0 ? '0' : html`<span class="lost">${count(lost)}</span>`,
      moments.map(({ what }) => what).join('; '),
    ]
  })
  const times = ['ready', 'end began', 'hook', 'SIGTERM', 'exit', 'routed after that for', 'lost'].map(number)
  return table(`Pods, in seconds after the ${noun} began`, [text('pod'), ...times, text('what happened')], rows)
}

/** The content of the load charts as a table of at most 40 rows. */
export function loadTable(result: Rehearsal): Markup {
  const { from, noun } = disruptionOf(result)
  const rows = intervalsOf(result, 40).map((interval) => [
    seconds(interval.to - from),
    count(perSecond(total(interval.answered), interval)),
    interval.lost === 0 ? '0' : html`<span class="lost">${count(interval.lost)}</span>`,
    milliseconds(interval.p50),
    milliseconds(interval.p99),
    count(interval.inFlight),
  ])
  const columns = ['until', 'answers per second', 'lost', 'p50', 'p99', 'in flight'].map(number)
  return table(`Load, in seconds after the ${noun} began`, columns, rows)
}

export function optionsTable({ options }: Rehearsal): Markup {
  const rows = shownOptions(options).map(([name, value]) => [name, html`<code>${value}</code>`])
  return table('Options', [text('option'), text('value')], rows)
}
