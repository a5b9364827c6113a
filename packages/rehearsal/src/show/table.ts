import { stripVTControlCharacters } from 'node:util'
import Table from 'cli-table3'
import pc from 'picocolors'
import type { KnownOptions } from '../plan/options.js'
import type { Rehearsal } from '../result/rehearsal.js'
import type { Summary } from '../result/summary.js'

/** Options of {@link renderTable}. */
export interface TableOptions {
  /** Whether to use colours. @default whether the terminal supports them */
  readonly colour?: boolean | undefined
  /** The greatest width in characters. @default the width of the terminal; unlimited without one */
  readonly columns?: number | undefined
}

/** How many diagnoses of one result are shown; the most frequent come first. */
const shownDiagnoses = 3

/**
 * Renders results as a table for the terminal, with one row each. Their `labels` become columns. If the table is too wide, each
 * result is a list instead. Below follow the reasons for losses.
 */
export function renderTable(results: readonly Rehearsal[], options: TableOptions = {}): string {
  const { colour = pc.isColorSupported, columns = process.stdout.columns ?? Number.POSITIVE_INFINITY } = options
  const { bold, dim, green, red } = pc.createColors(colour)
  const labels = labelNames(results)
  const head = ['name', ...labels, 'requests', 'lost', 'how', 'pods gone after', 'exits']
  const rows = results.map(({ options, summary }) => [
    options.name,
    ...labels.map((label) => options.labels[label] ?? ''),
    String(summary.requests),
    summary.lost === 0 ? green('0') : red(String(summary.lost)),
    counts(summary.lostByCause),
    withoutEnd(options, summary) ?? `${(summary.oldPodsGoneAfterMs.max / 1000).toFixed(1)} s`,
    withoutEnd(options, summary) ?? counts(summary.exits),
  ])
  const table = drawn(
    head.map((text) => bold(text)),
    rows,
    head.map((name) => numbers.includes(name)),
  )
  const width = Math.max(
    ...stripVTControlCharacters(table)
      .split('\n')
      .map((line) => line.length),
  )
  const lines = [width <= columns ? table : listed(head, rows, bold)]
  const told = new Set<string>()
  for (const result of results) {
    const { diagnoses } = result.summary
    const its = Object.entries(result.options.labels).map(([label, value]) => `${label} ${value}`)
    const name = [result.options.name, ...its].join(', ')
    for (const { background, count, cause, why, fix } of diagnoses.slice(0, shownDiagnoses)) {
      const what = background ? dim(`${count} × ${cause}, as before`) : red(`${count} × ${cause}`)
      lines.push('', `${bold(name)}  ${what}  ${why}`, `  ${green('→')} ${told.has(fix) ? dim('as above') : fix}`)
      told.add(fix)
    }
    const more = diagnoses.slice(shownDiagnoses).reduce((sum, { count }) => sum + count, 0)
    if (more > 0) lines.push(dim(`  and ${more} more, for other reasons`))
  }
  return lines.join('\n')
}

/** Columns that are aligned right. */
const numbers = ['requests', 'lost', 'pods gone after']

/** The text of a cell. In a table, each item of a list is on its own line. */
type Cell = string | readonly string[]

function drawn(head: readonly string[], rows: ReadonlyArray<readonly Cell[]>, right: readonly boolean[]): string {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [] },
    colAligns: right.map((isRight) => (isRight ? 'right' : 'left')),
  })
  for (const row of rows) table.push(row.map((cell) => [cell].flat().join('\n')))
  return table.toString()
}

/** The rows as lists, with one line for each cell that is not empty. */
function listed(head: readonly string[], rows: ReadonlyArray<readonly Cell[]>, bold: (text: string) => string): string {
  const width = Math.max(...head.map((name) => name.length))
  const record = (row: readonly Cell[]) =>
    row.flatMap((cell, index) => {
      const text = [cell].flat().join(', ')
      return text === '' ? [] : [`${bold((head[index] ?? '').padEnd(width))}  ${text}`]
    })
  return rows.map((row) => record(row).join('\n')).join('\n\n')
}

/** The text for a value that is unknown. */
export const unknown = 'unknown'

/** The text about the pods' ends if none was seen; undefined if one was. On a cluster, RBAC may not allow to watch pods. */
export function withoutEnd({ cluster }: KnownOptions, { oldPodsGoneAfterMs }: Summary): string | undefined {
  if (Object.keys(oldPodsGoneAfterMs.each).length > 0) return undefined
  return cluster === null ? '–' : unknown
}

/** Every label of any result, in the order they appear. */
export function labelNames(results: readonly Rehearsal[]): string[] {
  return [...new Set(results.flatMap(({ options }) => Object.keys(options.labels)))]
}

/** `{ refused: 3 }` as `['3 × refused']`. */
export function counts(record: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(record).map(([what, count]) => `${count} × ${what}`)
}
