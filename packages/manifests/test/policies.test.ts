import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Environment } from '@marcbachmann/cel-js'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { examine, hookKinds, lint, type PolicyOptions, ruleIds, writeManifest, writePolicies } from '../src/index.js'
import { read } from '../src/read/reading.js'
import { conditions } from '../src/write/admission.js'
import { severityOf } from '../src/write/policies.js'
import { exampleOf } from './examples.js'

interface Expression {
  readonly name?: string
  readonly expression: string
  readonly message?: string
  readonly messageExpression?: string
}

interface Policy {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly spec: {
    readonly failurePolicy: string
    readonly matchConstraints: {
      readonly resourceRules: ReadonlyArray<{ readonly apiGroups: string[]; readonly resources: string[] }>
    }
    readonly matchConditions: readonly Expression[]
    readonly variables?: readonly Expression[]
    readonly validations: readonly Expression[]
  }
}

interface Object {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: { readonly name: string; readonly ownerReferences?: object[] }
  readonly spec: object
}

const objectsIn = (text: string) => parseAllDocuments(text).map((document) => document.toJS())
const policies = objectsIn(writePolicies()).filter(({ kind }) => kind === 'ValidatingAdmissionPolicy') as Policy[]
const cel = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })

/** Numbers as the API server has them: an integer is no double. */
function typed(value: unknown): unknown {
  if (Number.isInteger(value)) return BigInt(value as number)
  if (Array.isArray(value)) return value.map(typed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, each]) => (each === null ? [] : [[key, typed(each)]])))
}

function isConcerned({ spec }: Policy, { apiVersion, kind }: Object): boolean {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : ''
  return spec.matchConstraints.resourceRules.some(
    ({ apiGroups, resources }) => apiGroups.includes(group ?? '') && resources.includes(`${kind.toLowerCase()}s`),
  )
}

/** What the policies have against an object: their messages. */
function denials(object: Object, severity: string, oldObject?: Object): string[] {
  const operation = oldObject === undefined ? 'CREATE' : 'UPDATE'
  return policies
    .filter((policy) => policy.metadata.name.endsWith(`-${severity}`) && isConcerned(policy, object))
    .flatMap(({ spec }) => {
      const variables: Record<string, unknown> = {}
      const context = { object: typed(object), oldObject: typed(oldObject ?? {}), request: { operation }, variables }
      const evaluate = (expression: string) => cel.evaluate(expression, context)
      if (!spec.matchConditions.every(({ expression }) => evaluate(expression) === true)) return []
      for (const { name = '', expression } of spec.variables ?? []) variables[name] = evaluate(expression)
      return spec.validations.flatMap(({ expression, message, messageExpression }) => {
        if (evaluate(expression) === true) return []
        return [String(messageExpression === undefined ? message : evaluate(messageExpression))]
      })
    })
}

const ruleOf = (message: string) => /^podrain ([a-z-]+): /.exec(message)?.[1] ?? message

const corpus = join(__dirname, 'corpus')
const texts = [
  ...readdirSync(corpus, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.ya?ml$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(corpus, file), 'utf8') })),
  ...ruleIds.flatMap((id) => [
    { file: `${id}, fails`, text: exampleOf(id).fails },
    { file: `${id}, passes`, text: exampleOf(id).passes },
  ]),
]

/** Whole objects that an API server would have: a patch never comes there, nor what its schema refuses. */
function whole(source: { file: string; text: string }): Object[] {
  const { worlds } = read([source])
  const isWhole = (resource: object) =>
    worlds.flatMap(({ pods }) => pods).every((pod) => pod.resource !== resource || pod.isWhole)
  return worlds
    .flatMap(({ resources }) => resources.filter(isWhole))
    .map(({ place }) => place.value as Object)
    .filter((object) => policies.some((policy) => isConcerned(policy, object)) && examine(object)?.length === 0)
}

type Severity = 'error' | 'warning'

/** Holds the policies to the linter: what they refuse it finds, and what it finds they refuse, unless they only see a part of it. */
function compare(source: { file: string; text: string }, severity: Severity): number {
  const own = conditions.filter((each) => severityOf(each) === severity)
  const { findings, ignored } = lint([source])
  let count = 0
  for (const object of whole(source)) {
    const label = `${object.kind}/${object.metadata.name}`
    const linted = new Set(
      [...findings, ...ignored]
        .filter((each) => each.resource === label && each.severity === severity)
        .map(({ rule }) => rule),
    )
    const denied = new Set(denials(object, `${severity}s`).map(ruleOf))
    count += denied.size
    for (const { rule, isPart } of own) {
      const [isDenied, isFound] = [denied.has(rule), linted.has(rule)]
      const told = `${source.file}, ${label}: ${rule} is ${isDenied ? '' : 'not '}refused, and ${isFound ? '' : 'not '}found\n${source.text}`
      expect(isDenied ? isFound : isPart === true || !isFound, told).toBe(true)
    }
  }
  return count
}

test('the policies refuse what lint calls an error, and nothing else, in every manifest of the tests', () => {
  expect(texts.reduce((sum, source) => sum + compare(source, 'error'), 0)).toBeGreaterThan(10)
})

test('they warn of what lint warns of, and of nothing else, in every manifest of the tests', () => {
  expect(texts.reduce((sum, source) => sum + compare(source, 'warning'), 0)).toBeGreaterThan(0)
})

describe('whatever there is in a pod', () => {
  const port = fc.constantFrom('http', 'other', 8080, 9999)
  const path = fc.constantFrom('/prestop', '/prestop/', '/prestop?a=b', '/x/prestop', '/readyz', '/readyz/', '/livez')
  const request = fc.record(
    {
      path,
      port,
      host: fc.constantFrom('localhost', '127.0.0.1', '::1', '10.0.0.1', 'fe80::1'),
      httpHeaders: fc.constantFrom(
        [{ name: 'authorization', value: 'Bearer secret' }],
        [{ name: 'Authorization', value: 'Bearer $(PODRAIN_TOKEN)' }],
        [{ name: 'Authorization', value: 'Bearer other' }],
        [{ name: 'X-A', value: 'b' }],
      ),
    },
    { requiredKeys: ['path', 'port'] },
  )
  const command = fc.constantFrom(
    ['sleep', '10'],
    ['sleep', '40'],
    ['/bin/sh', '-c', 'sleep 30'],
    ['sh', '-c', 'sleep 5'],
    ['sleep 10'],
    ['node', 'node_modules/@podrain/core/dist/podrain-prestop.js'],
    ['node', 'podrain-prestop.js', '/run/app.sock'],
    ['npm', 'start'],
    ['npm', 'ci'],
    ['node', 'server.js'],
  )
  const hook = fc.oneof(
    fc.record({ httpGet: request }),
    fc.record({ exec: fc.record({ command }) }),
    fc.record({ sleep: fc.record({ seconds: fc.constantFrom(1, 10, 29, 30, 31) }) }),
    fc.record({ tcpSocket: fc.record({ port }) }),
  )
  const probe = fc.record(
    {
      failureThreshold: fc.constantFrom(1, 3),
      timeoutSeconds: fc.constantFrom(1, 5),
    },
    { requiredKeys: [] },
  )
  const probed = fc
    .tuple(
      probe,
      fc.oneof(fc.record({ httpGet: fc.record({ path, port }) }), fc.record({ tcpSocket: fc.record({ port }) })),
    )
    .map(([one, other]) => ({ ...one, ...other }))
  const env = fc.constantFrom(
    [{ name: 'TERMINATION_GRACE_PERIOD_SECONDS', value: '30' }],
    [{ name: 'TERMINATION_GRACE_PERIOD_SECONDS', value: '10.5' }],
    [{ name: 'TERMINATION_GRACE_PERIOD_SECONDS', valueFrom: { fieldRef: { fieldPath: 'metadata.name' } } }],
    [{ name: 'PODRAIN_TOKEN', value: 'secret' }],
    [{ name: 'PODRAIN_TOKEN', valueFrom: { secretKeyRef: { name: 'a', key: 'b' } } }],
    [{ name: 'PODRAIN_SOCKET', value: '/tmp/x.sock' }],
  )
  const container = (name: string) =>
    fc
      .record(
        {
          ports: fc.constantFrom([{ name: 'http', containerPort: 8080 }], [{ containerPort: 9999 }]),
          command,
          env,
          lifecycle: fc.record({ preStop: hook, postStart: hook }, { requiredKeys: [] }),
          livenessProbe: probed,
          readinessProbe: probed,
          startupProbe: probed,
          securityContext: fc.record({ readOnlyRootFilesystem: fc.boolean() }),
          volumeMounts: fc.constantFrom([{ name: 'a', mountPath: '/tmp/' }], [{ name: 'a', mountPath: '/data' }]),
        },
        { requiredKeys: [] },
      )
      .map((rest) => ({ name, image: 'app:1', ...rest }))
  const spec = fc.record(
    {
      containers: fc.tuple(container('app'), container('proxy')).map(([app, proxy]) => [app, proxy]),
      initContainers: container('sidecar').map((sidecar) => [{ ...sidecar, restartPolicy: 'Always' }]),
      terminationGracePeriodSeconds: fc.constantFrom(0, 1, 10, 30, 60),
      hostNetwork: fc.boolean(),
    },
    { requiredKeys: ['containers'] },
  )
  const template = fc.record({
    metadata: fc.constantFrom<object>(
      { labels: { app: 'web' } },
      { labels: { app: 'web' }, annotations: { 'podrain/container': 'proxy' } },
    ),
    spec,
  })
  const object = fc.oneof(
    fc.tuple(template, fc.constantFrom('25%', '100%', 3), fc.constantFrom(1, 3)).map(([template, most, replicas]) => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: {
        replicas,
        selector: { matchLabels: { app: 'web' } },
        strategy: { rollingUpdate: { maxUnavailable: most } },
        template,
      },
    })),
    template.map((template) => ({
      apiVersion: 'batch/v1',
      kind: 'CronJob',
      metadata: { name: 'web' },
      spec: {
        schedule: '0 * * * *',
        jobTemplate: { spec: { template: { ...template, spec: { ...template.spec, restartPolicy: 'Never' } } } },
      },
    })),
    template.map(({ metadata, spec }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'web', ...metadata },
      spec,
    })),
  )

  test.each(['error', 'warning'] as const)('policies and linter agree about each %s', (severity) => {
    let refused = 0
    fc.assert(
      fc.property(object, (each) => {
        refused += compare({ file: 'x.json', text: JSON.stringify(each) }, severity)
      }),
      { numRuns: 300 },
    )
    expect(refused).toBeGreaterThan(50)
  })
})

test.each(conditions.filter(({ isPart }) => !isPart).map((each) => [each.rule, severityOf(each)] as const))(
  '%s is refused in its example where lint says %s',
  (rule, severity) => {
    const { fails, passes } = exampleOf(rule)
    const found = (text: string) => objectsIn(text).flatMap((each: Object) => denials(each, `${severity}s`).map(ruleOf))
    const { findings } = lint([{ file: 'x.yaml', text: fails }])
    expect(found(fails).includes(rule)).toBe(findings.some((each) => each.rule === rule && each.severity === severity))
    expect(found(passes)).not.toContain(rule)
  },
)

const budget = (limits: object): Object => ({
  apiVersion: 'policy/v1',
  kind: 'PodDisruptionBudget',
  metadata: { name: 'web' },
  spec: { selector: { matchLabels: { app: 'web' } }, ...limits },
})

test.each<[string, object, string[]]>([
  ['maxUnavailable 0', { maxUnavailable: 0 }, ['pdb-blocks']],
  ['maxUnavailable 0%', { maxUnavailable: '0%' }, ['pdb-blocks']],
  ['minAvailable 100%', { minAvailable: '100%' }, ['pdb-blocks']],
  ['minAvailable 0', { minAvailable: 0 }, ['pdb-permits-all']],
  ['maxUnavailable 100%', { maxUnavailable: '100%' }, ['pdb-permits-all']],
  ['no limit', {}, ['pdb-both-limits']],
  ['maxUnavailable 1', { maxUnavailable: 1 }, []],
])('a budget with %s', (_, limits, expected) => {
  const object = budget(limits)
  expect(denials(object, 'warnings').map(ruleOf)).toEqual(expected)
  expect(compare({ file: 'x.json', text: JSON.stringify(object) }, 'warning')).toBe(expected.length)
})

describe('a policy', () => {
  const [deployment] = objectsIn(exampleOf('hook-port').fails) as [Object]

  test('names the rule, what it is about, and the container', () => {
    expect(denials(deployment, 'errors')).toEqual([
      'podrain hook-port: A hook on a port that no container has: container app',
    ])
  })

  test('leaves alone what somebody else makes, and old objects whose spec stays as it is', () => {
    const { metadata } = deployment
    const made = { ...deployment, metadata: { ...metadata, ownerReferences: [{ kind: 'Rollout' }] } }
    expect(denials(made, 'errors')).toEqual([])
    expect(denials({ ...deployment, metadata: { ...metadata, name: 'other' } }, 'errors', deployment)).toEqual([])
    expect(denials(deployment, 'errors', { ...deployment, spec: {} })).toHaveLength(1)
  })

  test('lets through what podrain manifest writes', () => {
    for (const hook of hookKinds) {
      for (const object of objectsIn(writeManifest({ name: 'web', image: 'web:1', hook })) as Object[]) {
        for (const severity of ['errors', 'warnings'] as const) expect(denials(object, severity)).toEqual([])
      }
    }
  })

  test('has an object of a schema that Kubernetes knows, and a binding', () => {
    const objects = objectsIn(writePolicies())
    for (const object of objects) expect(examine(object)).toEqual([])
    expect(objects.filter(({ kind }) => kind.endsWith('Binding')).map(({ spec }) => spec.policyName)).toEqual(
      policies.map(({ metadata }) => metadata.name),
    )
  })
})

describe('policies', () => {
  const bindings = (options: PolicyOptions) =>
    objectsIn(writePolicies(options)).filter(({ kind }) => kind === 'ValidatingAdmissionPolicyBinding')
  const actionsOf = (options: PolicyOptions, ending: string) =>
    new Set(
      bindings(options)
        .filter(({ metadata }) => metadata.name.endsWith(ending))
        .flatMap(({ spec }) => spec.validationActions),
    )

  test.each([
    ['warn', 'Warn', 'Warn'],
    ['audit', 'Audit', 'Audit'],
    ['deny', 'Deny', 'Warn'],
  ] as const)('with %s answer an error with %s, and a warning with %s', (action, error, warning) => {
    expect(actionsOf({ action }, '-errors')).toEqual(new Set([error]))
    expect(actionsOf({ action }, '-warnings')).toEqual(new Set([warning]))
  })

  test('are for all namespaces but those of Kubernetes, or for those with the labels that are asked for', () => {
    const selectors = (options: PolicyOptions) =>
      bindings(options).map(({ spec }) => spec.matchResources.namespaceSelector)
    for (const { matchExpressions } of selectors({})) expect(matchExpressions[0].values).toContain('kube-system')
    for (const selector of selectors({ namespaceLabels: { env: 'prod' } })) {
      expect(selector).toEqual({ matchLabels: { env: 'prod' } })
    }
  })

  test('that cannot be evaluated refuse, or let through', () => {
    const failures = (options: PolicyOptions) =>
      new Set(objectsIn(writePolicies(options)).flatMap(({ spec }) => spec.failurePolicy ?? []))
    expect(failures({})).toEqual(new Set(['Fail']))
    expect(failures({ failurePolicy: 'ignore' })).toEqual(new Set(['Ignore']))
  })

  test.each([
    ['action', { action: 'refuse' as 'deny' }, /`action` to be one of warn, audit, deny, got `refuse`/],
    ['failurePolicy', { failurePolicy: 'Fail' as 'fail' }, /`failurePolicy` to be fail or ignore, got `Fail`/],
  ])('are not written with an unknown %s', (_, options, message) => {
    expect(() => writePolicies(options)).toThrow(message)
  })
})
