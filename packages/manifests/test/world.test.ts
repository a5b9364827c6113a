import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { lint, readSources, renderGithub, renderHuman, renderSarif } from '../src/index.js'

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
      `apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: { name: ${name} }\nspec:\n  ingressClassName: ${name}\n  defaultBackend: { service: { name: web, port: { number: 80 } } }\n`
    const hook = '          lifecycle: { preStop: { sleep: { seconds: 20 } } }\n'
    const settle = (...ingresses: string[]) =>
      found(pod('web', hook), service('web'), ...ingresses.map(ingress)).find(
        ({ rule }) => rule === 'hook-shorter-than-settle',
      )?.message
    expect(settle('nginx')).toBeUndefined()
    expect(settle('alb')).toBe('The hook takes 20 s, but aws-alb needs 30 s to stop sending: Ingress/alb (class alb)')
    expect(settle('nginx', 'gce')).toContain('gke-neg needs 40 s to stop sending: Ingress/gce (class gce)')
  })

  test('what the caller says comes before what the files show', () => {
    const text = `${pod('web', '          lifecycle: { preStop: { sleep: { seconds: 20 } } }\n')}---\n${service('web')}`
    const look = (facts: object) => lint([{ file: 'x.yaml', text }], facts).findings.map(({ rule }) => rule)
    expect(look({})).toEqual(['no-pdb', 'no-readiness'])
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

  test('aliases without end are none of our business', () => {
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
  function directory(files: Record<string, string>): string {
    const at = mkdtempSync(join(tmpdir(), 'podrain-'))
    for (const [file, text] of Object.entries(files)) {
      mkdirSync(join(at, file, '..'), { recursive: true })
      writeFileSync(join(at, file), text)
    }
    return at
  }

  test('a directory is read with all that is in it, in order', () => {
    const at = directory({
      'b.yml': 'b: 1',
      'a.yaml': 'a: 1',
      'deep/er/c.json': '{}',
      'notes.md': '',
      'node_modules/x.yaml': '',
      'package.json': '{}',
    })
    expect(readSources([at]).sources.map(({ file }) => file.slice(at.length + 1))).toEqual([
      'a.yaml',
      'b.yml',
      'deep/er/c.json',
    ])
  })

  test('templates of Helm are passed over, with a word', () => {
    const at = directory({
      'chart/Chart.yaml': 'name: web',
      'chart/templates/deployment.yaml': 'kind: Deployment\nmetadata:\n  name: {{ .Release.Name }}\n',
      'chart/templates/pdb.yaml': '{{- if .Values.pdb }}\nkind: PodDisruptionBudget\n{{- end }}\n',
      'alerts.yaml': 'kind: ConfigMap\ndata:\n  text: "{{ .Labels.name }}"\n',
    })
    const { sources, skipped } = readSources([at])
    expect(sources.map(({ file }) => file.slice(at.length + 1))).toEqual(['alerts.yaml', 'chart/Chart.yaml'])
    expect(skipped.map(({ file }) => file.slice(at.length + 1))).toEqual([
      'chart/templates/deployment.yaml',
      'chart/templates/pdb.yaml',
    ])
    expect(skipped[0]?.why).toContain('helm template')
  })
})

describe('told', () => {
  const sources = [
    { file: 'k8s/web.yaml', text: pod('web', '          readinesProbe: {}\n          command: ["npm", "start"]\n') },
  ]
  const result = lint(sources)

  test('for people: place, sum, line and way out', () => {
    expect(renderHuman(result, sources, { colour: false })).toContain(
      `k8s/web.yaml:13:11 error Container \`web\` starts`.replace('13', '14'),
    )
    expect(renderHuman(result, sources, { colour: false })).toContain(
      '> 13 |           readinesProbe: {}\n       |           ^^^^^^^^^^^^^\n',
    )
    expect(renderHuman(result, sources, { colour: false })).toMatch(/2 errors in 1 document\.$/)
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
      expect(each.level).toBe('error')
      const [{ physicalLocation }] = each.locations
      expect(physicalLocation.artifactLocation.uri).toBe('k8s/web.yaml')
      expect(physicalLocation.region.startLine).toBeGreaterThan(0)
    }
  })
})
