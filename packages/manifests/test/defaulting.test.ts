import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Environment } from '@marcbachmann/cel-js'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments, stringify } from 'yaml'
import { examine, lint, writeDefaultingPolicy } from '../src/index.js'

interface Expression {
  readonly name: string
  readonly expression: string
}

interface Operation {
  readonly op: string
  readonly path: string
  readonly value: unknown
}

const cel = new Environment({ unlistedVariablesAreDyn: true, enableOptionalTypes: true })

const objects = parseAllDocuments(writeDefaultingPolicy()).map((document) => document.toJS())
const [{ spec: policy }, ...bindings] = objects

/** Numbers as the API server has them: an integer is no double. */
function typed(value: unknown): unknown {
  if (Number.isInteger(value)) return BigInt(value as number)
  if (Array.isArray(value)) return value.map(typed)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, typed(each)]))
}

/** The evaluator makes no objects of a type, only maps: the fields are the same. */
function withMaps(expression: string): string {
  const operation = /\[JSONPatch\{op: (.+?), path: (.+?), value: (.+)\}\] : \[\]/g
  return expression.replace(operation, "[{'op': dyn($1), 'path': dyn($2), 'value': dyn($3)}] : []")
}

/** Numbers and maps as JSON has them. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, each]) => [key, plain(each)]))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]))
}

interface Container {
  readonly name: string
  readonly [key: string]: unknown
}

interface Pod {
  readonly apiVersion: 'v1'
  readonly kind: 'Pod'
  readonly metadata: { readonly name: string; readonly labels?: object; readonly annotations?: object }
  readonly spec: { readonly containers: Container[] }
}

/** The pod as the API server would store it. */
function completed(pod: Pod): Pod {
  const variables: Record<string, unknown> = {}
  const context = { object: typed(pod), variables }
  const evaluate = (expression: string): unknown => cel.evaluate(expression, context)
  if (!policy.matchConditions.every(({ expression }: Expression) => evaluate(expression) === true)) return pod
  for (const { name, expression } of policy.variables as Expression[]) {
    // As in the API server they are evaluated when they are asked for.
    Object.defineProperty(variables, name, { get: () => evaluate(expression), enumerable: true })
  }
  const result = structuredClone(pod)
  for (const { op, path, value } of plain(
    evaluate(withMaps(policy.mutations[0].jsonPatch.expression)),
  ) as Operation[]) {
    expect(op).toBe('add')
    const names = path.split('/').slice(1)
    const last = names.pop() as string
    const parent = names.reduce<object>((place, each) => (place as Record<string, object>)[each] as object, result)
    if (Array.isArray(parent) && last === '-') parent.push(value)
    else Object.assign(parent, { [last]: value })
  }
  return result
}

const podOf = (container: object = {}, spec: object = {}, metadata: object = {}): Pod => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'orders', labels: { app: 'orders' }, ...metadata },
  spec: {
    containers: [
      { name: 'app', image: 'orders:1', ports: [{ name: 'http', containerPort: 8080 }], ...container },
      { name: 'other', image: 'other:1', ports: [{ containerPort: 9999 }] },
    ],
    ...spec,
  },
})

const hook = { preStop: { httpGet: { path: '/prestop', port: 8080 } } }
const grace = (seconds: number) => ({ name: 'TERMINATION_GRACE_PERIOD_SECONDS', value: `${seconds}` })

describe('a pod that asks for the defaults', () => {
  test('gets hook, readiness probe and variables, in one container', () => {
    const pod = podOf({}, { terminationGracePeriodSeconds: 60 })
    const [app, other] = completed(pod).spec.containers
    expect(app).toEqual({
      ...pod.spec.containers[0],
      env: [grace(60)],
      envFrom: [{ configMapRef: { name: 'podrain-defaults', optional: true } }],
      lifecycle: hook,
      readinessProbe: { httpGet: { path: '/readyz', port: 8080 }, periodSeconds: 1, failureThreshold: 3 },
    })
    expect(other).toEqual(pod.spec.containers[1])
  })

  test('is valid then, and lint finds nothing in it', () => {
    const pod = completed(podOf({ livenessProbe: { httpGet: { path: '/livez', port: 'http' } } }))
    expect(examine(pod)).toEqual([])
    const service = `apiVersion: v1\nkind: Service\nmetadata: { name: orders }\nspec: { selector: { app: orders }, ports: [{ port: 80, targetPort: http }] }\n`
    const { findings } = lint([{ file: 'pod.yaml', text: `${stringify(pod)}---\n${service}` }])
    expect(findings).toEqual([])
  })

  test('keeps what it has', () => {
    const own = {
      env: [{ name: 'A', value: 'b' }, grace(25)],
      envFrom: [{ configMapRef: { name: 'mine' } }],
      lifecycle: { preStop: { sleep: { seconds: 5 } }, postStart: { sleep: { seconds: 1 } } },
      readinessProbe: { tcpSocket: { port: 8080 } },
    }
    const pod = podOf(own)
    expect(completed(pod).spec.containers[0]).toEqual({
      ...pod.spec.containers[0],
      envFrom: [...own.envFrom, { configMapRef: { name: 'podrain-defaults', optional: true } }],
    })
    const { lifecycle } = completed(podOf({ lifecycle: { postStart: { sleep: { seconds: 1 } } } })).spec
      .containers[0] as Container
    expect(lifecycle).toEqual({ postStart: { sleep: { seconds: 1 } }, ...hook })
  })

  test('is not completed twice, although its namespace asks as well', () => {
    const once = completed(podOf())
    expect(completed(once)).toEqual(once)
  })

  test.each<[why: string, pod: Pod]>([
    ['on the network of its host, where the kubelet finds no host', podOf({}, { hostNetwork: true })],
    ['with a token, which the hook would not send', podOf({ env: [{ name: 'PODRAIN_TOKEN', value: 'secret' }] })],
    ['with a control port', podOf({ env: [{ name: 'PODRAIN_CONTROL_PORT', value: '9090' }] })],
    ['whose paths are others', podOf({ env: [{ name: 'PODRAIN_ENDPOINTS_PRESTOP', value: '/bye' }] })],
    ['without a port', podOf({ ports: undefined })],
  ])('gets no hook %s', (_, pod) => {
    const [app] = completed(JSON.parse(JSON.stringify(pod))).spec.containers
    expect(app).not.toHaveProperty('lifecycle')
    expect(app?.env).toContainEqual(grace(30))
  })

  test('says which container it is, by an annotation', () => {
    const [app, other] = completed(podOf({}, {}, { annotations: { 'podrain/container': 'other' } })).spec.containers
    expect(app).not.toHaveProperty('lifecycle')
    expect(other).toMatchObject({ lifecycle: { preStop: { httpGet: { port: 9999 } } } })
    const nobody = podOf({}, {}, { annotations: { 'podrain/container': 'nobody' } })
    expect(completed(nobody)).toEqual(nobody)
  })

  test('and says no where its namespace says yes', () => {
    const pod = podOf({}, {}, { labels: { 'podrain/defaults': 'false' } })
    expect(completed(pod)).toEqual(pod)
  })
})

describe('the policy', () => {
  test('is for namespaces and pods with the label, and for no other', () => {
    const selector = { matchLabels: { 'podrain/defaults': 'true' } }
    expect(bindings.map(({ spec }) => spec)).toEqual([
      { policyName: 'podrain-defaults', matchResources: { namespaceSelector: selector } },
      { policyName: 'podrain-defaults', matchResources: { objectSelector: selector } },
    ])
  })

  test('has objects of a schema that Kubernetes knows', () => {
    for (const object of objects) expect(examine(object)).toEqual([])
  })

  test('is the example for operators', () => {
    const file = join(__dirname, '..', '..', '..', 'examples', 'operators', 'defaults.yaml')
    expect(readFileSync(file, 'utf8')).toBe(writeDefaultingPolicy())
  })

  test('takes the name of another ConfigMap, and refuses an invalid name', () => {
    expect(writeDefaultingPolicy({ configMap: 'drain.shop' })).toContain(
      `{'configMapRef': {'name': dyn('drain.shop'), 'optional': dyn(true)}}`,
    )
    expect(() => writeDefaultingPolicy({ configMap: 'a"b' })).toThrow('Expected `configMap` to be the name')
  })
})
