import { type Rehearsal, renderTable } from '@podrain/rehearsal'
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
export function renderReport(result: Rehearsal, allowed: number, colour: boolean): string {
  return `${renderTable([result], { colour })}\n\n${renderVerdict(result, allowed, colour)}`
}

/** The whole of it in one line. */
export function renderVerdict(
  { summary: { lost, requests, killed } }: Rehearsal,
  allowed: number,
  colour: boolean,
): string {
  const { green, red, yellow } = pc.createColors(colour)
  const deaths = killed === 0 ? '' : `; ${killed} ${killed === 1 ? 'pod' : 'pods'} had to be killed`
  if (lost === 0) return green(`Nothing lost: all ${requests} requests were answered${deaths}.`)
  const verdict = `${lost} of ${requests} requests lost${deaths}`
  return lost <= allowed ? yellow(`${verdict}; ${allowed} are allowed.`) : red(`${verdict}.`)
}
