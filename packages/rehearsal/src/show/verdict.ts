import type { Rehearsal } from '../result/rehearsal.js'

/** With fewer requests, a loss of 1 % may go unseen (rule of three, see `fewOf`). */
const enough = 300

/** A result in a few sentences. `allowed`: how many lost requests still count as success. */
export function verdictSentence(result: Rehearsal, allowed = 0): string {
  const { verdict, warnings, lost } = result.summary
  const sentences = [
    ...(verdict === 'inconclusive' ? ['Inconclusive.', ...warnings] : []),
    ...(result.incomplete === null ? [] : [`Cut short. ${result.incomplete}.`]),
    `${lossesOf(result)}${lost > 0 && lost <= allowed ? `; ${allowed} are allowed` : ''}.`,
    ...(lost === 0 && result.incomplete === null ? fewOf(result) : []),
    ...backgroundOf(lost, result.summary.background),
    ...hooksOf(result),
  ]
  return sentences.join(' ')
}

/** What was asked, if that was a single request whose usual answer is no success; else empty. */
function askedOf({ options: { requests } }: Rehearsal): string {
  const asked = Object.entries(requests).filter(([, what]) => what !== null)
  const [only, ...more] = requests.mix ?? []
  if (only === undefined || more.length > 0 || asked.length > 1) return ''
  const { method, path, status } = only
  if (status === null || status.some((each) => each < 300)) return ''
  return ` (only ${method} ${path}, a ${status.join(' or ')})`
}

/** Several results of the same rehearsal with different seeds, in a few sentences. `allowed`: per result, as in {@link verdictSentence}. */
export function verdictOfAll(results: readonly Rehearsal[], allowed = 0): string {
  const [only, ...more] = results
  if (only !== undefined && more.length === 0) return verdictSentence(only, allowed)
  const sum = (of: (result: Rehearsal) => number) => results.reduce((total, result) => total + of(result), 0)
  const lost = sum(({ summary }) => summary.lost)
  const requests = sum(({ summary }) => summary.requests)
  const since = sum(({ summary }) => summary.requestsSince)
  const background = sum(({ summary }) => summary.background)
  const bad = results.filter(({ summary }) => summary.lost > allowed).length
  const unknown = results.filter(({ incomplete, summary }) => incomplete !== null || summary.warnings.length > 0).length
  const sentences = [
    lost === 0
      ? `Nothing lost in ${results.length} rehearsals${background > 0 ? ` of ${requests} requests` : `: all ${requests} requests were answered`}${only === undefined ? '' : askedOf(only)}. With a confidence of 95 %, fewer than 1 in ${Math.max(1, Math.floor(since / 3))} are lost.`
      : `${lost} of ${requests} requests lost, in ${bad} of ${results.length} rehearsals${allowed > 0 ? ` more than the ${allowed} that are allowed` : ''}.`,
    ...backgroundOf(lost, background),
    ...(unknown === 0 ? [] : [`${unknown} of the rehearsals were cut short or are inconclusive.`]),
  ]
  return sentences.join(' ')
}

function lossesOf(result: Rehearsal): string {
  const { incomplete, summary } = result
  const { lost, background, requests, killed, outage } = summary
  const asked = askedOf(result)
  const deaths = killed === 0 ? '' : `; ${killed} ${killed === 1 ? 'pod' : 'pods'} had to be killed`
  const silent = outage.longestMs === 0 ? '' : `; for ${(outage.longestMs / 1000).toFixed(1)} s no client got an answer`
  if (lost > 0) return `${lost} of ${requests} requests lost${silent}${deaths}`
  const all = `${background === 0 ? `: all ${requests} requests were answered` : ` of ${requests} requests`}${asked}`
  const nothing = incomplete === null ? all : ` of the ${requests} requests until then${asked}`
  return `Nothing lost${nothing}${silent}${deaths}`
}

/** If none of n requests is lost, the share of lost requests is below 3/n with a confidence of 95 % (rule of three). */
function fewOf({ summary: { requestsSince } }: Rehearsal): string[] {
  if (requestsSince >= enough) return []
  const few = `Only ${requestsSince} ${requestsSince === 1 ? 'request was' : 'requests were'} sent while this happened`
  if (requestsSince <= 3) return [`${few}, which proves nothing.`]
  return [`${few}: an app that loses up to ${Math.ceil(300 / requestsSince)} % of all would have passed, too.`]
}

/** Names hooks that failed or got an error status: such a hook does not wait, even if nothing was lost. */
function hooksOf({ events }: Rehearsal): string[] {
  const failures = new Map<string, string>()
  const faults: string[] = []
  for (const event of events) {
    if (event.type === 'hook-failed') failures.set(event.pod, event.message)
    if (event.type !== 'hook-end') continue
    const { pod, outcome, status = 0 } = event
    if (outcome === 'failed') faults.push(`failed: ${failures.get(pod)?.split('\n', 1)[0] ?? 'for an unknown reason'}`)
    else if (status >= 300) faults.push(`was answered ${status}`)
  }
  const [first] = faults
  if (first === undefined) return []
  return [`The preStop hook of ${faults.length} ${faults.length === 1 ? 'pod' : 'pods'} ${first}.`]
}

function backgroundOf(lost: number, background: number): string[] {
  if (background === 0) return []
  return [
    `${background} ${lost > 0 ? 'others' : 'of them'} failed as requests did before anything was done to the pods: the drain is not the cause.`,
  ]
}
