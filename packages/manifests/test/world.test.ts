import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import { describe, expect, test } from 'vitest'
import { examine, lint, readSources, renderGithub, renderHuman, renderSarif } from '../src/index.js'
import { directory } from './directory.js'

const pod = (name: string, more = '') => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: 2
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      containers:
        - name: ${name}
          image: ${name}:1
${more}`
const service = (name: string, spec = '') =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { selector: { app: ${name} }, ports: [{ port: 80 }]${spec} }\n`
const found = (...texts: string[]) => lint(texts.map((text, index) => ({ file: `${index}.yaml`, text }))).findings

describe('what belongs together', () => {
  // Not every autoscaler with every pod, and that for every autoscaler: a whole cluster in one file would take minutes.
  test('is found among hundreds of apps, each with its own autoscaler', () => {
    const names = Array.from({ length: 300 }, (_, index) => `web${index}`)
    const scaler = (name: string) =>
      `apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\nmetadata: { name: ${name} }\nspec: { scaleTargetRef: { kind: Deployment, name: ${name} }, minReplicas: 1, maxReplicas: 3 }\n`
    const text = names.map((name) => [pod(name), service(name), scaler(name)].join('---\n')).join('---\n')
    const least = found(text).filter(({ rule }) => rule === 'autoscaler-leaves-one')
    expect(least.map(({ resource }) => resource)).toEqual(names.map((name) => `HorizontalPodAutoscaler/${name}`))
  })

  test('is found across files', () => {
    expect(found(pod('web')).map(({ rule }) => rule)).toEqual([])
    expect(found(pod('web'), service('web')).map(({ rule, file }) => [rule, file])).toContainEqual([
      'no-hook',
      '0.yaml',
    ])
    expect(found(pod('web'), service('other'))).toEqual([])
  })

  test('is not in two namespaces', () => {
    const inNamespace = (text: string, namespace: string) =>
      text.replace('metadata: {', `metadata: { namespace: ${namespace},`)
    expect(found(inNamespace(pod('web'), 'a'), inNamespace(service('web'), 'b'))).toEqual([])
    expect(found(inNamespace(pod('web'), 'a'), inNamespace(service('web'), 'a'))).not.toEqual([])
  })

  test('stands where it was written, in a List or behind an alias', () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n  - &web\n${pod('web', '          command: ["npm", "start"]\n').replace(/^/gm, '    ').trimEnd()}\n`
    expect(found(list)).toEqual([
      expect.objectContaining({ rule: 'package-manager', line: 17, column: 15, resource: 'Deployment/web' }),
    ])
    const aliased = `${pod('web', '          env: &env\n            - { name: PORT, value: 8080 }\n        - name: b\n          image: b:1\n          env: *env\n')}`
    const both = found(aliased)
    expect(both.map(({ rule, line }) => [rule, line])).toEqual([
      ['wrong-type', 14],
      ['wrong-type', 14],
    ])
    // Both name the same place; the one that is shared must not be edited twice.
    expect(both.filter(({ edits }) => edits !== undefined)).toHaveLength(1)
  })

  test('the slowest load balancer in front counts, and what says so is named', () => {
    const ingress = (name: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: ${name}, annotations: { alb.ingress.kubernetes.io/target-type: ip } }\nspec:\n  ingressClassName: ${name}\n  defaultBackend: { service: { name: web, port: { number: 80 } } }\n`
    const hook = '          lifecycle: { preStop: { sleep: { seconds: 20 } } }\n'
    const settle = (...ingresses: string[]) =>
      found(pod('web', hook), service('web'), ...ingresses.map(ingress)).find(
        ({ rule }) => rule === 'hook-shorter-than-settle',
      )?.message
    expect(settle('nginx')).toBeUndefined()
    expect(settle('alb')).toBe(
      'The hook takes 20 s, but aws-alb needs 30 s to stop routing to the pod: Ingress/alb (class alb)',
    )
    expect(settle('nginx', 'gce')).toContain('gke-neg needs 40 s to stop routing to the pod: Ingress/gce (class gce)')
  })

  test('a VirtualService and a Gateway of GKE show what routes to the pod, and what leads to /prestop', () => {
    const hook = (lifecycle: string) => `          lifecycle: { preStop: { ${lifecycle} } }\n`
    const gateway = `apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: { name: edge }
spec: { gatewayClassName: gke-l7-global-external-managed }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web }
spec: { parentRefs: [{ name: edge }], rules: [{ backendRefs: [{ name: web, port: 80 }] }] }
`
    const messages = (...texts: string[]) => found(...texts).map(({ rule, message }) => `${rule}: ${message}`)
    expect(messages(pod('web', hook('sleep: { seconds: 10 }')), service('web'), gateway)).toContain(
      'hook-shorter-than-settle: The hook takes 10 s, but gke-neg needs 40 s to stop routing to the pod: Gateway/edge (class gke-l7-global-external-managed)',
    )
    const virtual = (uri: string) =>
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: { name: edge }\nspec: { http: [{ match: [{ uri: ${uri} }], route: [{ destination: { host: web.shop.svc.cluster.local } }] }] }\n`
    const exposed = (uri: string) =>
      messages(pod('web', hook('httpGet: { path: /prestop, port: 80 }')), service('web'), virtual(uri)).filter((each) =>
        each.startsWith('prestop-exposed'),
      )
    expect(exposed('{ prefix: / }')).toEqual([])
    expect(exposed('{ exact: /prestop }')).toEqual([expect.stringContaining('VirtualService/edge has a route to')])
    expect(exposed('{ prefix: /orders }')).toEqual([])
  })

  test('is found by labels that are merged in', () => {
    const merged = pod('web').replace('labels: { app: web }', 'labels: { <<: &all { app: web }, version: v1 }')
    expect(found(merged, service('web')).map(({ rule }) => rule)).toContain('no-hook')
  })

  test('what the caller says comes before what the files show', () => {
    const text = `${pod('web', '          lifecycle: { preStop: { sleep: { seconds: 20 } } }\n')}---\n${service('web')}`
    const look = (facts: object) => lint([{ file: 'x.yaml', text }], facts).findings.map(({ rule }) => rule)
    expect(look({})).toEqual(['no-pdb', 'no-spread', 'no-readiness'])
    expect(look({ behind: 'aws-alb' })).toContain('hook-shorter-than-settle')
    expect(look({ longestRequest: 20_000 })).toContain('hook-leaves-little')
  })
})

describe('YAML as Kubernetes reads it', () => {
  test('yes is true, and times and dates are strings', () => {
    const env = (value: string) =>
      found(pod('web', `          env: [{ name: A, value: ${value} }]\n`)).map(({ message }) => message)
    expect(env('yes')).toEqual([expect.stringContaining('has to be a string, got boolean yes')])
    expect(env('12:30')).toEqual([])
    expect(env('2026-01-01')).toEqual([])
  })

  test('what is no YAML is told with its place, and the rest is looked at', () => {
    const { problems, findings } = lint([
      { file: 'x.yaml', text: `a: [\n---\n${pod('web', '          command: [npm, start]\n')}` },
    ])
    expect(problems).toEqual([expect.objectContaining({ file: 'x.yaml', line: expect.any(Number) })])
    expect(findings.map(({ rule }) => rule)).toEqual(['package-manager'])
  })

  test('null is the same as a missing value', () => {
    expect(found(pod('web', '          imagePullPolicy:\n          envFrom:\n'))).toEqual([])
  })

  test('an invalid quantity is reported as one', () => {
    expect(found(pod('web', '          resources: { limits: { memory: 128MB } }\n'))).toMatchObject([
      {
        rule: 'wrong-value',
        message: expect.stringContaining('limits.memory` has to be a quantity, got the string "128MB"'),
      },
    ])
  })

  test('nesting that is too deep is reported', () => {
    const deep = `kind: Pod\nspec: ${'['.repeat(50_000)}`
    expect(lint([{ file: 'x.yaml', text: deep }]).problems).toMatchObject([
      { line: 2, message: expect.stringMatching(/too deep/) },
    ])
  })

  test('endless aliases are ignored', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x]',
      ...'bcdefghij'
        .split('')
        .map((name, index) => `${name}: &${name} [${Array(9).fill(`*${'abcdefghij'[index]}`).join(', ')}]`),
    ].join('\n')
    expect(
      lint([{ file: 'x.yaml', text: `kind: Deployment\napiVersion: apps/v1\nspec:\n${bomb.replace(/^/gm, '  ')}` }])
        .problems,
    ).toEqual([])
  })
})

describe('files', () => {
  test('a directory is read with all manifests in it, in order', () => {
    const at = directory({
      'b.yml': 'kind: B',
      'a.yaml': 'kind: A',
      'deep/er/c.json': '{ "kind": "C" }',
      'settings.json': '{ // not even JSON\n}',
      'values.yaml': 'replicas: 2',
      'notes.md': 'kind: note',
      'node_modules/x.yaml': 'kind: X',
      'package.json': '{ "kind": "package" }',
    })
    // Whoever names a file twice, or in two ways, means it once.
    expect(
      readSources([at, join(at, 'a.yaml'), `${at}/./b.yml`]).sources.map(({ file }) => file.slice(at.length + 1)),
    ).toEqual(['a.yaml', 'b.yml', 'deep/er/c.json'])
  })
})

describe('told', () => {
  const sources = [
    { file: 'k8s/web.yaml', text: pod('web', '          readinesProbe: {}\n          command: ["npm", "start"]\n') },
  ]
  const result = lint(sources)

  test('for people: place, sum, line and way out', () => {
    expect(renderHuman(result, sources, { colour: false })).toContain(
      'k8s/web.yaml:14:11 warning Container `web` starts',
    )
    expect(renderHuman(result, sources, { colour: false })).toContain(
      '> 13 |           readinesProbe: {}\n       |           ^^^^^^^^^^^^^\n',
    )
    expect(renderHuman(result, sources, { colour: false })).toMatch(/1 error, 1 warning in 1 document\.$/)
    expect(renderHuman(lint([{ file: 'x', text: 'a: 1' }]), [], { colour: false })).toBe(
      'There is no pod in 1 document: nothing to look at.',
    )
  })

  test('for GitHub: one command for each, with what would end it escaped', () => {
    const [first] = renderGithub(result).split('\n')
    expect(first).toMatch(
      /^::error file=k8s\/web\.yaml,line=13,endLine=13,col=11,endColumn=24,title=podrain unknown-key::/,
    )
    expect(renderGithub(result).trim().split('\n')).toHaveLength(2)
    expect(first).toContain('%0A→')
  })

  test('as SARIF: every result is of a rule that is described, and has a region', () => {
    const log = JSON.parse(renderSarif(result, '1.2.3'))
    expect(log).toMatchObject({
      version: '2.1.0',
      runs: [{ tool: { driver: { name: 'podrain lint', semanticVersion: '1.2.3' } } }],
    })
    const [{ results, tool }] = log.runs
    expect(results).toHaveLength(2)
    for (const each of results) {
      expect(tool.driver.rules[each.ruleIndex].id).toBe(each.ruleId)
      expect(each.level).toBe(each.ruleId === 'unknown-key' ? 'error' : 'warning')
      const [{ physicalLocation }] = each.locations
      expect(physicalLocation.artifactLocation.uri).toBe('k8s/web.yaml')
      expect(physicalLocation.region.startLine).toBeGreaterThan(0)
    }
  })

  test('as SARIF that the published schema has nothing against', () => {
    const ajv = new Ajv({ strict: false, unicodeRegExp: false })
    addFormats(ajv)
    const schema = require.resolve('schemastore/schemas/json/sarif-2.1.0.json')
    const validate = ajv.compile(JSON.parse(readFileSync(schema, 'utf8')))
    const text = sources[0]?.text ?? ''
    const logs = ['web.yaml', './a b#c?.yaml', 'C:\\k8s\\<web>.yaml', '<stdin>'].map((file) =>
      lint(
        [
          { file, text: `# podrain-ignore unknown-key: it is known here\n${text}` },
          { file: `${file}2`, text: 'a: [' },
        ],
        { ignore: [{ rule: 'package-manager', reason: 'a wrapper' }] },
      ),
    )
    for (const log of [...logs, result]) {
      expect(log.problems.length + log.findings.length + log.ignored.length).toBeGreaterThan(0)
      validate(JSON.parse(renderSarif(log, '1.2.3')))
      expect(validate.errors).toBeNull()
    }
    // It would say so.
    expect(validate({ version: '2.1.0', runs: [{ results: [] }] })).toBe(false)
  })
})

describe('examine', () => {
  const container = (more: object) =>
    examine({ apiVersion: 'v1', kind: 'Pod', spec: { containers: [{ name: 'a', ...more }] } })

  test('says what a published schema has against an object', () => {
    expect(container({ image: 'a:1' })).toEqual([])
    expect(container({ image: 1 })).toEqual(['spec.containers.0.image must be string'])
    expect(container({ lifecycle: { prestop: {} } })).toEqual(['spec.containers.0.lifecycle.prestop is unknown'])
    const scaled = {
      apiVersion: 'keda.sh/v1alpha1',
      kind: 'ScaledObject',
      spec: { scaleTargetRef: { name: 'a' }, triggers: 1 },
    }
    expect(examine(scaled)).toEqual(['spec.triggers must be array'])
  })

  test('says when there is none', () => {
    expect(examine({ apiVersion: 'example.com/v1', kind: 'Task' })).toBeUndefined()
    expect(examine({ apiVersion: 'apps/v1', kind: 'Deploymnt' })).toBeUndefined()
  })
})
