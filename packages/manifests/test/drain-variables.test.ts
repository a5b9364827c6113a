import { Drain, presets } from '@podrain/core'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { type LintOptions, lint, workloadsOf } from '../src/index.js'
import { controllers } from '../src/world/controllers.js'
import { app, findings, ingress, said, service } from './apps.js'

const hook = 'lifecycle: { preStop: { httpGet: { path: /prestop, port: 8080 } } }'
/** An app with podrain, and these entries of `env`. */
const drained = (env: readonly string[] = [], grace = 90, more: readonly string[] = []) =>
  app({
    pod: [`terminationGracePeriodSeconds: ${grace}`],
    container: [hook, 'ports: [{ name: http, containerPort: 8080 }]', `env: [${env.join(', ')}]`, ...more],
  })
const variable = (name: string, value: string) => `{ name: ${name}, value: ${JSON.stringify(value)} }`
const configMap = (data: string) => `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: c }\ndata: { ${data} }\n`
const fromConfigMap = ['envFrom: [{ configMapRef: { name: c } }]']
const alb = ingress('alb', 'alb.ingress.kubernetes.io/target-type: ip')
const rules = ['behind-variable', 'behind-untold', 'behind-annotation', 'grace-misses-settle']
/** What the rules about the wait say. */
const told = (...texts: readonly string[]) => rules.flatMap((rule) => said(rule, ...texts))

describe('an app that no variable tells what routes to it', () => {
  const untold = (...env: readonly string[]) => told(drained(env), service(), ingress('nginx'))
  const waits = [
    'info: podrain waits 5 s unless its option `behind` is `ingress-nginx`, but ingress-nginx needs 15 s to stop routing to the pod: Ingress/web (class nginx)',
  ]

  test('may be told by its code', () => {
    expect(untold()).toEqual(waits)
    expect(untold(variable('PODRAIN_OPTIONS', '{"reportFormat":"json"}'))).toEqual(waits)
    expect(told(drained(), service(), ingress('traefik'))).toEqual([])
  })

  test('may be told by variables whose values are not in the files', () => {
    expect(untold('{ name: PODRAIN_SETTLE_MIN, valueFrom: { configMapKeyRef: { name: x, key: y } } }')).toEqual([])
    expect(told(drained([], 90, fromConfigMap), service(), alb)).toEqual([])
    expect(told(drained([], 90, fromConfigMap), service(), alb, configMap('LOG: debug'))).toHaveLength(1)
  })
})

describe('variables of podrain', () => {
  const behindAlb = (...env: readonly string[]) => told(drained(env), service(), alb)
  const tooShort = (wait: string) =>
    `warning: podrain waits ${wait}, but aws-alb needs 30 s to stop routing to the pod: Ingress/web (class alb)`

  test.each([
    ['PODRAIN_BEHIND', 'traefik', '5 s behind `traefik`'],
    ['PODRAIN_SETTLE_MIN', '100', '0.1 s'],
    ['PODRAIN_OPTIONS', '{"settle":{"min":100}}', '0.1 s'],
    ['PODRAIN_OPTIONS', '{"behind":"envoy"}', '5 s behind `envoy`'],
  ])('that let podrain wait for too short a time: %s=%s', (name, value, wait) => {
    expect(behindAlb(variable(name, value))).toEqual([tooShort(wait)])
    expect(
      told(drained([], 90, fromConfigMap), service(), alb, configMap(`${name}: ${JSON.stringify(value)}`)),
    ).toEqual([tooShort(wait)])
  })

  test.each([
    ['a preset', variable('PODRAIN_BEHIND', 'aws-alb')],
    ['a wait', variable('PODRAIN_SETTLE_MIN', '30000')],
    [
      'a wait beside a preset',
      variable('PODRAIN_BEHIND', 'envoy'),
      variable('PODRAIN_OPTIONS', '{"settle":{"min":30000}}'),
    ],
  ])('that fit: %s', (_, ...env) => {
    expect(behindAlb(...env)).toEqual([])
  })

  test('of a ConfigMap in the same files', () => {
    const env = [variable('PODRAIN_BEHIND', 'envoy')]
    expect(told(drained(env, 90, fromConfigMap), service(), alb, configMap('PODRAIN_SETTLE_MIN: "30000"'))).toEqual([])
    expect(told(drained(env, 90, fromConfigMap), service(), alb)).toEqual([])
  })

  test.each(['alb', ''])('with a preset that podrain does not have: %j', (value) => {
    const refuses = `error: podrain has no preset \`${value}\`, and refuses to start`
    expect(behindAlb(variable('PODRAIN_BEHIND', value))).toEqual([refuses])
    expect(behindAlb(variable('PODRAIN_OPTIONS', JSON.stringify({ behind: value })))).toEqual([refuses])
  })

  test.each(['5s', '', '-1', '30_000', 'Infinity'])('with a time that podrain does not read: %j', (value) => {
    expect(behindAlb(variable('PODRAIN_SETTLE_MIN', value))).toEqual([
      `error: PODRAIN_SETTLE_MIN is \`${value}\`, and podrain refuses to start: it expects 0 or more milliseconds`,
    ])
  })

  test('with a number of PODRAIN_OPTIONS that is written as text', () => {
    expect(behindAlb(variable('PODRAIN_OPTIONS', '{"settle":{"min":"30000"}}'))).toEqual([
      'error: settle.min of PODRAIN_OPTIONS is `30000`, and podrain refuses to start: it expects 0 or more milliseconds',
    ])
  })

  test('with a longest wait that is shorter than the least', () => {
    const env = [variable('PODRAIN_BEHIND', 'aws-alb'), variable('PODRAIN_SETTLE_MAX', '10000')]
    expect(behindAlb(...env)).toEqual([
      'error: PODRAIN_SETTLE_MAX is 10000, less than `settle.min` (30000), and podrain refuses to start',
    ])
  })

  test('with options that are no JSON', () => {
    expect(behindAlb(variable('PODRAIN_OPTIONS', 'behind=envoy'))).toEqual([
      'error: PODRAIN_OPTIONS is not one JSON object, and podrain refuses to start',
    ])
  })

  test.each([
    '$(BALANCER)',
    '{{ .Values.behind }}',
    '$BEHIND',
    '#{behind}#',
    '@BEHIND@',
    '%BEHIND%',
    '<behind>',
    '__BEHIND__',
    '((behind))',
  ])('with a placeholder are unknown: %s', (value) => {
    expect(behindAlb(variable('PODRAIN_BEHIND', value))).toEqual([])
    expect(behindAlb(variable('PODRAIN_SETTLE_MIN', value))).toEqual([])
  })

  test('with a wait that does not fit into the grace period', () => {
    const refuses = (name: string, value: string, sum: string, grace: number) =>
      expect(told(drained([variable(name, value)], grace), service())).toEqual([
        `error: podrain in container \`app\` refuses to start: it needs ${sum}, but it assumes a grace period of ${grace} s`,
      ])
    refuses('PODRAIN_BEHIND', 'aws-nlb', 'settle 120 s + closing 5 s + reserve 1 s = 126 s', 90)
    refuses('PODRAIN_BEHIND', 'gke-neg', 'settle 40 s + closing 5 s + reserve 1 s = 46 s', 30)
    refuses('PODRAIN_SETTLE_MIN', '40000', 'settle 40 s + closing 5 s + reserve 1 s = 46 s', 30)
    refuses('PODRAIN_CLOSING', '29500', 'settle 5 s + closing 29.5 s + reserve 1 s = 35.5 s', 30)
    // The code may set a grace period that no variable says.
    expect(told(drained([variable('PODRAIN_SETTLE_MIN', '15000')], 10), service())).toEqual([
      expect.stringMatching(/^warning: The drain needs settle 15 s/),
    ])
  })
})

describe('a Service is at least kube-proxy', () => {
  const none = drained([variable('PODRAIN_BEHIND', 'none')])
  const loses =
    'warning: podrain waits 0 s behind `none`, but kube-proxy needs 2 s to stop routing to the pod: a Service selects it'

  test.each([
    ['of type ClusterIP', service()],
    ['of type LoadBalancer', service('web', 'type: LoadBalancer, ports: [{ port: 80, targetPort: 8080 }]')],
    ['without an address', service('web', 'clusterIP: None, ports: [{ port: 80, targetPort: 8080 }]')],
    ['behind an Ingress of an unknown class', `${service()}---\n${ingress('corp')}`],
  ])('%s, although the variable says `none`', (_, front) => {
    expect(told(none, front)).toEqual([loses])
    expect(workloadsOf([{ file: 'web.yaml', text: `${none}---\n${front}` }])).toMatchObject([{ behind: 'kube-proxy' }])
  })

  test('and hook and grace period are judged as without the variable', () => {
    const env = `env: [${variable('PODRAIN_BEHIND', 'none')}]`
    const slept = app({ container: ['lifecycle: { preStop: { sleep: { seconds: 1 } } }', env] })
    expect(said('hook-shorter-than-settle', slept, service())).toHaveLength(1)
  })

  test('and a worker without one may say `none`, or nothing beside an app with a Service, whatever podrain.yaml says', () => {
    expect(told(none)).toEqual([])
    const { findings } = lint([{ file: 'web.yaml', text: none }], { behind: 'aws-alb' } satisfies LintOptions)
    expect(findings.filter(({ rule }) => rules.includes(rule))).toEqual([])
    const worker = drained().replaceAll('web', 'worker')
    const beside = [drained([variable('PODRAIN_BEHIND', 'aws-alb')]), service(), worker].join('---\n')
    const others = lint([{ file: 'web.yaml', text: beside }], { behind: 'aws-alb' }).findings
    expect(others.filter(({ rule }) => rules.includes(rule))).toEqual([])
    expect(workloadsOf([{ file: 'web.yaml', text: none }])).toMatchObject([{ behind: 'none' }])
  })
})

describe('a sidecar', () => {
  const beside = (env: string, more = '') => `${drained([variable('PODRAIN_BEHIND', 'aws-alb')])}        - name: worker
          image: worker:1
          ports: [{ name: work, containerPort: 9100 }]
          env: [${env}]
${more}`

  test('is not judged by what routes to the app', () => {
    expect(told(beside(variable('PODRAIN_BEHIND', 'none')), service(), alb)).toEqual([])
    const withHook = '          lifecycle: { preStop: { httpGet: { path: /prestop, port: 9100 } } }\n'
    expect(told(beside('', withHook), service(), alb)).toEqual([])
  })

  test('may share the variables of the app, and not be podrain', () => {
    expect(told(beside(variable('PODRAIN_BEHIND', 'aws-nlb')), service(), alb)).toEqual([])
  })

  test('says nothing about what routes to the app', () => {
    const of = (behind: string) =>
      workloadsOf([
        {
          file: 'web.yaml',
          text: `${beside(variable('PODRAIN_BEHIND', behind)).replace(/aws-alb/, 'envoy')}---\n${service()}`,
        },
      ])
    expect(of('aws-nlb')[0]).toMatchObject({ container: 'app', behind: 'envoy' })
  })
})

test('an annotation with a name that is no preset is told', () => {
  const annotated = (behind: string) =>
    `${drained()}`.replace(
      'labels: { app: web } }',
      `labels: { app: web }, annotations: { podrain/behind: ${behind} } }`,
    )
  expect(told(annotated('alb'), service())).toEqual(['warning: `alb` is no preset of podrain, and is passed over'])
  expect(told(annotated('traefik'), service())).toEqual([])
})

describe('who does what lint says has an app that starts', () => {
  afterEach(() => vi.unstubAllEnvs())

  /** Does what the first finding about the wait says, until there is none. */
  function followed(front: readonly string[], env: Record<string, string>, grace: number) {
    for (let round = 0; round < 5; round++) {
      const entries = Object.entries({ ...env, TERMINATION_GRACE_PERIOD_SECONDS: String(grace) })
      const text = drained(
        entries.map(([name, value]) => variable(name, value)),
        grace,
      )
      const [first] = findings(text, service(), ...front).filter(({ rule }) => rules.includes(rule))
      if (first === undefined) return Object.fromEntries(entries)
      const { fix = '' } = first
      const [, seconds] = /terminationGracePeriodSeconds: (\d+)/.exec(fix) ?? []
      const variables = [...fix.matchAll(/\{ name: (\w+), value: "?([\w-]+)"? \}/g)]
      expect(seconds ?? variables[0], fix).toBeDefined()
      if (seconds !== undefined) grace = Number(seconds)
      for (const [, name = '', value = ''] of variables) env = { ...env, [name]: value }
    }
    throw new Error('lint is never content')
  }

  function starts(env: Record<string, string>) {
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '10.0.0.1')
    for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value)
    const drain = new Drain({ signals: false, logger: false })
    drain.dispose()
  }

  const classes = controllers.flatMap(({ name, ingressClass, gatewayClass, controllers: [start = ''] }) => [
    ...(ingressClass === undefined ? [] : [[name, 'Ingress', start] as const]),
    ...(gatewayClass === undefined ? [] : [[name, 'Gateway', start] as const]),
    ...(ingressClass === undefined && gatewayClass === undefined ? [[name, 'Ingress', start] as const] : []),
  ])
  const starting = [
    {},
    { PODRAIN_BEHIND: 'kube-proxy' },
    { PODRAIN_SETTLE_MIN: '100' },
    { PODRAIN_OPTIONS: '{"settle":{"min":100}}' },
  ]

  test.each(classes)('%s, of an %s', (_, kind, controller) => {
    for (const env of starting) {
      for (const grace of [7, 30, 60, 200]) starts(followed([frontOf(kind, controller)], env, grace))
    }
  })

  test.each(Object.keys(presets))('which is told %s', (behind) => {
    for (const grace of [7, 30, 60, 200]) starts(followed([], { PODRAIN_BEHIND: behind }, grace))
  })
})

/** An Ingress or a Gateway of a controller. */
function frontOf(kind: 'Ingress' | 'Gateway', controller: string): string {
  if (kind === 'Ingress') {
    return `${ingress('edge', 'alb.ingress.kubernetes.io/target-type: ip')}---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: { name: edge }
spec: { controller: ${controller} }
`
  }
  return `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec: { gatewayClassName: edge }
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: { name: edge }
spec: { controllerName: ${controller} }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
`
}
