import type { Rehearsal } from '../../result/rehearsal.js'
import { counts, labelNames, withoutEnd } from '../table.js'
import { count, seconds } from './format.js'
import { html, type Markup } from './html.js'
import { table } from './tables.js'

/** A table with a row for each result. Its name is a link to the result. */
export function overview(results: readonly Rehearsal[]): Markup {
  const labels = labelNames(results)
  const rows = results.map(({ options, summary }, index) => [
    html`<a href="#run-${index}">${options.name}</a>`,
    ...labels.map((label) => options.labels[label] ?? ''),
    count(summary.requests),
    summary.lost === 0 ? '0' : html`<span class="lost">${count(summary.lost)}</span>`,
    counts(summary.lostByCause).join(', '),
    withoutEnd(options, summary) ?? seconds(summary.oldPodsGoneAfterMs.max),
    withoutEnd(options, summary) ?? counts(summary.exits).join(', '),
  ])
  const columns = [
    { name: 'name' },
    ...labels.map((name) => ({ name })),
    { name: 'requests', number: true },
    { name: 'lost', number: true },
    { name: 'how they were lost' },
    { name: 'old pods gone after', number: true },
    { name: 'exits' },
  ]
  return html`<section aria-label="Overview">${table('All runs', columns, rows)}</section>`
}
