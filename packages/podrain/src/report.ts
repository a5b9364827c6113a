import { type Rehearsal, renderTable, verdictOfAll } from '@podrain/rehearsal'
import pc from 'picocolors'
import type { PlanLine } from './plan.js'

/** What is going to be rehearsed, for a person. */
export function renderPlan(lines: readonly PlanLine[], colour: boolean): string {
  const { dim } = pc.createColors(colour)
  const width = Math.max(...lines.map(([label]) => label.length))
  return lines
    .map(([label, fact, origin]) => {
      return `${label.padEnd(width)}  ${fact}${origin === undefined ? '' : dim(` (${origin})`)}`
    })
    .join('\n')
}

/** Table, reasons, and last, where a terminal leaves the eye, the verdict. */
export function renderReport(results: readonly Rehearsal[], allowed: number, colour: boolean): string {
  return `${renderTable(results, { colour })}\n\n${renderVerdict(results, allowed, colour)}`
}

/** The whole of it, in the colour of its verdict. */
export function renderVerdict(results: readonly Rehearsal[], allowed: number, colour: boolean): string {
  const { green, red, yellow } = pc.createColors(colour)
  const isBad = results.some(({ summary }) => summary.lost > allowed)
  const isClean = results.every(({ summary }) => summary.verdict === 'clean')
  const paint = isBad ? red : isClean ? green : yellow
  return paint(verdictOfAll(results, allowed))
}
