import { stripVTControlCharacters } from 'node:util'
import { clientKinds, type LostEvent, type Rehearsal } from '@podrain/rehearsal'
import builder from 'junit-report-builder'
import { renderVerdict } from './report.js'

const suiteName = 'podrain rehearse'
const shownLosses = 20

/**
 * Results as JUnit XML: a suite for each result, with a test case for each kind of client that sent requests. `failure`: why a later
 * rehearsal of `--repeat` has no result.
 */
export function renderJUnit(results: readonly Rehearsal[], allowed: number, failure?: Error): string {
  const report = builder.newBuilder()
  for (const result of results) addSuite(report, result, allowed)
  if (failure !== undefined) addError(report, results[0]?.options.name ?? '', failure)
  return report.build()
}

function addSuite(report: ReturnType<typeof builder.newBuilder>, result: Rehearsal, allowed: number): void {
  const { options, events, summary } = result
  const suite = report
    .testSuite()
    .name(`${suiteName}: ${options.name}`)
    .time(Math.round(summary.durationMs) / 1000)
    .property('scenario', options.scenario ?? 'unknown')
    .property('seed', String(summary.seed))
    .property('requests', String(summary.requests))
    .property('lost', String(summary.lost))
    .property('allowed', String(allowed))
    .property('verdict', renderVerdict([result], allowed, false))
  for (const kind of clientKinds) {
    const requests = summary.requestsByClient[kind]
    if (requests === 0) continue
    const testCase = suite.testCase().className(`podrain.${options.scenario}`).name(`${kind} clients lose nothing`)
    const counts = (event: LostEvent) => summary.diagnoses[event.diagnosis ?? 0]?.background !== true
    const losses = events.flatMap((event) =>
      event.type === 'lost' && event.client === kind && counts(event) ? [event] : [],
    )
    if (losses.length === 0) continue
    const lost = summary.lostByClient[kind]
    const more = lost - Math.min(losses.length, shownLosses)
    const details = [
      ...losses.slice(0, shownLosses).map(line),
      ...(more > 0 ? [`… and ${more} more`] : []),
      ...[...new Set(summary.diagnoses.map(({ fix }) => `→ ${fix}`))],
    ].join('\n')
    // Losses up to `--allow-lost` are no failure, as for the exit code.
    if (summary.lost <= allowed) testCase.standardOutput(clean(details))
    else testCase.failure(`${lost} of ${requests} requests lost`, 'LostRequests').stacktrace(clean(details))
  }
  const trust = suite.testCase().className(`podrain.${options.scenario}`).name('the verdict can be trusted')
  const against = [...summary.doubts, ...(result.incomplete === null ? [] : [result.incomplete])]
  if (against.length > 0) trust.error(clean(against.join('\n')), summary.verdict)
}

/** A rehearsal without a result, as JUnit XML, so that CI shows the reason. */
export function renderJUnitError(name: string, error: Error): string {
  const report = builder.newBuilder()
  addError(report, name, error)
  return report.build()
}

function addError(report: ReturnType<typeof builder.newBuilder>, name: string, error: Error): void {
  const testCase = report
    .testSuite()
    .name(`${suiteName}: ${name}`)
    .testCase()
    .className('podrain')
    .name('the app can be rehearsed')
  testCase.error(error.message.split('\n', 1)[0], 'NotRehearsed', clean(error.message))
}

function line({ t, method, path, cause, message, why }: LostEvent): string {
  return `${(t / 1000).toFixed(2)} s  ${method} ${path}  ${cause}: ${why ?? message}`
}

/** Removes colours and splits `]]>`, because the builder escapes only the first end of a CDATA section in a text. */
function clean(text: string): string {
  return stripVTControlCharacters(text).replaceAll(']]>', ']] >')
}
