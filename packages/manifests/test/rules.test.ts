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
    for (const { id, title, why, severityReason } of rules) {
      expect(severityReason).toMatch(/\.$/)
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

  test('finds nothing once the mistake is fixed, and no other rule finds an error', () => {
    const { findings, problems } = look(passes)
    expect(problems).toEqual([])
    expect(findings.filter((each) => each.rule === id || each.severity === 'error')).toEqual([])
  })
})

const mendable = ruleIds.filter((id) =>
  look(exampleOf(id).fails).findings.some((each) => each.rule === id && each.edits),
)

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

describe('what the API server refuses although its schema does not', () => {
  const told = (text: string) => look(text).findings.map(({ line, severity, rule }) => `${line} ${severity} ${rule}`)
  const service = (port: string) =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: web }\nspec: { selector: { app: other }, ports: [{ port: 80, targetPort: ${port} }] }\n`

  test.each([
    ['a probe', deployment({ container: '          livenessProbe: { tcpSocket: { port: "8080" } }\n' })],
    [
      'a hook',
      deployment({ container: '          lifecycle: { preStop: { httpGet: { path: /x, port: "8080" } } }\n' }),
    ],
    ['a Service', service('"8080"')],
    ['a rolling update', deployment({ spec: '  strategy: { rollingUpdate: { maxUnavailable: "8080" } }\n' })],
  ])('a number in quotes where a name or a percentage may stand, in %s; --fix takes the quotes away', (_, text) => {
    const [finding] = look(text).findings
    expect(finding).toMatchObject({ rule: 'wrong-type', severity: 'error', fix: 'Without quotes: 8080' })
    expect(fix([{ file: 'x.yaml', text }])[0]?.text).toBe(text.replace('"8080"', '8080'))
  })

  test.each([
    ['names', service('http')],
    ['percentages', deployment({ spec: '  strategy: { rollingUpdate: { maxUnavailable: "0%" } }\n' })],
    ['variables of a template', service('"$(PORT)"')],
  ])('%s may be in quotes', (_, text) => {
    expect(told(text)).toEqual([])
  })

  test('a probe that asks in two ways, as after a merge; one that a patch takes away does not count', () => {
    const probe = (other: string) =>
      deployment({
        container: `          livenessProbe: { httpGet: { path: /livez, port: 8080 }, tcpSocket: ${other} }\n`,
      })
    expect(told(probe('{ port: 8080 }'))).toEqual(['13 error wrong-value'])
    expect(told(probe('null'))).toEqual([])
  })

  test('a liveness probe that would have to succeed twice', () => {
    const probe = (name: string) =>
      deployment({ container: `          ${name}: { tcpSocket: { port: 8080 }, successThreshold: 2 }\n` })
    expect(told(probe('livenessProbe'))).toEqual(['13 error wrong-value'])
    expect(told(probe('readinessProbe'))).toEqual([])
  })

  test('a sidecar whose restart policy is written small', () => {
    const sidecar = (policy: string) =>
      deployment({ pod: `      initContainers: [{ name: proxy, image: envoy:1, restartPolicy: ${policy} }]\n` })
    expect(told(sidecar('always'))).toEqual(['9 error wrong-value'])
    expect(fix([{ file: 'x.yaml', text: sidecar('always') }])[0]?.text).toBe(sidecar('Always'))
  })

  test('rollingUpdate beside Recreate', () => {
    const strategy = (rolling: string) =>
      deployment({ spec: `  strategy: { type: Recreate, rollingUpdate: ${rolling} }\n` })
    expect(told(strategy('{ maxSurge: 1 }'))).toEqual(['5 error wrong-value'])
    expect(told(strategy('null'))).toEqual([])
  })

  test('an autoscaler whose least is more than its most', () => {
    const scaler = `apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: web }\nspec:\n  scaleTargetRef: { kind: Deployment, name: web }\n  minReplicas: 5\n  maxReplicas: 3\n`
    expect(told(scaler)).toEqual(['6 error wrong-value'])
  })
})

describe('a budget without limits', () => {
  const budget = (selector: string) =>
    `apiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: { name: web }\nspec: { ${selector} }\n`

  test('permits no eviction, and is told', () => {
    expect(look(budget('selector: { matchLabels: { app: web } }')).findings).toMatchObject([
      { rule: 'pdb-both-limits', severity: 'warning', fix: 'maxUnavailable: 1' },
    ])
  })

  test('may be a patch', () => {
    expect(look(budget('unhealthyPodEvictionPolicy: AlwaysAllow')).findings).toEqual([])
  })
})

describe('a hook that sleeps', () => {
  const hook = (script: string) =>
    deployment({
      container: `          lifecycle:\n            preStop:\n              exec:\n                command:\n                  - sh\n                  - -c\n                  - |\n${script.replace(/^/gm, '                    ')}\n`,
    })
  const rulesOf = (script: string) => look(hook(script)).findings.map(({ rule }) => rule)

  test('is added up, whatever its comments and messages say', () => {
    for (const said of ['# wait for the load balancer', 'echo "waiting for it, if need be"']) {
      expect(rulesOf(`${said}\nsleep 20\nsleep 15`)).toEqual(['hook-outlasts-grace'])
    }
  })

  test('takes an unknown time in a loop, unless the number of rounds is known', () => {
    expect(rulesOf('for each in 1 2 3; do sleep 40; done')).toEqual(['hook-outlasts-grace'])
    expect(rulesOf('for each in $(cat hosts); do sleep 40; done')).toEqual([])
    expect(rulesOf('until ./done; do :; done; sleep 40')).toEqual([])
  })
})

test('a grace period of 0 is told what is needed with what routes to the pod', () => {
  const fixes = (behind: 'kube-proxy' | 'gke-neg') =>
    lint([{ file: 'x.yaml', text: deployment({ pod: '      terminationGracePeriodSeconds: 0\n' }) }], { behind })
      .findings.filter(({ rule }) => rule === 'grace-zero')
      .map((each) => each.fix)
  expect(fixes('kube-proxy')).toEqual(['Remove it (30 s), or set 8 or more'])
  expect(fixes('gke-neg')).toEqual(['Set 46 or more'])
})

test('a command that is one string is told as a list', () => {
  const told = (command: string) =>
    look(deployment({ container: `          command: ${command}\n` })).findings.map((each) => each.fix)
  expect(told('/entrypoint.sh')).toEqual(['As a list: ["/entrypoint.sh"]'])
  expect(told('sleep 10 && ./end')).toEqual(['As a list: ["sh", "-c", "sleep 10 && ./end"]'])
})

describe('--fix', () => {
  test('fixes at least every mistake that is a matter of one word', () => {
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
