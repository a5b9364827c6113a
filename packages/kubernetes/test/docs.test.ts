import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Behind, Drain, presets } from '@podrain/core'
import { describe, expect, test } from 'vitest'
import { missingRule } from '../src/api/rules.js'

const page = readFileSync(join(__dirname, '..', '..', '..', 'docs', 'operate', 'kubernetes.md'), 'utf8')

/** The cells of a table on the page. */
function rows(name: string): string[][] {
  const [, table = ''] = new RegExp(`<!-- ${name} -->\n([^]*?)\n<!-- /${name} -->`).exec(page) ?? []
  const [, , ...lines] = table.split('\n')
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  )
}

function timesOf(behind: Behind, terminationGracePeriodSeconds: number): Drain['times'] {
  const drain = new Drain({ behind, terminationGracePeriodSeconds, signals: false, logger: false })
  void drain.dispose()
  return drain.times
}

function smallest(behind: Behind): number {
  for (let grace = 1; ; grace++) {
    try {
      timesOf(behind, grace)
      return grace
    } catch {
      // Too short.
    }
  }
}

const seconds = (ms: number): string => `${ms / 1000} s`

describe('the page on Kubernetes', () => {
  test('calculates budgets as podrain does', () => {
    const table = rows('budgets')
    expect(table.map(([name]) => name)).toEqual(Object.keys(presets).map((name) => `\`${name}\``))
    for (const row of table) {
      const behind = row[0]?.replaceAll('`', '') as Behind
      const { gracePeriod, closing, reserve, settle } = timesOf(behind, Number.parseInt(row[1] ?? '', 10))
      expect(row).toEqual([
        `\`${behind}\``,
        seconds(gracePeriod),
        seconds(gracePeriod - closing - reserve),
        seconds(settle.min),
        seconds(closing),
        seconds(reserve),
        seconds(smallest(behind) * 1000),
      ])
    }
  })

  test('adds up the times that the longest request needs', () => {
    const table = rows('longest')
    expect(table.length).toBeGreaterThan(0)
    for (const row of table) {
      const behind = row[0]?.replaceAll('`', '') as Behind
      const grace = Number(row[5])
      const { closing, reserve, settle } = timesOf(behind, grace)
      expect(row.slice(1, 5)).toEqual([seconds(settle.min), '30 s', seconds(closing), seconds(reserve)])
      expect(grace).toBe((settle.min + 30_000 + closing + reserve) / 1000)
    }
  })

  test('quotes the log line about missing permissions', () => {
    const [, quoted = ''] = /\| `(kubernetes: not allowed [^…]*)…` \|/.exec(page) ?? []
    expect(missingRule('pod', 'default')).toContain(quoted.trim())
  })
})
