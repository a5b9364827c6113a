import { readFileSync } from 'node:fs'
import { type Rehearsal, renderPage, renderTable, resultFormat, unknowable } from '@podrain/rehearsal'
import pc from 'picocolors'
import { prepareFile, writeResult } from './files.js'
import { UsageError } from './usage.js'

/** Flags of `podrain compare`. */
export interface CompareFlags {
  readonly html?: string
  readonly color: boolean
}

/**
 * `podrain compare`. Resolves with the exit code: 0 if the second result lost no greater share of requests than the first, else 1.
 * @throws UsageError when a file cannot be read or is not a result.
 */
export async function runCompare(before: string, after: string, flags: CompareFlags): Promise<number> {
  const [first, second] = [read(before), read(after)]
  const { html, color } = flags
  if (html !== undefined) prepareFile('--html', html)
  const rows = [labelled(first, 'before'), labelled(second, 'after')]
  const table = renderTable(rows, { colour: color && pc.isColorSupported })
  process.stdout.write(`${table}\n\nLost before: ${lossesOf(first)}, after: ${lossesOf(second)}.\n`)
  const other = differences(first, second)
  const unknown = [first, second].map(unknownOf).find((names) => names.length > 0)
  if (unknown !== undefined)
    process.stdout.write(
      `A result from a cluster does not contain: ${unknown.join(', ')}. These options were not compared.\n`,
    )
  if (other.length > 0)
    process.stdout.write(`The rehearsals had different options: ${other.join(', ')}. Compare the shares.\n`)
  if (html !== undefined) {
    await writeResult(html, renderPage([first, second], { compare: true }))
    process.stdout.write(`Page: ${html}\n`)
  }
  return shareOf(second) <= shareOf(first) ? 0 : 1
}

function shareOf({ summary: { lost, requests } }: Rehearsal): number {
  return lost / Math.max(1, requests)
}

function lossesOf(result: Rehearsal): string {
  const { lost, requests } = result.summary
  return `${lost} of ${requests} (${(100 * shareOf(result)).toFixed(2)} %)`
}

/** Options that may differ in a comparison: those of the app, and names. */
const own = [
  'name',
  'cluster',
  'labels',
  'app',
  'command',
  'args',
  'cwd',
  'envNames',
  'seed',
  'preStop',
  'portEnv',
  'port',
]

/** The names of options that differ and make the numbers hard to compare. */
function differences(one: Rehearsal, other: Rehearsal): string[] {
  return Object.entries(one.options).flatMap(([name, value]) => {
    const { [name]: second } = other.options as unknown as Record<string, unknown>
    const isUnknown = [one, other].some((result) => unknownOf(result).includes(name))
    return own.includes(name) || isUnknown || JSON.stringify(value) === JSON.stringify(second) ? [] : [name]
  })
}

/** Options that are unknown because the run was on a real cluster. */
function unknownOf({ options }: Rehearsal): string[] {
  return options.cluster === null ? [] : unknowable.filter((name) => options[name] === null)
}

/** Reads a result of `podrain rehearse --json`, or of the end-to-end tests on real clusters. */
function read(file: string): Rehearsal {
  let result: Rehearsal
  try {
    result = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new UsageError(`${file}: ${(error as Error).message}`)
  }
  if (typeof result?.summary?.lost !== 'number' || !Array.isArray(result.events) || !Array.isArray(result.samples)) {
    throw new UsageError(`${file} is not what \`podrain rehearse --json FILE\` writes`)
  }
  if (result.format !== resultFormat) {
    throw new UsageError(
      `${file} was written by another version of podrain: it has format ${result.format}, expected ${resultFormat}`,
    )
  }
  return result
}

function labelled(result: Rehearsal, when: string): Rehearsal {
  return { ...result, options: { ...result.options, labels: { ...result.options.labels, when } } }
}
