import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathNames, resolveOptions as resolveRehearsal } from '@podrain/rehearsal'
import { describe, expect, test } from 'vitest'
import { membersOf } from './declarations.js'
import { page } from './page.js'

/** The names in the first column of the tables below a heading. */
function namesBelow(page: string, heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [own = ''] = section.split(/\n## /)
  return [...own.matchAll(/^\| (?:\[)?`\/?(\w+)/gm)].map(([, name = '']) => name).sort()
}

function source(path: string): string {
  return readFileSync(join(__dirname, '..', '..', path), 'utf8')
}

const namesOf = (path: string, owner: string) => [...new Set(membersOf(path, owner).map(({ name }) => name))].sort()

describe('docs/reference/drain.md', () => {
  const drain = page('drain.md')

  test('has every property, method and hook of a Drain, and no other', () => {
    const documented = ['Properties', 'Methods', 'Hooks'].flatMap((heading) => namesBelow(drain, heading))
    expect(documented.sort()).toEqual(namesOf('core/src/drain.ts', 'Drain'))
  })

  test('has every event, and no other', () => {
    expect(namesBelow(drain, 'Events')).toEqual(namesOf('core/src/shared/states.ts', 'DrainEvents'))
  })

  test('has every field of the report, and no other', () => {
    expect(namesBelow(drain, 'The report')).toEqual(namesOf('core/src/shared/report.ts', 'DrainReport'))
  })
})

describe('docs/reference/endpoints.md', () => {
  const endpoints = page('endpoints.md')

  test('has a section for every endpoint', () => {
    const sections = [...endpoints.matchAll(/^## (\w+)$/gm)].map(([, name = '']) => name)
    expect(sections.sort()).toEqual([...namesOf('core/src/endpoints/options.ts', 'EndpointPaths'), 'metrics'].sort())
  })

  test('has every field of the status', () => {
    expect(namesBelow(endpoints, 'drainz')).toEqual(
      [...namesOf('core/src/shared/states.ts', 'DrainStatus'), 'times'].sort(),
    )
  })
})

describe('docs/reference/events.md', () => {
  const events = page('events.md')
  const [message = '', written = ''] = events.split('\n## Events\n')

  test('has every outcome with the reason of its Kubernetes Event', () => {
    const [, reasons = ''] = /const reasons[^{]*\{([^}]*)\}/.exec(source('kubernetes/src/outcome-event.ts')) ?? []
    const known = [...reasons.matchAll(/'?(\w[\w ]*?)'?: '(\w+)'/g)].map(
      ([, outcome, reason]) => `${outcome}: ${reason}`,
    )
    const told = [...message.matchAll(/^\| `([\w ]+)` \| .* \| `(\w+)` \|$/gm)].map(
      ([, outcome, reason]) => `${outcome}: ${reason}`,
    )
    expect(told.sort()).toEqual(known.sort())
    for (const line of known) expect(written).toContain(`\`${line.split(': ')[1]}\``)
  })

  test('has every field of the outcome', () => {
    const told = [...message.matchAll(/^\| `(\w+)` \| [^|]* \|$/gm)].map(([, name = '']) => name)
    expect(told.sort()).toEqual(namesOf('core/src/outcome/outcome.ts', 'Outcome'))
  })
})

describe('docs/reference/metrics.md', () => {
  const metrics = page('metrics.md')
  const code = source('metrics/src/index.ts') + source('metrics/src/trace.ts')
  const madeOf = (pattern: RegExp) => [...new Set([...code.matchAll(pattern)].map(([, name = '']) => name))].sort()

  test('has every metric of Prometheus and of OpenTelemetry', () => {
    const names = madeOf(/`\$\{prefix\}(\w+)`/g)
    const told = [...metrics.matchAll(/^\| `podrain_(\w+)(?:\{\w+\})?` \| `podrain\.(\w+)` \|/gm)]
    expect(new Set(told.flatMap(([, ...each]) => each))).toEqual(new Set(names))
  })

  test('has every attribute of the trace, and no other', () => {
    const [, trace = ''] = metrics.split('\n## A trace of the drain\n')
    expect([...new Set(trace.match(/podrain\.[\w.]+/g))].sort()).toEqual(madeOf(/'(podrain\.[\w.]+)'/g))
  })
})

describe('docs/reference/rehearsal.md', () => {
  const rehearsal = page('rehearsal.md')

  test('has every option of rehearse(), and no other', () => {
    const [, options = ''] = rehearsal.split('\n## Options\n')
    const [table = ''] = options.split('\n## ')
    const cells = [...table.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell = '']) => cell)
    const told = cells.flatMap((cell) => [...cell.matchAll(/`(\w+)`/g)].map(([, name = '']) => name))
    const labels = membersOf('rehearsal/src/plan/options.ts', 'RehearsalOptions').map(({ name }) => name)
    expect(told.sort()).toEqual(labels.sort())
  })

  test('has every kind of client with its default number', () => {
    const rows = [...rehearsal.matchAll(/^\| `(\w+)` \| (\d+) \| `\w+` \|/gm)].map(([, kind, count]) => [
      kind,
      Number(count),
    ])
    const { clients } = resolveRehearsal({
      command: 'node',
      // The path of a gRPC method will do for every kind.
      requests: Object.fromEntries(pathNames.map((name) => [name, '/a.B/C'])),
    })
    expect(Object.fromEntries(rows)).toEqual(clients)
  })
})

test('docs/reference/requests.md has every field of a request, and no other', () => {
  const told = [...page('requests.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name)
  expect(told.sort()).toEqual(namesOf('rehearsal/src/plan/options.ts', 'RequestSpec'))
})
