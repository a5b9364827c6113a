import type { Diagnosis } from '../../result/diagnosis.js'
import type { Rehearsal } from '../../result/rehearsal.js'
import { counts, unknown, withoutEnd } from '../table.js'
import { verdictSentence } from '../verdict.js'
import { disruptionOf } from './disruption.js'
import { type Figure, podStates } from './drawing.js'
import { figureOf } from './figure.js'
import { count, seconds } from './format.js'
import { type Fragment, html, json, type Markup } from './html.js'
import { loadTable, lossesTable, optionsTable, podsTable } from './tables.js'
import { milliseconds, prose, share, slowest, whenAndWhere } from './words.js'

/** The place of a run on its page. */
export interface RunOptions {
  /** Also the anchor: `#run-0`. */
  readonly index: number
  readonly heading: string
  /** Runs of one group are drawn to the same scale. */
  readonly group: string
  /** Whether another run is beside it. Then the drawing comes first, so that both drawings are at the same height. */
  readonly beside?: boolean
}

/** Everything about one result. */
export function run(result: Rehearsal, { index, heading, group, beside = false }: RunOptions): Markup {
  const id = `run-${index}`
  const drawing = timeline(result, id, group)
  // One element, with or without a remark, so that the grid of two runs stays aligned.
  const why = html`<div>${remarks(result)}${diagnoses(result)}</div>`
  return html`<section class="run" aria-labelledby="${id}">
<h2 id="${id}"><bdi>${heading}</bdi> ${labels(result)}</h2>
${verdict(result)}
${beside ? [drawing, why] : [why, drawing]}
${facts(result)}
<div>
${result.summary.lost === 0 ? null : fold('Every lost request', lossesTable(result))}
${fold('The pods as a table', podsTable(result))}
${fold('The load as a table', loadTable(result))}
${fold('Options', optionsTable(result))}
</div>
</section>`
}

function timeline(result: Rehearsal, id: string, group: string): Markup {
  const figure = figureOf(result)
  return html`<figure class="timeline" data-group="${group}" aria-labelledby="${id}">
${legend(figure)}
<script type="application/json">${json(figure)}</script>
<noscript><p class="quiet">The timeline is drawn by a script, which did not run here; the tables below say the same.</p></noscript>
</figure>`
}

export function labels({ options }: Rehearsal): Markup[] {
  return Object.entries(options.labels).map(([name, value]) => html`<span class="label">${name}: ${value}</span> `)
}

function verdict(result: Rehearsal): Markup {
  const { verdict, lost, requests } = result.summary
  const isAnswer = verdict === 'clean' || verdict === 'lost'
  const number = `${count(lost)} lost`
  const [largest, then] = isAnswer ? [number, ''] : [`${verdict[0]?.toUpperCase()}${verdict.slice(1)}`, `${number} `]
  const where = lost === 0 ? null : html` (${share(lost, requests)}), ${whenAndWhere(result)}.`
  return html`<p class="verdict ${verdict.replaceAll(' ', '-')}"><strong>${largest}</strong>
<span>${then}of ${count(requests)} requests${where}</span></p>`
}

/** What a reader has to know before trusting the number. */
function remarks(result: Rehearsal): Markup | null {
  const { verdict, background } = result.summary
  if (verdict !== 'inconclusive' && result.incomplete === null && background === 0 && verdict !== 'clean') return null
  return html`<p class="lead">${prose(verdictSentence(result))}</p>`
}

/** The most reasons that are shown unfolded. */
const mostReasons = 4

function diagnoses({ summary }: Rehearsal): Markup | null {
  const reasons = summary.diagnoses.map(diagnosis)
  const more = reasons.slice(mostReasons)
  if (reasons.length === 0) return null
  return html`<ol class="diagnoses" aria-label="Why they were lost">${reasons.slice(0, mostReasons)}</ol>
${more.length === 0 ? null : fold(`${more.length} more`, html`<ol class="diagnoses" aria-label="More reasons">${more}</ol>`)}`
}

function diagnosis({ kind, cause, count: lost, background, why, fix, example }: Diagnosis): Markup {
  const { method, path, client, message } = example
  return html`<li>
<p class="cause"><strong>${count(lost)} ×</strong> ${cause}<br><span class="quiet">${background ? 'as before the scenario: the drain is not the cause' : kind}</span></p>
<div><p>${why} <span class="quiet">${client}: <bdi>${method} ${path}</bdi>${message === '' ? null : html`, <bdi>${message}</bdi>`}</span></p>
<p class="fix"><span>Fix</span> ${prose(fix)}</p></div>
</li>`
}

/** The legend, with only what the drawing contains. */
function legend({ lanes, losses }: Figure): Markup {
  const entry = (name: string, what: string) => html`<li><i class="swatch ${name}"></i>${what}</li>`
  const states = podStates.filter((state) => lanes.some(({ spans }) => spans.some(([name]) => name === state)))
  return html`<ul class="legend">
${losses.length === 0 ? null : entry('loss', 'lost requests')}
${states.map((state) => entry(state.replaceAll(' ', '-').toLowerCase(), state))}
${lanes.some(({ deaf }) => deaf.length > 0) ? entry('deaf', 'no longer listening') : null}
${entry('answers', 'its answers')}
${entry('known', 'clients connect to it')}
${lanes.some(({ stale }) => stale.length > 0) ? entry('stale', 'still, although it is being ended') : null}
</ul>`
}

function facts(result: Rehearsal): Markup {
  const { options, summary } = result
  const noEnd = withoutEnd(options, summary)
  const { before, during } = slowest(result)
  const fact = (name: string, value: Fragment) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`
  return html`<dl class="facts">
${fact('old pods gone after, at most', noEnd ?? seconds(summary.oldPodsGoneAfterMs.max))}
${fact('exits of old pods', noEnd ?? counts(summary.exits).join(', '))}
${fact('hook failures', summary.hookFailures)}
${fact(`slowest answer, before and during the ${disruptionOf(result).noun}`, `${milliseconds(before)}, ${milliseconds(during)}`)}
${fact('duration', seconds(summary.durationMs))}
${fact('longest outage', seconds(summary.outage.longestMs))}
${fact('kubelet and clients held up, at most', `${summary.eventLoopDelayMs === null ? unknown : milliseconds(summary.eventLoopDelayMs)}, ${milliseconds(summary.loadEventLoopDelayMs)}`)}
${options.through === null ? null : fact('relay and proxy held up, at most', milliseconds(summary.hopEventLoopDelayMs))}
</dl>`
}

function fold(title: string, content: Markup): Markup {
  return html`<details><summary>${title}</summary>${content}</details>`
}
