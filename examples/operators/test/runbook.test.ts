import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { alertsOf, lokiRules, operators, prometheusRule } from './rules.js'

const runbook = readFileSync(join(operators, '..', '..', 'docs', 'operate', 'runbook.md'), 'utf8')
const [, ...sections] = runbook.split(/^## /m)
/** The anchors that GitHub makes from the headings. */
const anchors = sections.map((section) => (section.split('\n')[0] ?? '').toLowerCase().replaceAll(' ', '-'))
const alerts = [...alertsOf(prometheusRule.spec), ...alertsOf(lokiRules)]

describe('the runbook', () => {
  test('has a section for every alert, and no other section', () => {
    const linked = alerts.map(
      ({ annotations }) => annotations.runbook_url.split('https://podrain.github.io/podrain/operate/runbook#')[1],
    )
    expect([...new Set(linked)].toSorted()).toEqual(anchors.toSorted())
  })

  test.each(sections.map((section, index) => [anchors[index], section] as const))(
    'says in #%s what the alert means, where to look and what to do',
    (_, section) => {
      const parts = section.match(/\*\*(It means|Look here|Do this)\*\*/g)
      expect(parts).toEqual(['**It means**', '**Look here**', '**Do this**'])
      expect(section).toMatch(/```sh\n(.+\n)+```/)
    },
  )

  test.each(alerts)('$alert says how severe it is and what happened', ({ labels, annotations }) => {
    expect(['warning', 'critical']).toContain(labels.severity)
    expect(annotations.summary).toMatch(/\$labels\.namespace/)
    expect(annotations.description).toMatch(/^[A-Z].*\.$/)
  })
})
