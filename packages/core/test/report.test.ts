import { describe, expect, test, vi } from 'vitest'
import type { DrainReport } from '../src/index.js'
import { namedLogger } from '../src/shared/log.js'
import { reportOf } from '../src/shared/report.js'
import { logReport } from '../src/termination/sentences.js'
import { Log } from './support.js'

const course = {
  reason: 'SIGTERM',
  startedAt: 1_700_000_000_000,
  durationMs: 6000,
  settleMs: 5000,
  answered: 3,
  closedEarly: [],
  cut: [],
  unfinishedTasks: [],
  hooks: [],
  undeliveredBytes: 0,
  unknownConnections: 0,
}
const request = { method: 'GET', path: '/slow', ageMs: 1500 }

/** The log line of a report. */
function reportLine(report: DrainReport): string {
  const log = new Log()
  logReport(namedLogger(log), report)
  expect(log.lines).toEqual([expect.stringMatching(report.clean ? /^info podrain: / : /^error podrain: /)])
  return log.lines[0]?.replace(/^\w+ podrain: /, '') ?? ''
}

describe('the process may not exit with 0', () => {
  test.each<[string, Partial<DrainReport>]>([
    ['when a request was cut', { cut: [request] }],
    ['when a server was closed early', { closedEarly: ['server.js:7:3'] }],
    ['when a task did not end', { unfinishedTasks: ['mail'] }],
    ['when bytes were left', { undeliveredBytes: 1 }],
    ['when connections from before the watch were cut', { unknownConnections: 1 }],
    ['when a request was cut and a byte was left', { cut: [request], undeliveredBytes: 1 }],
    ['when a request was cut and a task did not end', { cut: [request], unfinishedTasks: ['mail'] }],
    ['when a hook failed', { hooks: [{ name: 'pool', outcome: 'failed', durationMs: 1 }] }],
    [
      'when one of the hooks hung',
      {
        hooks: [
          { name: 'a', outcome: 'ok', durationMs: 1 },
          { name: 'b', outcome: 'timed out', durationMs: 1 },
        ],
      },
    ],
  ])('%s', (_name, change) => {
    expect(reportOf({ ...course, ...change }, undefined).clean).toBe(false)
  })

  test('when there was an uncaught error, which the report contains', () => {
    const error = new Error('boom')
    expect(reportOf(course, error)).toEqual({ ...course, error, clean: false })
  })
})

describe('the line of a report', () => {
  test('of a drain that lost nothing says so', () => {
    expect(reportLine(reportOf(course, undefined))).toBe('drained in 6.0 s after SIGTERM; nothing cut')
  })

  test('names everything that was lost', () => {
    const report = reportOf(
      {
        ...course,
        cut: [request],
        unfinishedTasks: ['mail', 'thumbnails'],
        hooks: [
          { name: 'pool', outcome: 'ok', durationMs: 1 },
          { name: 'cache', outcome: 'failed', durationMs: 1 },
          { name: 'queue', outcome: 'timed out', durationMs: 1 },
        ],
        undeliveredBytes: 12,
        unknownConnections: 2,
      },
      new Error('boom'),
    )
    expect(reportLine(report)).toBe(
      'drained in 6.0 s after SIGTERM; cut 1 in flight: GET /slow (1.5 s); cut 2 connections whose requests podrain did not count; ' +
        'left unfinished: mail, thumbnails; hooks: cache failed, queue timed out; 12 bytes not taken by their clients; error: boom',
    )
  })

  test('names ten requests, and the number of the others', () => {
    const line = (count: number): string =>
      reportLine(reportOf({ ...course, cut: Array(count).fill(request) }, undefined))
    expect(line(10)).toMatch(/cut 10 in flight: (GET \/slow \(1\.5 s\), ){9}GET \/slow \(1\.5 s\)$/)
    expect(line(12)).toMatch(/cut 12 in flight: (GET \/slow \(1\.5 s\), ){10}and 2 more$/)
  })

  test.each([true, false])('causes no error in a log that is off, or broken (%s)', (off) => {
    const broken = (): never => {
      throw new Error('the worker has exited')
    }
    const logger = off ? (false as const) : { info: broken, warn: broken, error: broken }
    expect(() => logReport(namedLogger(logger), reportOf(course, undefined))).not.toThrow()
  })

  test('shows a thrown value that is not an Error', () => {
    expect(reportLine(reportOf(course, { code: 5 }))).toMatch(/; error: \{ code: 5 \}$/)
  })
})

test('a line that is not an alarm is not written to stderr if the logger writes nothing', () => {
  const written = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  const silent = namedLogger(false)
  silent.record('info', 'drained', {})
  expect(written).not.toHaveBeenCalled()
  silent.record('alarm', 'drained', {})
  expect(written.mock.calls).toEqual([['podrain: drained\n']])
})

test('the fields of a drain without an error have no `error`', () => {
  const record = vi.fn()
  logReport({ info() {}, warn() {}, error() {}, alarm() {}, record }, reportOf(course, undefined))
  const [[, , fields]] = record.mock.calls as [[string, string, { drain: object }]]
  expect(Object.keys(fields.drain)).not.toContain('error')
})
