import Table from 'cli-table3'
import pc from 'picocolors'
import type { Rehearsal } from './rehearse.js'

/** Options of {@link renderTable}. */
export interface TableOptions {
  /** Whether to colour what was lost. @default whether the terminal can */
  readonly colour?: boolean | undefined
}

/** How many diagnoses of one result are shown; the most frequent come first. */
const shownDiagnoses = 3

/** Draws results as a table for the terminal, one row each; their `labels` become columns. Below it, why requests were lost. */
export function renderTable(results: readonly Rehearsal[], options: TableOptions = {}): string {
  const { colour = pc.isColorSupported } = options
  const { bold, dim, green, red } = pc.createColors(colour)
  const labels = labelNames(results)
  const head = ['name', ...labels, 'requests', 'lost', 'how they were lost', 'old pods gone after', 'exits']
  const table = new Table({
    head: head.map((text) => bold(text)),
    style: { head: [], border: [] },
    colAligns: head.map((text) =>
      text === 'requests' || text === 'lost' || text.startsWith('old') ? 'right' : 'left',
    ),
  })
  for (const { options, summary } of results) {
    table.push([
      options.name,
      ...labels.map((label) => options.labels[label] ?? ''),
      String(summary.requests),
      summary.lost === 0 ? green('0') : red(String(summary.lost)),
      counts(summary.lostByCause).join('\n'),
      `${(summary.oldPodsGoneAfterMs.max / 1000).toFixed(1)} s`,
      counts(summary.exits).join('\n'),
    ])
  }
  const lines = [table.toString()]
  for (const result of results) {
    const { diagnoses } = result.summary
    const name = labels.reduce(
      (name, label) => `${name} ${result.options.labels[label] ?? ''}`.trimEnd(),
      result.options.name,
    )
    for (const { count, cause, why, fix } of diagnoses.slice(0, shownDiagnoses)) {
      lines.push('', `${bold(name)}  ${red(`${count} × ${cause}`)}  ${why}`, `  ${green('→')} ${fix}`)
    }
    const more = diagnoses.slice(shownDiagnoses).reduce((sum, { count }) => sum + count, 0)
    if (more > 0) lines.push(dim(`  and ${more} more, for other reasons`))
  }
  return lines.join('\n')
}

/** Every label of any result, in the order they appear. */
export function labelNames(results: readonly Rehearsal[]): string[] {
  return [...new Set(results.flatMap(({ options }) => Object.keys(options.labels)))]
}

/** `{ refused: 3 }` as `['3 × refused']`. */
export function counts(record: Readonly<Record<string, number | undefined>>): string[] {
  return Object.entries(record).map(([what, count]) => `${count} × ${what}`)
}
