import type { EarlyClose } from '../http/early-close.js'
import { messageOf } from '../shared/errors.js'
import { type DrainLogger, seconds } from '../shared/log.js'
import { type DrainReport, type OpenRequest, requestInWords } from '../shared/report.js'
import type { Whereabouts } from '../shared/states.js'

/** The introductions that this process has logged. */
const said = new Set<string>()

/**
 * The line about times that a drain logs when its first server listens. undefined if the process has logged the same line before, or
 * if NODE_ENV is `test`.
 */
export function introduction(line: string): string | undefined {
  if (process.env.NODE_ENV === 'test' || said.has(line)) return undefined
  said.add(line)
  return line
}

/** What is still open, in one line: the reason why the pod still exists. */
export function progressLine(status: Partial<Whereabouts> & Omit<Whereabouts, 'waits'>): string {
  const parts = [`${status.state} for ${seconds(status.elapsedMs)}`, `${status.inFlight} in flight`]
  if (status.oldest) parts.push(`oldest ${list([status.oldest])}`)
  if (status.tasks.length > 0) parts.push(`tasks: ${status.tasks.join(', ')}`)
  if (status.waits && status.waits.length > 0) parts.push(`waiting for ${status.waits.join(' and ')}`)
  parts.push(`${seconds(status.budgetMs)} of budget left`)
  return parts.join(', ')
}

/** For each method: the effect on clients of an early call, and when podrain itself does the same. */
const earlyCloses: Record<EarlyClose['method'], { what: string; effect: string; ours: string }> = {
  close: {
    what: 'a server was closed',
    effect: 'new connections are refused from now on',
    ours: 'podrain closes the server when the last request has been answered',
  },
  closeAllConnections: {
    what: 'all connections of a server were closed',
    effect: 'requests in flight on them were cut',
    ours: 'podrain closes each connection when its last request has been answered',
  },
  closeIdleConnections: {
    what: 'the idle connections of a server were closed',
    effect: 'a request that was on its way on one of them was lost',
    ours: 'podrain closes each idle connection when no request can be on its way any more',
  },
}

/** The line about a server that other code has closed too early: the effect, the place in the code, and the remedy. */
export function closedEarlyLine({ method, by }: EarlyClose): string {
  const { what, effect, ours } = earlyCloses[method]
  return (
    `${what} while load balancers may still send to it: ${effect}. \`${method}()\` was called at ${by}. ` +
    `Remove the call: ${ours}. Move what else is done there into \`drain.onClose()\``
  )
}

/** Connections that were open before their server was watched, in words. */
export function unknownConnections(count: number): string {
  return count === 1
    ? '1 connection that was open before watch()'
    : `${count} connections that were open before watch()`
}

function uncounted(connections: number): string {
  return `${connections} ${connections === 1 ? 'connection' : 'connections'} whose requests podrain did not count`
}

/** The line about a server that was watched late: what podrain does not know, and the remedy. */
export function watchedLateLine(count: number): string {
  return (
    `${unknownConnections(count)}: podrain knows such a connection only after its next request. Until then podrain does not ` +
    'count its requests, and cannot tell its client to leave. Watch a server before it listens'
  )
}

/** The line about a middleware that has got no request, in a process that has accepted no connection. The pod may end while it starts. */
export const noServerLine: string =
  'no request has reached the middleware, so podrain knows no server to close: pass the server at the start, `watch(server)`'

/** The line about a middleware that has got no request, although the process has accepted connections. */
export const unseenServerLine: string =
  'the server may have served requests, but none has reached podrain, so podrain has counted none and closes no server: ' +
  'mount the middleware before all others, or pass the server at the start, `watch(server)`'

/** Logs the report, as an error unless the drain was clean. */
export function logReport(logger: DrainLogger, report: DrainReport): void {
  logger.record(report.clean ? 'info' : 'alarm', reportLine(report), { drain: reportFields(report) })
}

/** The report in one line. */
function reportLine(report: DrainReport): string {
  const parts = [`drained in ${seconds(report.durationMs)} after ${report.reason}`]
  if (report.closedEarly.length > 0) parts.push(`closed too early at ${report.closedEarly.join(', ')}`)
  if (report.cut.length > 0) parts.push(`cut ${report.cut.length} in flight: ${list(report.cut)}`)
  if (report.unknownConnections > 0) parts.push(`cut ${uncounted(report.unknownConnections)}`)
  if (report.unfinishedTasks.length > 0) parts.push(`left unfinished: ${report.unfinishedTasks.join(', ')}`)
  const failed = report.hooks.filter((hook) => hook.outcome !== 'ok')
  if (failed.length > 0) parts.push(`hooks: ${failed.map((hook) => `${hook.name} ${hook.outcome}`).join(', ')}`)
  if (report.undeliveredBytes > 0) parts.push(`${report.undeliveredBytes} bytes not taken by their clients`)
  if (report.error !== undefined) parts.push(`error: ${messageOf(report.error)}`)
  if (report.clean) parts.push('nothing cut')
  return parts.join('; ')
}

/** The report for JSON, with errors as messages, and times in whole milliseconds. */
function reportFields(report: DrainReport): object {
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

function list(requests: readonly OpenRequest[]): string {
  const shown = requests.slice(0, 10).map(requestInWords)
  if (requests.length > shown.length) shown.push(`and ${requests.length - shown.length} more`)
  return shown.join(', ')
}
