import { describe, expect, test } from 'vitest'
import { ConfigError, lint, parseConfig, renderSarif } from '../src/index.js'

const duration = (text: string) => Number.parseInt(text, 10) * 1000

const deployment = (
  extra: { head?: string; above?: string; behind?: string } = {},
) => `${extra.head ?? ''}apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 2
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      containers:
${extra.above ?? ''}      - name: web
        image: web:1
        command: ["npm", "start"]${extra.behind ?? ''}
        lifecycle: { preStop: { sleep: { seconds: 40 } } }
`

const look = (text: string, options: object = {}) => lint([{ file: 'x.yaml', text }], options)
const rulesIn = (text: string, options: object = {}) => look(text, options).findings.map(({ rule }) => rule)

describe('a comment # podrain-ignore', () => {
  test('silences its rule on its own line', () => {
    expect(rulesIn(deployment())).toEqual(['package-manager', 'hook-outlasts-grace'])
    const text = deployment({ behind: ' # podrain-ignore package-manager: a wrapper that execs' })
    expect(rulesIn(text)).toEqual(['hook-outlasts-grace'])
    expect(look(text).ignored).toMatchObject([
      { rule: 'package-manager', reason: 'a wrapper that execs', by: 'comment' },
    ])
  })

  test('above an item silences it in all of the item', () => {
    expect(rulesIn(deployment({ above: '      # podrain-ignore hook-outlasts-grace: killed on purpose\n' }))).toEqual([
      'package-manager',
    ])
  })

  test('above the document silences it in all of that, and in no other', () => {
    const text = deployment({ head: '# podrain-ignore package-manager: a wrapper\n' })
    expect(rulesIn(text)).toEqual(['hook-outlasts-grace'])
    expect(rulesIn(`${text}---\n${deployment()}`).filter((rule) => rule === 'package-manager')).toHaveLength(1)
    expect(rulesIn(`${deployment()}---\n${text}`).filter((rule) => rule === 'package-manager')).toHaveLength(1)
  })

  test('above the --- of its document is meant for that one', () => {
    expect(rulesIn(`# podrain-ignore package-manager: a wrapper\n---\n${deployment()}`)).toEqual([
      'hook-outlasts-grace',
    ])
  })

  test.for<[what: string, comment: string, message: string]>([
    ['a reason', 'package-manager', 'It does not say why `package-manager` may be ignored'],
    ['a rule', '', 'It does not say which rule'],
    ['a rule that exists', 'package-manger: why', 'There is no rule `package-manger`; did you mean `package-manager`?'],
  ])('needs %s', ([, comment, message]) => {
    const { findings } = look(deployment({ behind: ` # podrain-ignore ${comment}` }))
    expect(findings).toContainEqual(
      expect.objectContaining({ rule: 'podrain-ignore', severity: 'error', message, line: 14 }),
    )
    expect(findings.map(({ rule }) => rule)).toContain('package-manager')
  })

  test('that silences nothing is told of', () => {
    const { findings } = look(deployment({ behind: ' # podrain-ignore no-pdb: there is one elsewhere' }))
    expect(findings).toContainEqual(expect.objectContaining({ rule: 'podrain-ignore', severity: 'info' }))
    // What an app is compared with may be ignored where there is none.
    expect(rulesIn(deployment({ behind: ' # podrain-ignore against: it is the canary' }))).not.toContain(
      'podrain-ignore',
    )
  })
})

describe('podrain.yaml', () => {
  const parse = (text: string) => parseConfig(text, 'podrain.yaml', duration)

  test('silences a rule, everywhere or in some objects', () => {
    const rest = (resource = '') =>
      rulesIn(
        deployment(),
        parse(`lint:\n  ignore:\n    - rule: package-manager\n      reason: a wrapper\n${resource}`),
      )
    expect(rest()).toEqual(['hook-outlasts-grace'])
    expect(rest('      resource: Deployment/web')).toEqual(['hook-outlasts-grace'])
    expect(rest('      resource: Deployment/w*')).toEqual(['hook-outlasts-grace'])
    expect(rest('      resource: Deployment/admin')).toContain('package-manager')
  })

  test('is told apart from comments in SARIF, with the reason', () => {
    const text = deployment({ behind: ' # podrain-ignore package-manager: a wrapper' })
    const ignore = [{ rule: 'hook-outlasts-grace', reason: 'nobody waits' }]
    const [run] = JSON.parse(renderSarif(look(text, { ignore }), '1.0.0')).runs
    expect(
      run.results.map((each: { ruleId: string; suppressions: unknown }) => [each.ruleId, each.suppressions]),
    ).toEqual([
      ['package-manager', [{ kind: 'inSource', justification: 'a wrapper' }]],
      ['hook-outlasts-grace', [{ kind: 'external', justification: 'nobody waits' }]],
    ])
  })

  test('says what the files do not', () => {
    expect(parse('lint: { failOn: warning, behind: aws-alb, longestRequest: 30s }')).toEqual({
      ignore: [],
      failOn: 'warning',
      behind: 'aws-alb',
      longestRequest: 30_000,
    })
    expect(parse('')).toEqual({ ignore: [] })
    expect(parse('lint:')).toEqual({ ignore: [] })
  })

  test.for<[text: string, message: string]>([
    ['lint:\n  ignore:\n    - rule: no-pdb\n', '3:7: To ignore `no-pdb` there has to be a `reason`'],
    ['lint:\n  ignore:\n    - { rule: no-pdp, reason: x }', '3:9: There is no rule `no-pdp`; did you mean `no-pdb`?'],
    ['lint:\n  ignore:\n    - { reason: x }', '3:9: An `ignore` needs a `rule`'],
    ['lint:\n  ignore: no-pdb', '2:3: Expected `ignore` to be a list'],
    ['lint:\n  ingore: []', '2:3: Unknown key `ingore`; did you mean `ignore`?'],
    ['lint:\n  failOn: never', '2:3: Expected `failOn` to be one of error, warning, info, got `never`'],
    ['lint:\n  behind: nginx', '2:3: Expected `behind` to be one of none, kube-proxy'],
    ['lnt: {}', '1:1: Unknown key `lnt`; did you mean `lint`?'],
    ['lint: [', '1:8: '],
    [
      'lint:\n  ignore:\n    - { rule: no-pdb, reason: x, resource: web }',
      '3:34: Expected `resource` to be such as Deployment/web',
    ],
  ])('is refused with line and column: %s', ([text, message]) => {
    expect(() => parse(text)).toThrow(ConfigError)
    expect(() => parse(text)).toThrow(`podrain.yaml:${message}`)
  })
})
