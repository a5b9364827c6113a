import { type Rehearsal, renderTable, verdictOfAll } from '@podrain/rehearsal'
import pc from 'picocolors'
import type { PlanLine } from './plan.js'

/** Renders the description of the rehearsal. */
export function renderPlan(lines: readonly PlanLine[], colour: boolean): string {
  const { dim } = pc.createColors(colour)
  const width = Math.max(...lines.map(([label]) => label.length))
  return lines
    .map(([label, fact, origin]) => {
      return `${label.padEnd(width)}  ${fact}${origin === undefined ? '' : dim(` (${origin})`)}`
    })
    .join('\n')
}

/** Table, reasons, and the verdict, which comes last because a terminal shows the end of the output. */
export function renderReport(results: readonly Rehearsal[], allowed: number, colour: boolean): string {
  return `${renderTable(results, { colour })}\n\n${renderVerdict(results, allowed, colour)}`
}

/** The verdict over all results, in a colour. */
export function renderVerdict(results: readonly Rehearsal[], allowed: number, colour: boolean): string {
  const { green, red, yellow } = pc.createColors(colour)
  const isBad = results.some(({ summary }) => summary.lost > allowed)
  const isClean = results.every(({ summary }) => summary.verdict === 'clean')
  const paint = isBad ? red : isClean ? green : yellow
  return paint(verdictOfAll(results, allowed))
}
