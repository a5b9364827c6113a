import { describe, expect, test } from 'vitest'
import { membersOf } from './declarations.js'
import { page } from './page.js'

/** The names in the first column of the tables below a heading. */
function namesBelow(page: string, heading: string): string[] {
  const [, section = ''] = page.split(`\n## ${heading}\n`)
  const [own = ''] = section.split(/\n## /)
  return [...own.matchAll(/^\| (?:\[)?`\/?(\w+)/gm)].map(([, name = '']) => name).sort()
}

const namesOf = (path: string, owner: string) => [...new Set(membersOf(path, owner).map(({ name }) => name))].sort()

describe('docs/reference/drain.md', () => {
  const drain = page('drain.md')

  test('has every property, method and hook of a Drain, and no other', () => {
    const told = ['Properties', 'Methods', 'Hooks'].flatMap((heading) => namesBelow(drain, heading))
    expect(told.sort()).toEqual(namesOf('core/src/drain.ts', 'Drain'))
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
