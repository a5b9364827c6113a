import type { Rehearsal } from '../../result/rehearsal.js'
import { counts, unknown, withoutEnd } from '../table.js'
import { count, seconds } from './format.js'
import { type Fragment, html, type Markup } from './html.js'
import { table } from './tables.js'
import { milliseconds, share, shownOptions, slowest } from './words.js'

/** Two results side by side: what was lost, what else changed, and which options differ. */
export function comparison(before: Rehearsal, after: Rehearsal): Markup {
  const lost = (result: Rehearsal) => (result.summary.lost === 0 ? '' : 'lost')
  return html`<section class="comparison" aria-label="Before and after">
<p class="verdict change"><strong class="${lost(before)}">${count(before.summary.lost)}</strong><span class="arrow" role="img" aria-label="before, and after it"> → </span><strong class="${lost(after)}">${count(after.summary.lost)}</strong> <span>${
    after.summary.lost === 1 && before.summary.lost === 0 ? 'request' : 'requests'
  } lost</span></p>
<div class="tables">${table(
    'Results',
    [{ name: '' }, { name: 'before', number: true }, { name: 'after', number: true }],
    rows.map(([name, value]) => [name, value(before), value(after)]),
  )}
${differences(before, after)}</div>
</section>`
}

const rows: ReadonlyArray<[string, (result: Rehearsal) => Fragment]> = [
  ['name', ({ options }) => options.name],
  ['where', ({ options }) => options.cluster ?? 'rehearsed'],
  ['requests', ({ summary }) => count(summary.requests)],
  ['lost', ({ summary }) => `${count(summary.lost)} (${share(summary.lost, summary.requests)})`],
  ['how they were lost', ({ summary }) => counts(summary.lostByCause).join(', ') || '–'],
  [
    'old pods gone after, at most',
    ({ options, summary }) => withoutEnd(options, summary) ?? seconds(summary.oldPodsGoneAfterMs.max),
  ],
  ['exits of old pods', ({ options, summary }) => withoutEnd(options, summary) ?? counts(summary.exits).join(', ')],
  ['hook failures', ({ summary }) => count(summary.hookFailures)],
  ['slowest answer meanwhile', (result) => milliseconds(slowest(result).during)],
]

function differences(before: Rehearsal, after: Rehearsal): Markup {
  const was = new Map([...Object.entries(before.options.labels), ...shownOptions(before.options)])
  const is = new Map([...Object.entries(after.options.labels), ...shownOptions(after.options)])
  const changed = [...new Set([...was.keys(), ...is.keys()])].filter(
    (name) => was.get(name) !== is.get(name) && was.get(name) !== unknown && is.get(name) !== unknown,
  )
  if (changed.length === 0) return html`<p class="quiet">Both ran with the same options.</p>`
  const code = (value: string | undefined) => (value === undefined ? '–' : html`<code>${value}</code>`)
  return table(
    'Different options',
    [{ name: 'option' }, { name: 'before' }, { name: 'after' }],
    changed.map((name) => [name, code(was.get(name)), code(is.get(name))]),
  )
}
