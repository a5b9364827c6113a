import type { KnownOptions } from '../plan/options.js'
import type { Rehearsal } from '../result/rehearsal.js'
import { loadAssets } from './page/assets.js'
import { comparison } from './page/compare.js'
import { disruptionOf } from './page/disruption.js'
import { count } from './page/format.js'
import { html, type Markup, raw } from './page/html.js'
import { overview } from './page/overview.js'
import { run } from './page/run.js'
import { prose } from './page/words.js'

/** Options of {@link renderPage}. */
export interface PageOptions {
  /** The title of the page. @default the scenario, such as 'Rolling update rehearsal'; 'Before and after' with `compare` */
  readonly title?: string | undefined
  /** Whether to compare two results, before and after a change, side by side. @default false */
  readonly compare?: boolean | undefined
}

/** What a rehearsal cannot show. A limit is listed if it applies to at least one result. */
const limitsOfRehearsals: ReadonlyArray<readonly [limit: string, applies?: (options: KnownOptions) => boolean]> = [
  [
    'Without `netns`, bytes that the kernel still holds when a process exits are delivered. In a cluster the pod’s network goes with the pod, and they are lost.',
    ({ netns }) => !netns,
  ],
  [
    'Without `netns`, connections to the address of a pod that is gone are simulated: they fail after 3 s, as on a network without that address.',
    ({ netns }) => !netns,
  ],
  [
    'A pod’s first process is not PID 1 here: an app that would ignore SIGTERM because it is PID 1 ends at once.',
    ({ pidNamespace }) => !pidNamespace,
  ],
  [
    'One Service, and in front of it nothing or one proxy (`through`), which stands for an ingress: no cloud load balancer, no sidecar, no streaming gRPC, HTTP/3 or DNS.',
  ],
  ['Without `nodes`, all clients learn of a change at the same moment.', ({ nodes }) => nodes === 1],
  ['Without `cpus`, a pod may use all processors of this machine.', ({ cpus }) => cpus === null],
  ['One machine: no image pulls, no scheduling, and the load competes with the pods for the same cores.'],
  [
    'Why a request was lost, and how to fix it, is inferred from the order of events. The rehearsal cannot see what the app meant to do.',
  ],
]

/** What a run on a real cluster cannot show. */
const limitsOfClusters = [
  'On a cluster, an event of a pod has the time at which the watch of the API reported it, by the clock of the watching machine. The clients use the clock of their node.',
  'On a cluster, only a response says which pod got a request. For a request without a response, only the Service is known.',
  'On a cluster, the API does not say when clients learned of a change, or what a kubelet requested and did.',
]

/**
 * Renders results as one self-contained HTML file. The page sends no request, and its policy allows only its own script.
 * @returns The HTML text.
 * @throws TypeError when `compare` is set and there are not two results.
 */
export function renderPage(results: readonly Rehearsal[], options: PageOptions = {}): string {
  const { compare = false } = options
  const { title = compare ? 'Before and after' : titleOf(results) } = options
  const { script, style, policy } = loadAssets()
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${raw(style)}</style>
</head>
<body>
<main class="${compare ? 'wide' : results.length > 1 ? 'several' : 'one'}">
<h1>${title}</h1>
${compare ? compared(results) : listed(results)}
<section class="limits" aria-labelledby="limits">
<h2 id="limits">What this cannot show</h2>
<ul>${limitsOf(results).map((limit) => html`<li>${prose(limit)}</li>`)}</ul>
</section>
</main>
<script>${raw(script)}</script>
</body>
</html>
`.toString()
}

function limitsOf(results: readonly Rehearsal[]): readonly string[] {
  const options = results.map((result) => result.options)
  const rehearsed = options.filter(({ cluster }) => cluster === null)
  return [
    ...limitsOfRehearsals.flatMap(([limit, applies = () => true]) => (rehearsed.some(applies) ? [limit] : [])),
    ...(rehearsed.length < options.length ? limitsOfClusters : []),
  ]
}

function titleOf(results: readonly Rehearsal[]): string {
  const [name = 'rehearsal', ...others] = new Set(results.map((result) => disruptionOf(result).name))
  return others.length > 0 ? 'Rehearsals' : `${name[0]?.toUpperCase()}${name.slice(1)} rehearsal`
}

function listed(results: readonly Rehearsal[]): Markup {
  const lost = results.reduce((sum, { summary }) => sum + summary.lost, 0)
  const requests = results.reduce((sum, { summary }) => sum + summary.requests, 0)
  const several = html`<p class="lead">${count(lost)} of ${count(requests)} requests were lost in ${results.length} runs.</p>
${overview(results)}`
  const runs = results.map((result, index) =>
    run(result, { index, heading: result.options.name, group: String(index) }),
  )
  return html`${results.length > 1 ? several : null}${runs}`
}

function compared(results: readonly Rehearsal[]): Markup {
  const [before, after] = results
  if (before === undefined || after === undefined || results.length > 2) {
    throw new TypeError(`Expected two results to \`compare\`, before and after, got ${results.length}`)
  }
  return html`${comparison(before, after)}
<div class="pair">
${run(before, { index: 0, heading: `Before: ${before.options.name}`, group: 'pair', beside: true })}
${run(after, { index: 1, heading: `After: ${after.options.name}`, group: 'pair', beside: true })}
</div>`
}
