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

/** Table, verdict, reasons. */
export function renderReport(result: Rehearsal, allowed: number, colour: boolean): string {
  const reasons = renderReasons(result, colour)
  return [
    renderTable([result], { colour }),
    renderVerdict(result, allowed, colour),
    ...(reasons === '' ? [] : [reasons]),
  ].join('\n\n')
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

/** Why, and what to do about it. */
function renderReasons({ summary: { diagnoses } }: Rehearsal, colour: boolean): string {
  const { bold, cyan } = pc.createColors(colour)
  return diagnoses
    .map(({ count, cause, why, fix }) => `${bold(`${count} × ${cause}`)}: ${why}\n  ${cyan('fix')}  ${fix}`)
    .join('\n\n')
}
