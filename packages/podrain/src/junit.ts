import { stripVTControlCharacters } from 'node:util'
import { type ClientKind, clientKinds, type LostEvent, type Rehearsal } from '@podrain/rehearsal'
import { create } from 'xmlbuilder'
import { renderVerdict } from './report.js'

const suiteName = 'podrain rehearse'
const shownLosses = 20

/** A test case as xmlbuilder takes it: attributes begin with `@`. */
interface TestCase {
  readonly '@classname': string
  readonly '@name': string
  readonly failure?: Detail
  readonly error?: Detail
  readonly 'system-out'?: { readonly '#cdata': string }
}

interface Detail {
  readonly '@message': string
  readonly '@type': string
  readonly '#cdata'?: string
}

interface TestSuite {
  readonly '@name': string
  readonly '@time'?: number
  readonly properties?: object
  readonly testcase: readonly TestCase[]
}

/**
 * Results as JUnit XML: a suite for each result, with a test case for each kind of client that sent requests. `failure`: why a later
 * rehearsal of `--repeat` has no result.
 */
export function renderJUnit(results: readonly Rehearsal[], allowed: number, failure?: Error): string {
  const suites = results.map((result) => suiteOf(result, allowed))
  return render(failure === undefined ? suites : [...suites, errorSuite(results[0]?.options.name ?? '', failure)])
}

/** A rehearsal without a result, as JUnit XML, so that CI shows the reason. */
export function renderJUnitError(name: string, error: Error): string {
  return render([errorSuite(name, error)])
}

function render(suites: readonly TestSuite[]): string {
  const testsuites = {
    ...counts(suites.flatMap(({ testcase }) => testcase)),
    testsuite: suites.map(({ testcase, ...suite }) => ({ ...suite, ...counts(testcase), testcase })),
  }
  const options = { encoding: 'UTF-8', invalidCharReplacement: '' }
  return create({ testsuites }, options).end({ pretty: true })
}

function counts(cases: readonly TestCase[]): Record<`@${string}`, number> {
  const failures = cases.filter(({ failure }) => failure !== undefined).length
  const errors = cases.filter(({ error }) => error !== undefined).length
  return { '@tests': cases.length, '@failures': failures, '@errors': errors, '@skipped': 0 }
}

function suiteOf(result: Rehearsal, allowed: number): TestSuite {
  const { options, summary } = result
  const properties = {
    scenario: options.scenario ?? 'unknown',
    seed: summary.seed,
    requests: summary.requests,
    lost: summary.lost,
    allowed,
    verdict: renderVerdict([result], allowed, false),
  }
  const className = `podrain.${options.scenario}`
  const against = [...summary.warnings, ...(result.incomplete === null ? [] : [result.incomplete])].join('\n')
  return {
    '@name': `${suiteName}: ${options.name}`,
    '@time': Math.round(summary.durationMs) / 1000,
    properties: { property: Object.entries(properties).map(([name, value]) => ({ '@name': name, '@value': value })) },
    testcase: [
      ...clientKinds.flatMap((kind) => (summary.requestsByClient[kind] === 0 ? [] : [caseOf(kind, result, allowed)])),
      {
        '@classname': className,
        '@name': 'the rehearsal is conclusive',
        ...(against !== '' && { error: { '@message': clean(against), '@type': summary.verdict } }),
      },
    ],
  }
}

function caseOf(kind: ClientKind, { options, events, summary }: Rehearsal, allowed: number): TestCase {
  const testCase = { '@classname': `podrain.${options.scenario}`, '@name': `${kind} clients lose nothing` }
  const isCounted = (event: LostEvent) => summary.diagnoses[event.diagnosis ?? 0]?.background !== true
  const losses = events.flatMap((event) =>
    event.type === 'lost' && event.client === kind && isCounted(event) ? [event] : [],
  )
  if (losses.length === 0) return testCase
  const lost = summary.lostByClient[kind]
  const more = lost - Math.min(losses.length, shownLosses)
  const details = [
    ...losses.slice(0, shownLosses).map(line),
    ...(more > 0 ? [`… and ${more} more`] : []),
    ...new Set(summary.diagnoses.map(({ fix }) => `→ ${fix}`)),
  ].join('\n')
  // Losses up to `--allow-lost` are no failure, as for the exit code.
  if (summary.lost <= allowed) return { ...testCase, 'system-out': { '#cdata': clean(details) } }
  const message = `${lost} of ${summary.requestsByClient[kind]} requests lost`
  return { ...testCase, failure: { '@message': message, '@type': 'LostRequests', '#cdata': clean(details) } }
}

function errorSuite(name: string, { message }: Error): TestSuite {
  const error = { '@message': message.split('\n', 1)[0] ?? '', '@type': 'NotRehearsed', '#cdata': clean(message) }
  return {
    '@name': `${suiteName}: ${name}`,
    testcase: [{ '@classname': 'podrain', '@name': 'the app can be rehearsed', error }],
  }
}

function line({ t, method, path, cause, message, why }: LostEvent): string {
  return `${(t / 1000).toFixed(2)} s  ${method} ${path}  ${cause}: ${why ?? message}`
}

/** Removes colours and splits `]]>`, because the builder escapes only the first end of a CDATA section in a text. */
function clean(text: string): string {
  return stripVTControlCharacters(text).replaceAll(']]>', ']] >')
}
