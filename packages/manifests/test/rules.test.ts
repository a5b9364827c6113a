import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fix, lint, ruleIds, rules } from '../src/index.js'
import { exampleOf } from './examples.js'

const look = (text: string) => lint([{ file: 'web.yaml', text }])

describe('every rule', () => {
  test('has an example, and every example a rule', () => {
    const files = readdirSync(join(__dirname, 'manifests')).map((file) => file.replace(/\.yaml$/, ''))
    expect(files.sort()).toEqual([...ruleIds].sort())
  })

  test('has a name of its own, and says what it finds and why', () => {
    expect(new Set(ruleIds).size).toBe(ruleIds.length)
    for (const { id, title, why } of rules) {
      expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/)
      expect(title).toMatch(/[^.]$/)
      expect(why).toMatch(/\.\)?$/)
    }
  })
})

describe.each(rules.map((rule) => [rule.id, rule] as const))('%s', (id, { severity }) => {
  const { fails, passes } = exampleOf(id)

  test('finds its mistake, where it stands', () => {
    const { findings, problems } = look(fails)
    expect(problems).toEqual([])
    const found = findings.filter(({ rule }) => rule === id)
    expect(found, JSON.stringify(findings, undefined, 1)).not.toEqual([])
    const lines = fails.split('\n')
    for (const { line, column, message, fix } of found) {
      expect(lines[line - 1]?.slice(column - 1)).toMatch(/^[^\s#]/)
      expect(message).not.toMatch(/undefined|NaN|\[object/)
      expect(fix ?? '').not.toMatch(/undefined|NaN|\[object/)
    }
  })

  test('is as severe as it says', () => {
    const ranks = ['error', 'warning', 'info']
    const worst = Math.min(
      ...look(fails)
        .findings.filter(({ rule }) => rule === id)
        .map((each) => ranks.indexOf(each.severity)),
    )
    expect(ranks[worst]).toBe(severity)
  })

  test('finds nothing once that is put right, nor does any other rule find an error', () => {
    const { findings, problems } = look(passes)
    expect(problems).toEqual([])
    expect(findings.filter((each) => each.rule === id || each.severity === 'error')).toEqual([])
  })
})

const mendable = ruleIds.filter((id) =>
  look(exampleOf(id).fails).findings.some((each) => each.rule === id && each.edits),
)

describe('--fix', () => {
  test('mends at least what is a matter of one word', () => {
    expect(mendable).toEqual(
      expect.arrayContaining([
        'unknown-key',
        'misplaced-key',
        'wrong-type',
        'wrong-value',
        'grace-variable',
        'liveness-kills',
        'probe-drains',
      ]),
    )
  })

  const container = (text: string) =>
    `kind: Pod\napiVersion: v1\nspec:\n  containers:\n    - name: app\n      image: app:1\n      ${text}\n`

  test.each([
    ['a key under which its value would be wrong', 'port: 8080'],
    [
      'a path of which nobody knows whether the app has it',
      'lifecycle: { preStop: { httpGet: { path: /healthz, port: 8080 } } }',
    ],
    ['a key that is there already', 'livenessProbe: {}\n      livenesProbe: {}'],
    ['a number that YAML would read as another', 'livenessProbe: { periodSeconds: "010" }'],
    ['what an alias shares', 'env: [{ name: A, value: &a yes }, { name: B, value: *a }]'],
  ])('leaves alone %s', (_, text) => {
    const source = { file: 'x.yaml', text: container(text) }
    expect(lint([source]).findings).not.toEqual([])
    expect(fix([source])[0]?.text).toBe(source.text)
  })

  /** A Deployment with some lines in its spec, its pod and its container. */
  const deployment = ({ spec = '', pod = '', container = '', more = '' }) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
${spec}  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
${pod}      containers:
        # the app
        - name: app # first
          image: app:1
${container}${more}`
  const fixed = (text: string) => fix([{ file: 'x.yaml', text }])[0]?.text

  test('takes a key to where it belongs, with the comments above and behind it', () => {
    expect(
      fixed(
        deployment({
          container: '          # exports take long\n          terminationGracePeriodSeconds: 60 # seconds\n',
        }),
      ),
    ).toBe(deployment({ pod: '      # exports take long\n      terminationGracePeriodSeconds: 60 # seconds\n' }))
    expect(fixed(deployment({ spec: '  terminationGracePeriodSeconds: 60\n' }))).toBe(
      deployment({ pod: '      terminationGracePeriodSeconds: 60\n' }),
    )
  })

  test('takes all that is under it along, and leaves it as it is written', () => {
    const probe = (by: string) =>
      [
        'livenessProbe:',
        '  exec:',
        '    command:',
        '      - sh',
        '      - -c',
        '      - |',
        '        a',
        '',
        '        b',
      ]
        .map((line) => (line === '' ? '\n' : `${by}${line}\n`))
        .join('')
    const text = deployment({ pod: probe('      ') })
    expect(fixed(text)).toBe(
      text.replace(probe('      '), '').replace('name: app # first\n', `name: app # first\n${probe('          ')}`),
    )
  })

  test.each([
    [
      'where there are two containers',
      { pod: '      lifecycle: {}\n', more: '        - name: b\n          image: b:1\n' },
    ],
    ['what has an anchor', { container: '          terminationGracePeriodSeconds: &grace 60\n' }],
    [
      'what is there already',
      { pod: '      terminationGracePeriodSeconds: 30\n', container: '          terminationGracePeriodSeconds: 60\n' },
    ],
    ['what would be wrong there, too', { container: '          terminationGracePeriodSeconds: long\n' }],
  ])('does not move %s', (_, parts) => {
    const text = deployment(parts)
    expect(look(text).findings.map(({ rule }) => rule)).toContain('misplaced-key')
    expect(fixed(text)).toBe(text)
  })

  test('believes no grace period that is only missing because of a mistake', () => {
    const env = '          env: [{ name: TERMINATION_GRACE_PERIOD_SECONDS, value: "60" }]\n'
    for (const pod of ['terminationGracePeriodSecond: 60', 'terminationGracePeriodSeconds: "60"']) {
      expect(fixed(deployment({ pod: `      ${pod}\n`, container: env }))).toBe(
        deployment({ pod: '      terminationGracePeriodSeconds: 60\n', container: env }),
      )
    }
  })

  test.each(mendable)('%s is mended: the rule finds nothing more to edit', (id) => {
    const { fails } = exampleOf(id)
    const [fixed] = fix([{ file: 'web.yaml', text: fails }])
    expect(fixed?.text).not.toBe(fails)
    expect(look(fixed?.text ?? '').findings.filter((each) => each.rule === id)).toEqual([])
  })
})
