import { inspect } from 'node:util'
import type { DrainReport, OpenRequest } from './report.js'

/** Where a drain writes. Any of console, pino and winston fits. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string): void
}

/** How the report is written: a sentence, or a line of JSON for a collector that reads such lines. */
export type ReportFormat = 'text' | 'json'

/** A logger with every line marked as ours, which also knows how to write the report. */
export interface DrainLogger extends Logger {
  /** One line; an error unless the drain was clean. */
  report(report: DrainReport): void
}

/** What pino's loggers have and no other: they take fields before the message. */
interface Pino {
  bindings(): object
  info(fields: object, message: string): void
  error(fields: object, message: string): void
}

const silent: DrainLogger = { info() {}, warn() {}, error() {}, report() {} }

/**
 * The logger to use for the option as given.
 * @param worker the name of this one among others
 */
export function namedLogger(logger: Logger | false, worker?: string, format: ReportFormat = 'text'): DrainLogger {
  if (logger === false) return silent
  const name = worker === undefined ? 'podrain' : `podrain (${worker})`
  const attempt = (write: () => void): void => {
    try {
      write()
    } catch {
      // A logger that is closed already must not keep the process from ending well.
    }
  }
  const write = (level: keyof Logger) => (message: string) => attempt(() => logger[level](`${name}: ${message}`))
  return {
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
    report(report) {
      const level = report.clean ? 'info' : 'error'
      const message = `${name}: ${reportLine(report)}`
      attempt(() => {
        if (isPino(logger)) logger[level]({ drain: fieldsOf(report) }, message)
        else logger[level](format === 'json' ? JSON.stringify({ message, drain: fieldsOf(report) }) : message)
      })
    },
  }
}

function isPino(logger: unknown): logger is Pino {
  return typeof (logger as Partial<Pino>).bindings === 'function'
}

/** The report as JSON has it: errors in words, times in whole milliseconds. */
function fieldsOf(report: DrainReport): object {
  return {
    ...report,
    durationMs: Math.round(report.durationMs),
    settleMs: Math.round(report.settleMs),
    hooks: report.hooks.map(({ error, ...hook }) => ({
      ...hook,
      durationMs: Math.round(hook.durationMs),
      ...(error === undefined ? {} : { error: messageOf(error) }),
    })),
    ...(report.error === undefined ? {} : { error: messageOf(report.error) }),
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : inspect(error)
}

export function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}

function list(requests: readonly OpenRequest[]): string {
  const shown = requests.slice(0, 10).map((request) => `${request.method} ${request.route} (${seconds(request.ageMs)})`)
  if (requests.length > shown.length) shown.push(`and ${requests.length - shown.length} more`)
  return shown.join(', ')
}

/** How the grace period is shared out, in one line. */
export function budgetLine(times: {
  gracePeriod: number
  reserve: number
  closing: number
  settle: { min: number }
  behind: string
}): string {
  const { gracePeriod, reserve, closing, settle, behind } = times
  return (
    `of ${seconds(gracePeriod)} grace period, ${seconds(gracePeriod - reserve - closing)} for requests ` +
    `(at least ${seconds(settle.min)} until ${behind} has stopped sending), ${seconds(closing)} for closing, ` +
    `${seconds(reserve)} in reserve`
  )
}

/** What is still open, in one line: the answer to "why is this pod still there?". */
export function progressLine(status: {
  state: string
  elapsedMs: number
  budgetMs: number
  inFlight: number
  oldest: OpenRequest | null
  tasks: readonly string[]
}): string {
  const parts = [`${status.state} for ${seconds(status.elapsedMs)}`, `${status.inFlight} in flight`]
  if (status.oldest) parts.push(`oldest ${list([status.oldest])}`)
  if (status.tasks.length > 0) parts.push(`tasks: ${status.tasks.join(', ')}`)
  parts.push(`${seconds(status.budgetMs)} of budget left`)
  return parts.join(', ')
}

/** The report in one line. */
function reportLine(report: DrainReport): string {
  const parts = [`drained in ${seconds(report.durationMs)} after ${report.reason}`]
  if (report.forced.length > 0) parts.push(`cut ${report.forced.length} in flight: ${list(report.forced)}`)
  if (report.unfinishedTasks.length > 0) parts.push(`left unfinished: ${report.unfinishedTasks.join(', ')}`)
  const failed = report.hooks.filter((hook) => hook.outcome !== 'ok')
  if (failed.length > 0) parts.push(`hooks: ${failed.map((hook) => `${hook.name} ${hook.outcome}`).join(', ')}`)
  if (report.undeliveredBytes > 0) parts.push(`${report.undeliveredBytes} bytes not taken by their clients`)
  if (report.error !== undefined) parts.push(`uncaught: ${messageOf(report.error)}`)
  if (report.clean) parts.push('nothing forced')
  return parts.join('; ')
}
