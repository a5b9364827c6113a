import { codeFrameColumns } from '@babel/code-frame'
import pc from 'picocolors'
import type { LintResult } from '../lint/lint.js'
import type { Finding, Severity } from '../rules/finding.js'
import type { Source } from '../text/source.js'

/** Options of {@link renderHuman}. */
export interface HumanOptions {
  /** Whether to use colours. */
  readonly colour: boolean
}

/** The result for a terminal: each finding with the lines around it, then a summary. `sources` must be those that were linted. */
export function renderHuman(result: LintResult, sources: readonly Source[], { colour }: HumanOptions): string {
  const { bold, dim, red, yellow, cyan, green } = pc.createColors(colour)
  const paint: Record<Severity, (text: string) => string> = { error: red, warning: yellow, info: cyan }
  const lines = new Map(sources.map(({ file, text }) => [file, text.split('\n')]))
  const blocks = result.findings.map((finding) => {
    const { file, line, column, severity, rule, message, fix, resource, builds, chart } = finding
    const where = `${bold(`${file}:${line}:${column}`)}${chart === undefined ? '' : dim(' as rendered')}`
    const head = `${where} ${paint[severity](severity)} ${message} ${dim(`[${rule}]`)}`
    const of =
      resource === undefined ? '' : dim(`  ${resource}${builds === undefined ? '' : ` in ${builds.join(', ')}`}\n`)
    const advice =
      fix === undefined ? '' : `\n  ${green('→')} ${fix}${finding.edits === undefined ? '' : dim(' (--fix)')}`
    return `${head}\n${of}${frame(lines.get(file) ?? [], finding)}${advice}\n`
  })
  const { skipped } = result
  const shown = skipped.slice(0, mostSkipped).map(({ file, line, what, why }) => {
    return `${dim(`skipped ${file}:${line}`)} ${what}: ${dim(why)}\n`
  })
  const more = skipped.length - shown.length
  const rest = more === 0 ? [] : [dim(`skipped ${more} more; --format json names all\n`)]
  const silent = shown.length === 0 ? [] : [[...shown, ...rest].join('')]
  return [...blocks, ...silent, summary(result, paint, green)].join('\n')
}

/** The most entries that are listed, so that they do not fill the screen. */
const mostSkipped = 20

function frame(lines: readonly string[], { line, column, endLine, endColumn }: Finding): string {
  const end = endLine === line ? { end: { line, column: Math.max(endColumn, column + 1) } } : {}
  // A manifest in one line, as some programs write, would fill the screen.
  if ((lines[line - 1] ?? '').length > 300) return ''
  // Only the lines near the finding are passed on, because a long text may have very many findings.
  const shown = { linesAbove: 1, linesBelow: 1, startLine: Math.max(1, line - 1) }
  const near = lines.slice(shown.startLine - 1, line + 1).join('\n')
  const around = codeFrameColumns(near, { start: { line, column }, ...end }, shown)
  return around.replace(/^/gm, '  ')
}

function summary(
  { findings, ignored, skipped, documents, pods }: LintResult,
  paint: Record<Severity, (text: string) => string>,
  green: (text: string) => string,
): string {
  const docs = plural(documents, 'document')
  const silenced = `${ignored.length === 0 ? '' : `; ${ignored.length} ignored`}${
    skipped.length === 0 ? '' : `; ${plural(skipped.length, 'thing')} skipped`
  }`
  if (findings.length === 0 && pods === 0 && skipped.length > 0) {
    return `There is no pod in ${docs}${silenced}: nothing was judged.`
  }
  if (findings.length === 0 && pods === 0) return `There is no pod in ${docs}: nothing to look at.`
  if (findings.length === 0) return green(`Nothing found in ${docs}${silenced}.`)
  const counts = (['error', 'warning', 'info'] as const).flatMap((severity) => {
    const count = findings.filter((each) => each.severity === severity).length
    return count === 0 ? [] : [paint[severity](severity === 'info' ? `${count} info` : plural(count, severity))]
  })
  return `${counts.join(', ')} in ${docs}${silenced}.`
}

function plural(count: number, word: string): string {
  return `${count} ${count === 1 ? word : `${word}s`}`
}
