import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { stringify } from 'yaml'
import { fix, lint, renderGithub, renderHuman, renderJson, renderSarif, ruleIds } from '../src/index.js'
import { exampleOf } from './examples.js'
import { mended } from './fixing.js'

const corpus = readdirSync(join(__dirname, 'corpus'), { withFileTypes: true, recursive: true })
  .filter((entry) => entry.isFile())
  .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'))
const texts = [...corpus, ...ruleIds.flatMap((id) => Object.values(exampleOf(id)))]

/** Lints, and shows the result in every form. */
function look(text: string): void {
  const sources = [{ file: 'x.yaml', text }]
  const result = lint(sources)
  renderHuman(result, sources, { colour: true })
  renderGithub(result)
  for (const json of [renderJson(result), renderSarif(result, '1.0.0')]) JSON.parse(json)
  const lines = text.split(/\r\n?|\n/).length
  for (const { line, column, message } of result.findings) {
    expect(line).toBeLessThanOrEqual(lines)
    expect(column).toBeGreaterThan(0)
    expect(message).not.toMatch(/\bundefined\b|\[object Object\]/)
  }
}

/** Any JSON, with the words of Kubernetes in it. */
const words = [
  ...[
    'apiVersion',
    'kind',
    'metadata',
    'name',
    'labels',
    'spec',
    'template',
    'containers',
    'initContainers',
    'lifecycle',
    'preStop',
  ],
  ...[
    'exec',
    'command',
    'httpGet',
    'path',
    'port',
    'sleep',
    'seconds',
    'readinessProbe',
    'livenessProbe',
    'env',
    'value',
    'ports',
  ],
  ...[
    'replicas',
    'strategy',
    'rollingUpdate',
    'maxUnavailable',
    'maxSurge',
    'selector',
    'matchLabels',
    'app',
    'items',
    'annotations',
  ],
  ...[
    'terminationGracePeriodSeconds',
    'rules',
    'http',
    'paths',
    'backend',
    'service',
    '<<',
    '__proto__',
    'constructor',
    'toString',
  ],
]
const leaf = fc.oneof(
  fc.constantFrom(
    'apps/v1',
    'v1',
    'Deployment',
    'Service',
    'Pod',
    'List',
    'web',
    '/prestop',
    '25%',
    'sh',
    '-c',
    'sleep 5',
    'npm',
    '',
    '0',
  ),
  fc.constantFrom<unknown>(0, 1, -1, 30, 1e9, 0.5, null, true, false),
  fc.string(),
)
const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'medium', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 4 }),
    fc
      .uniqueArray(fc.tuple(fc.constantFrom(...words), tie('tree')), { maxLength: 6, selector: ([key]) => key })
      .map((entries) => Object.fromEntries(entries)),
  ),
}))

describe('whatever is in a file', () => {
  test('it is looked at to the end: any text', () => {
    fc.assert(fc.property(fc.string({ unit: 'binary' }), look), { numRuns: 300 })
  })

  test('any text with the signs of YAML', () => {
    const signs = fc.constantFrom(
      '\n',
      '  ',
      '- ',
      ': ',
      '&a ',
      '*a',
      '<<: *a',
      '{',
      '}',
      '[',
      ']',
      '|',
      '>',
      '"',
      "'",
      '#',
      '---',
      '\t',
      'kind',
      'spec',
      '%',
      '!!binary ',
      '? ',
    )
    fc.assert(
      fc.property(
        fc.array(signs, { maxLength: 40 }).map((parts) => parts.join('')),
        look,
      ),
      { numRuns: 500 },
    )
  })

  test('any object with the words of Kubernetes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('Deployment', 'Pod', 'Job', 'CronJob', 'Rollout', 'CloneSet', 'StatefulSet', 'List'),
        tree,
        tree,
        (kind, spec, template) => {
          look(stringify({ apiVersion: 'apps/v1', kind, metadata: template, spec: { ...(spec as object), template } }))
        },
      ),
      { numRuns: 500 },
    )
  })

  test('a manifest with a line lost, doubled, or out of place', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.nat(),
        fc.nat(),
        fc.constantFrom('lose', 'double', 'indent', 'cut'),
        (text, at, to, what) => {
          const lines = text.split('\n')
          const index = at % lines.length
          const line = lines[index] ?? ''
          if (what === 'lose') lines.splice(index, 1)
          else if (what === 'double') lines.splice(to % lines.length, 0, line)
          else if (what === 'indent') lines[index] = `  ${line}`
          else lines[index] = line.slice(0, to % (line.length + 1))
          look(lines.join('\n'))
        },
      ),
      { numRuns: 500 },
    )
  })
})

describe('--fix', () => {
  /** A manifest with comments here and there, and some words misspelt. */
  const marred = fc
    .tuple(
      fc.constantFrom(...texts),
      fc.array(fc.tuple(fc.nat(), fc.constantFrom('comment', 'misspell', 'quote', 'misplace')), { maxLength: 6 }),
    )
    .map(([text, changes]) => {
      const lines = text.split('\n')
      for (const [at, what] of changes) {
        const index = at % lines.length
        const line = lines[index] ?? ''
        if (what === 'comment' && !/["'|>]/.test(line)) lines[index] = `${line} # kept ${at}`
        else if (what === 'misspell') lines[index] = line.replace(/([a-z])([a-z])(?=[a-z]{4,}:)/, '$2$1')
        else if (what === 'quote') lines[index] = line.replace(/: (\d+)$/, ': "$1"')
        else if (/^ *image: /.test(line)) {
          lines.splice(index, 0, `${/^ */.exec(line)?.[0]}terminationGracePeriodSeconds: 60 # kept ${at}`)
        }
      }
      return lines.join('\n')
    })

  test('is idempotent, and loses no line and no comment', () => {
    fc.assert(
      fc.property(marred, (text: string) => {
        const once = mended(text)
        expect(fix([{ file: 'x.yaml', text }])[0]?.text).toBe(once)
        expect(mended(once)).toBe(once)
        const kept = (each: string) => each.match(/# kept \d+$/gm)?.sort() ?? []
        expect(kept(once)).toEqual(kept(text))
      }),
      { numRuns: 500 },
    )
  })
})
