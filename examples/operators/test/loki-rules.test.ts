import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { get } from 'node:http'
import { join } from 'node:path'
import { LineFilter, parser, String as StringLiteral } from '@grafana/lezer-logql'
import { describe, expect, onTestFinished, test } from 'vitest'
import { RunningProcess } from '../../../packages/core/test/running-process.js'
import { alertsOf, lokiRules, operators } from './rules.js'

const alerts = alertsOf(lokiRules)

/** Whether an expression is valid LogQL, and the regular expressions of its line filters. */
function read(expr: string): { readonly isLogQL: boolean; readonly patterns: readonly RegExp[] } {
  let isLogQL = true
  let inFilter = false
  const patterns: RegExp[] = []
  parser.parse(expr).iterate({
    enter({ type, from, to }) {
      if (type.isError) isLogQL = false
      if (type.id === LineFilter) inFilter = true
      if (inFilter && type.id === StringLiteral) patterns.push(new RegExp(expr.slice(from + 1, to - 1)))
    },
    leave({ type }) {
      if (type.id === LineFilter) inFilter = false
    },
  })
  return { isLogQL, patterns }
}

const patternOf = (name: string): RegExp => {
  const alert = alerts.find((each) => each.alert === name) ?? expect.unreachable(name)
  return read(alert.expr).patterns[0] ?? expect.unreachable(name)
}

type Ending = 'well' | 'cut' | 'unfinished' | 'closed early' | 'refused' | 'killed'

/** The log lines of a drain that ends in this way. */
async function linesOf(ending: Ending, reportFormat: 'text' | 'json' = 'text'): Promise<readonly string[]> {
  const file = join(import.meta.dirname, 'fixtures', 'service.js')
  const child = new RunningProcess(fork(file, [ending, reportFormat], { silent: true }))
  onTestFinished(() => child.signal('SIGKILL'))
  await child.listening()
  const url = `http://127.0.0.1:${child.port}`
  if (ending === 'cut' || ending === 'closed early' || ending === 'killed') {
    get(`${url}/silent`).on('error', () => {})
    await child.line(/^silent/)
  }
  if (ending === 'refused') {
    get(`${url}/prestop`, { headers: { via: '1.1 proxy' } }).on('error', () => {})
    await child.line(/refused/)
  }
  child.signal('SIGTERM')
  if (ending === 'killed') {
    await child.line(/draining for .* of budget left/, 2)
    child.signal('SIGKILL')
  }
  await child.exit
  return child.lines
}

describe('the Loki rules', () => {
  test.each(alerts)('$alert is LogQL', ({ expr }) => {
    const { isLogQL, patterns } = read(expr)
    expect(isLogQL).toBe(true)
    expect(patterns.length).toBeGreaterThan(0)
    expect(read(expr.replace('(', '[')).isLogQL).toBe(false)
  })

  test.each<[Ending, 'text' | 'json', readonly string[]]>([
    ['well', 'text', []],
    ['well', 'json', []],
    ['cut', 'text', ['PodrainRequestsCut']],
    ['cut', 'json', ['PodrainRequestsCut']],
    ['unfinished', 'text', ['PodrainWorkUnfinished']],
    ['unfinished', 'json', ['PodrainWorkUnfinished']],
    ['closed early', 'text', ['PodrainRequestsCut', 'PodrainClosedEarly']],
    ['closed early', 'json', ['PodrainRequestsCut', 'PodrainClosedEarly']],
    ['refused', 'text', ['PodrainCallsRefused']],
  ])('a drain that ends %s, logged as %s, fires only its own alerts', async (ending, format, expected) => {
    const lines = await linesOf(ending, format)
    const seen = ['PodrainRequestsCut', 'PodrainWorkUnfinished', 'PodrainClosedEarly', 'PodrainCallsRefused'].filter(
      (name) => lines.some((line) => patternOf(name).test(line)),
    )
    expect(seen).toEqual(expected)
    const { patterns } = read(alerts.find(({ alert }) => alert === 'PodrainKilled')?.expr ?? '')
    for (const pattern of patterns) expect(lines.some((line) => pattern.test(line))).toBe(true)
  })

  test('a killed drain has logged its begin, no end, and that little time was left', async () => {
    const lines = await linesOf('killed')
    const [begun, ended] = read(alerts.find(({ alert }) => alert === 'PodrainKilled')?.expr ?? '').patterns
    expect(lines.some((line) => begun?.test(line))).toBe(true)
    expect(lines.some((line) => ended?.test(line))).toBe(false)
    expect(lines.some((line) => patternOf('PodrainDrainTooLong').test(line))).toBe(true)
    expect(
      patternOf('PodrainDrainTooLong').test('podrain: draining for 5.0 s, 1 in flight, 19.0 s of budget left'),
    ).toBe(false)
  })

  test.each([
    'name=orders-1 kind=Pod reason=FailedPreStopHook type=Warning',
    '{"type":"Warning","reason":"FailedPreStopHook"}',
  ])('an Event of a failed hook fires the alert: %s', (line) => {
    expect(patternOf('PodrainHookFailed').test(line)).toBe(true)
    expect(patternOf('PodrainHookFailed').test(line.replace('FailedPreStopHook', 'Killing'))).toBe(false)
  })

  test('the README lists the same patterns', () => {
    const readme = readFileSync(join(operators, 'README.md'), 'utf8')
    const rows = alerts.flatMap(({ alert, expr }) =>
      read(expr).patterns.map(
        (pattern) => `| ${alert} | \`${pattern.source.replaceAll('\\/', '/').replaceAll('|', '\\|')}\` |`,
      ),
    )
    expect(readme.split('<!-- patterns -->\n')[1]?.split('\n<!-- /patterns -->')[0]?.split('\n').slice(2)).toEqual(rows)
  })
})
