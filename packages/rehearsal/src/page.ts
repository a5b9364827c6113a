import { basename, isAbsolute } from 'node:path'
import { type Charts, createCharts, kindColours, stateColours } from './charts.js'
import { type ClientKind, clientKinds, type RehearsalPlan } from './options.js'
import { pageStyle } from './page-style.js'
import type { Rehearsal } from './rehearse.js'
import { counts, labelNames } from './table.js'
import { seconds } from './timeline.js'

/** Options of {@link renderPage}. */
export interface PageOptions {
  /** @default 'Rolling update rehearsal' */
  readonly title?: string | undefined
}

/** What a page must say about itself, so that nobody takes it for more than it is. */
const limits = [
  'Bytes that the kernel still holds when a process exits are delivered on loopback. In a cluster the pod’s network goes with the pod, and they are lost.',
  'A connection to a pod that is gone is refused at once. In a cluster it often hangs until the client’s own timeout.',
  'A pod’s first process is not PID 1 here: an app that ignores SIGTERM only because it is PID 1 ends at once.',
  'One Service without ingress, sidecars, HTTP/2, WebSocket or DNS in between, and one view of its endpoints for all clients.',
  'One machine: no image pulls, no scheduling, no CPU limits, and the load competes with the pods for the same cores.',
]

/** Draws results as one HTML file that needs nothing else: no script, no request, light and dark. */
export async function renderPage(results: readonly Rehearsal[], options: PageOptions = {}): Promise<string> {
  const { title = 'Rolling update rehearsal' } = options
  const charts = await createCharts()
  const lost = results.reduce((sum, { summary }) => sum + summary.lost, 0)
  const requests = results.reduce((sum, { summary }) => sum + summary.requests, 0)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escapeHtml(title)}</title>
<style>${pageStyle}</style>
</head>
<body>
<main>
<header>
<h1>${escapeHtml(title)}</h1>
<p class="lead">${
    lost === 0
      ? `None of ${requests} requests was lost.`
      : `<strong>${lost}</strong> of ${requests} requests ${lost === 1 ? 'was' : 'were'} lost.`
  }</p>
</header>
${results.length > 1 ? overview(results) : ''}
${results.map((result, index) => section(result, index, charts)).join('\n')}
<section aria-labelledby="limits">
<h2 id="limits">What this cannot show</h2>
<ul class="limits">${limits.map((limit) => `<li>${escapeHtml(limit)}</li>`).join('')}</ul>
</section>
</main>
</body>
</html>
`
}

function overview(results: readonly Rehearsal[]): string {
  const labels = labelNames(results)
  const rows = results.map(({ options, summary }, index) => [
    `<a href="#run-${index}">${escapeHtml(options.name)}</a>`,
    ...labels.map((label) => escapeHtml(options.labels[label] ?? '')),
    String(summary.requests),
    lostCell(summary.lost),
    escapeHtml(counts(summary.lostByCause).join(', ')),
    seconds(summary.oldPodsGoneAfterMs.max),
    escapeHtml(counts(summary.exits).join(', ')),
  ])
  const head = ['name', ...labels, 'requests', 'lost', 'how they were lost', 'old pods gone after', 'exits']
  return `<section aria-label="Overview"><div class="scroll">${table(head, rows)}</div></section>`
}

function section(result: Rehearsal, index: number, charts: Charts): string {
  const { options, summary } = result
  const kinds = clientKinds.filter((kind) => summary.requestsByClient[kind] > 0)
  const labels = Object.entries(options.labels).map(
    ([label, value]) => `<span>${escapeHtml(`${label}: ${value}`)}</span>`,
  )
  const facts = [
    fact('requests', String(summary.requests)),
    fact('lost', String(summary.lost), summary.lost > 0 ? 'bad' : 'good'),
    fact('old pods gone after, at most', seconds(summary.oldPodsGoneAfterMs.max)),
    fact('exits of old pods', counts(summary.exits).join(', ')),
    fact('hook failures', String(summary.hookFailures), summary.hookFailures > 0 ? 'bad' : ''),
    fact('duration', seconds(summary.durationMs)),
    fact('rehearsal held up, at most', `${summary.heldUpMs} ms`),
  ]
  return `<section aria-labelledby="run-${index}">
<h2 id="run-${index}">${escapeHtml(options.name)} ${labels.join(' ')}</h2>
<dl class="facts">${facts.join('')}</dl>
<div class="scroll chart">${charts.pods(result)}</div>
${legend({ ...stateColours, 'lost request': 'var(--lost)' })}
<div class="scroll chart">${charts.inFlight(result)}</div>
${legend(Object.fromEntries(kinds.map((kind) => [kind, kindColours[kind]])))}
${losses(result, kinds)}
<details><summary>Options</summary><div class="scroll">${table(
    ['option', 'value'],
    shownOptions(options).map(([name, value]) => [
      escapeHtml(name),
      `<code>${escapeHtml(typeof value === 'string' ? value : JSON.stringify(value))}</code>`,
    ]),
  )}</div></details>
</section>`
}

/** A page is shown to others: where things lie on this machine is none of their business. */
function shownOptions(options: RehearsalPlan): Array<[string, unknown]> {
  const command = [options.command, ...options.args].map((word) => (isAbsolute(word) ? basename(word) : word)).join(' ')
  const elsewhere = ['name', 'labels', 'command', 'args', 'cwd']
  return [['command', command], ...Object.entries(options).filter(([name]) => !elsewhere.includes(name))]
}

function losses({ events, summary }: Rehearsal, kinds: readonly ClientKind[]): string {
  if (summary.lost === 0) return '<p class="good">No request was lost.</p>'
  const rows = Object.keys(summary.lostByCause).map((cause) => {
    const lost = events.flatMap((event) => (event.type === 'lost' && event.cause === cause ? [event] : []))
    const example = lost[0] === undefined ? '' : `${lost[0].method} ${lost[0].path}: ${lost[0].message}`
    const byKind = kinds.map((kind) => String(lost.filter(({ client }) => client === kind).length))
    return [escapeHtml(cause), ...byKind, `<strong>${lost.length}</strong>`, escapeHtml(example)]
  })
  const total = [
    'all',
    ...kinds.map((kind) => String(summary.lostByClient[kind])),
    `<strong>${summary.lost}</strong>`,
    '',
  ]
  return `<h3>How they were lost</h3><div class="scroll">${table(['cause', ...kinds, 'all', 'for example'], [...rows, total])}</div>`
}

function fact(name: string, value: string, mood = ''): string {
  return `<div><dt>${escapeHtml(name)}</dt><dd class="${mood}">${escapeHtml(value)}</dd></div>`
}

function legend(colours: Readonly<Record<string, string>>): string {
  const entries = Object.entries(colours).map(
    ([name, colour]) => `<li><span class="swatch" style="background:${colour}"></span>${escapeHtml(name)}</li>`,
  )
  return `<ul class="legend">${entries.join('')}</ul>`
}

/** Cells are HTML: whoever calls this has escaped them. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const number = (cell: string) => (/^(<[^>]+>)?\d+(\.\d+)?( s)?(<|$)/.test(cell) ? ' class="number"' : '')
  const cells = (row: readonly string[]) => row.map((cell) => `<td${number(cell)}>${cell}</td>`).join('')
  return `<table><thead><tr>${head.map((name) => `<th scope="col">${escapeHtml(name)}</th>`).join('')}</tr></thead><tbody>${rows
    .map((row) => `<tr>${cells(row)}</tr>`)
    .join('')}</tbody></table>`
}

function lostCell(lost: number): string {
  return `<span class="${lost > 0 ? 'bad' : 'good'}">${lost}</span>`
}

const entities: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
