import { chmodSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import {
  fix,
  type LintResult,
  lint,
  readSources,
  renderGithub,
  renderHuman,
  renderJson,
  renderSarif,
} from '../src/index.js'
import { directory } from './directory.js'

/** What is found there, with files as they are called within it. */
function look(root: string): LintResult {
  const { sources, skipped } = readSources([root])
  const short = <Each extends { file: string }>(all: readonly Each[]) =>
    all.map((each) => ({ ...each, file: each.file.slice(root.length + 1) }))
  const result = lint(sources, { skipped })
  return { ...result, findings: short(result.findings), skipped: short(result.skipped) }
}

const told = ({ findings }: LintResult) => findings.map(({ file, line, rule }) => `${file}:${line} ${rule}`)
const places = ({ skipped }: LintResult) => skipped.map(({ file, line, what }) => `${file}:${line} ${what}`)

/** A pod whose process gets no SIGTERM, and whose hook takes too long. */
const pod = (indent: string) =>
  `template:
  metadata: { labels: { app: web } }
  spec:
    terminationGracePeriodSeconds: 10
    containers:
      - name: web
        image: web:1
        command: [npm, start]
        lifecycle: { preStop: { sleep: { seconds: 25 } } }
`.replace(/^(?=.)/gm, indent)

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
${pod('  ')}`

describe('what has a template is', () => {
  test('read where only its strings are for another program, as in rules of Prometheus', () => {
    const rule = `---
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: { name: web }
spec:
  groups:
    - name: web
      rules:
        - alert: Slow
          annotations:
            summary: 'Pod {{ $labels.pod }}
            is slow'
            description: |
              {{ range query "up" }}{{ .Value }}{{ end }}
`
    const result = look(directory({ 'web.yaml': `${deployment}${rule}` }))
    expect(told(result)).toEqual(['web.yaml:13 package-manager', 'web.yaml:14 hook-outlasts-grace'])
    expect(places(result)).toEqual([])
  })

  test.each([
    ['a template with `{{ }}`, as of Helm', 'name: {{ .Values.name }}'],
    ['a template with `{{ }}`, as of Helm', '{{- if .Values.on }}\n  name: web\n  {{- end }}'],
    ['a Jinja template', '{% if on %}\n  name: web\n  {% endif %}'],
    ['a Jinja template', 'name: {{ name | default("web") }}'],
    ['an ERB template', '<% if on %>\n  name: web\n  <% end %>'],
    ['a Go template in `[[ ]]`', '[[ if .On ]]\n  name: web\n  [[ end ]]'],
    ['a template with `@NAME@`', 'name: @NAME@'],
    ['a template with `%NAME%`', 'name: %NAME%'],
  ])('skipped where it is no YAML yet, with what else is in the file judged: %s, %j', (what, lines) => {
    const result = look(
      directory({ 'web.yaml': `${deployment}---\napiVersion: v1\nkind: Service\nmetadata:\n  ${lines}\n` }),
    )
    expect(told(result)).toEqual(['web.yaml:13 package-manager', 'web.yaml:14 hook-outlasts-grace'])
    expect(places(result)).toEqual([`web.yaml:16 ${what}`])
    expect(result.problems).toEqual([])
  })

  test('no template because it has one in a string: a mistake elsewhere is told', () => {
    const result = look(directory({ 'web.yaml': 'apiVersion: v1\nkind: ConfigMap\na: "{{ .x }}"\nb: [c\n' }))
    expect(result.problems).toEqual([expect.objectContaining({ line: 5 })])
    expect(places(result)).toEqual([])
  })

  test('not judged by values that are filled in later', () => {
    const text = deployment.replace('25', '"{{ .Values.wait }}"').replace('[npm, start]', '"<%= command %>"')
    expect(told(look(directory({ 'web.yaml': text })))).toEqual([])
  })
})

describe('a Helm chart is', () => {
  const chart = {
    'shop/Chart.yaml': 'apiVersion: v2\nname: web\nversion: 1.0.0\n',
    'shop/values.yaml': 'kind: Deployment\n',
    'shop/templates/web.yaml': 'kind: {{ .Values.kind }}\n',
    'shop/charts/db/templates/db.yaml': 'kind: {{ .Values.kind }}\n',
  }
  /** Something that is called helm, and does what a shell script says. */
  const withHelm = (script: string) => {
    const bin = directory({ helm: `#!/bin/sh\n${script}\n` })
    chmodSync(join(bin, 'helm'), 0o755)
    vi.stubEnv('PATH', `${bin}${delimiter}${process.env.PATH}`)
  }
  afterEach(() => vi.unstubAllEnvs())

  test('skipped where helm is not installed, once, with what to run', () => {
    vi.stubEnv('PATH', directory({}))
    const root = directory(chart)
    const result = look(root)
    expect(places(result)).toEqual(['shop/Chart.yaml:1 a Helm chart'])
    expect(result.skipped[0]?.why).toContain(`helm template ${join(root, 'shop')} | podrain lint -`)
  })

  test('what helm makes of it, each finding named by its template and none to be mended there', () => {
    withHelm(`cat <<'END'
---
# Source: web/templates/web.yaml
${deployment.replace('preStop', 'prestop')}
---
# Source: web/charts/db/templates/db.yaml
${deployment.replaceAll('web', 'db').replace('[npm, start]', '[yarn, start]')}
END`)
    const root = directory(chart)
    const result = look(root)
    expect(told(result)).toEqual([
      'shop/charts/db/templates/db.yaml:15 package-manager',
      'shop/charts/db/templates/db.yaml:16 hook-outlasts-grace',
      'shop/templates/web.yaml:15 package-manager',
      'shop/templates/web.yaml:16 unknown-key',
    ])
    expect(places(result)).toEqual([])
    // Their lines are none of the template.
    const { sources } = readSources([root])
    expect(result.documents).toBe(2)
    expect(renderHuman(result, sources, { colour: false })).toContain('web.yaml:15:11 as rendered warning')
    expect(renderGithub(result)).toMatch(/^::warning file=\S+,title=podrain package-manager::/)
    expect(renderSarif(result, '1.0.0')).not.toContain('region')
    expect(fix(sources).every(({ source, text }) => source.text === text)).toBe(true)
  })

  test('asked for the charts it depends on, where they are missing', () => {
    withHelm(
      `echo 'Error: An error occurred while checking for chart dependencies. You may need to run \`helm dependency build\` to fetch missing dependencies: found in Chart.yaml, but missing in charts/ directory: redis' >&2; exit 1`,
    )
    const root = directory(chart)
    expect(look(root).skipped).toEqual([
      {
        file: 'shop/Chart.yaml',
        line: 1,
        what: 'a Helm chart',
        why: `charts that it depends on are not there. Fetch them: helm dependency build ${join(root, 'shop')}`,
      },
    ])
  })

  test('skipped with what helm says against it', () => {
    withHelm(`echo 'Error: execution error at (web/templates/web.yaml:1:3): host is required' >&2; exit 1`)
    expect(look(directory(chart)).skipped[0]?.why).toBe(
      'helm template ended with code 1. Error: execution error at (web/templates/web.yaml:1:3): host is required',
    )
  })

  test('named by a template of it', () => {
    const root = directory(chart)
    expect(readSources([join(root, 'shop/templates/web.yaml')])).toEqual({
      sources: [],
      skipped: [
        {
          file: join(root, 'shop/templates/web.yaml'),
          line: 1,
          what: 'a template of a Helm chart',
          why: `lint the chart: podrain lint ${join(root, 'shop')}`,
        },
      ],
    })
  })
})

describe('a pod is judged in an object of a kind that is not known', () => {
  const inKind = (head: string, spec: string) =>
    look(directory({ 'web.yaml': `${head}\nmetadata: { name: web }\n${spec}` }))

  test.each([
    [
      'an OpenShift DeploymentConfig',
      'apiVersion: apps.openshift.io/v1\nkind: DeploymentConfig',
      `spec:\n${pod('  ')}`,
    ],
    ['a Knative Service', 'apiVersion: serving.knative.dev/v1\nkind: Service', `spec:\n${pod('  ')}`],
    ['a game server', 'apiVersion: agones.dev/v1\nkind: Fleet', `spec:\n  template:\n    spec:\n${pod('      ')}`],
    [
      'a pod without a template',
      'apiVersion: example.com/v1\nkind: App',
      'spec:\n  pod:\n    terminationGracePeriodSeconds: 10\n    containers:\n      - { name: a, image: a, command: [npm, start], lifecycle: { preStop: { sleep: { seconds: 25 } } } }\n',
    ],
    [
      'one of several',
      'apiVersion: ray.io/v1\nkind: RayCluster',
      `spec:\n  groups:\n    - {}\n    - name: two\n${pod('      ')}`,
    ],
  ])('%s', (_, head, spec) => {
    const result = inKind(head, spec)
    expect(result.findings.map(({ rule }) => rule)).toEqual(['package-manager', 'hook-outlasts-grace'])
    expect(result.pods).toBe(1)
  })

  test('but by nothing that its controller may add: no grace period, no number of replicas, no hook', () => {
    const text = pod('  ')
      .replace('    terminationGracePeriodSeconds: 10\n', '')
      .replace('[npm, start]', '[node, a.js]')
      .replace('    containers:', '    timeoutSeconds: 60\n    containers:')
    expect(
      inKind('apiVersion: serving.knative.dev/v1\nkind: Service', `spec:\n${text.replace('25', '45')}`).findings,
    ).toEqual([])
  })

  test('with a key that it may know better than we do, and so never as an error', () => {
    const text = pod('  ').replace('preStop', 'prestop').replace('command: [npm, start]', 'tty: "yes"')
    const { findings } = inKind('apiVersion: apps.example.com/v1\nkind: App', `spec:\n${text}`)
    expect(findings.map(({ rule, severity }) => `${severity} ${rule}`)).toEqual([
      'warning wrong-type',
      'warning unknown-key',
    ])
  })

  test.each([
    [
      'a policy',
      'apiVersion: kyverno.io/v1\nkind: ClusterPolicy',
      `spec:\n  rules:\n    - validate:\n        pattern:\n          spec:\n${pod('            ')}`,
    ],
    [
      'the schema of a custom resource',
      'apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition',
      'spec:\n  versions:\n    - schema: { properties: { containers: { items: {} } } }\n',
    ],
  ])('and not in %s', (_, head, spec) => {
    expect(inKind(head, spec)).toMatchObject({ findings: [], pods: 0 })
  })

  test('in a template of OpenShift, with its parameters for values that are not known', () => {
    const template = `apiVersion: template.openshift.io/v1
kind: Template
metadata: { name: web }
parameters: [{ name: REPLICAS, value: "2" }]
objects:
  - apiVersion: apps/v1
    kind: Deployment
    metadata: { name: web }
    spec:
      replicas: \${{REPLICAS}}
      selector: { matchLabels: { app: web } }
${pod('      ').replace('seconds: 25', `seconds: "\${WAIT}"`)}`
    const result = look(directory({ 'web.yaml': template }))
    expect(told(result)).toEqual(['web.yaml:19 package-manager'])
    expect(result.findings[0]?.resource).toBe('Deployment/web')
  })
})

describe('skipped with a word is', () => {
  test('what brings objects from elsewhere', () => {
    const result = look(
      directory({
        'flux.yaml': 'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: { name: shop }\nspec: {}\n',
        'argo.yaml': '# a\napiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: { name: shop }\nspec: {}\n',
        'kustomization.yaml': 'resources: [argo.yaml, flux.yaml, "https://example.com/a/b.yaml"]\n',
      }),
    )
    expect(places(result)).toEqual([
      'argo.yaml:2 Application/shop',
      'flux.yaml:1 HelmRelease/shop',
      'kustomization.yaml:1 https://example.com/a/b.yaml, which is fetched from elsewhere',
    ])
  })

  test('a file in a directory that is no YAML, and was not to be an object', () => {
    const settings = '{\n  "group": { "kind": "build" } // the one: "kind"\n  , "b": {}\n}\n'
    const result = look(directory({ '.vscode/launch.json': settings, 'web.yaml': deployment }))
    expect(result.problems).toEqual([])
    expect(places(result)).toEqual([expect.stringMatching(/^\.vscode\/launch\.json:\d a file that is no YAML$/)])
    expect(look(directory({ 'web.yaml': `${deployment}a: [b\n` })).problems).toHaveLength(1)
  })

  test('what a test of a cluster expects: as much of each object as it is about', () => {
    const expectation = deployment.replace('image: web:1', 'image: (@)').replace('[npm, start]', '[yarn, start]')
    const result = look(
      directory({
        'kuttl/00-install.yaml': deployment,
        'kuttl/00-assert.yaml': expectation,
        'kuttl/01-errors.yaml': expectation,
        'saw/chainsaw-test.yaml':
          'apiVersion: chainsaw.kyverno.io/v1alpha1\nkind: Test\nmetadata: { name: a }\nspec: { steps: [{ try: [{ assert: { file: ready.yaml } }] }] }\n',
        'saw/ready.yaml': expectation,
        'saw/pods-assert.yaml': expectation,
      }),
    )
    expect(told(result)).toEqual([
      'kuttl/00-install.yaml:13 package-manager',
      'kuttl/00-install.yaml:14 hook-outlasts-grace',
    ])
    expect(result.skipped.map(({ file }) => file)).toEqual([
      'kuttl/00-assert.yaml',
      'kuttl/01-errors.yaml',
      'saw/chainsaw-test.yaml',
      'saw/pods-assert.yaml',
      'saw/ready.yaml',
    ])
  })
})

describe('what was skipped is told', () => {
  const sources = [
    { file: 'flux.yaml', text: 'apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: { name: shop }\n' },
  ]
  const result = lint(sources)

  test('to people, and a run in which there was nothing else is not called fine', () => {
    expect(renderHuman(result, sources, { colour: false })).toBe(
      'skipped flux.yaml:1 HelmRelease/shop: what its chart makes is in no file: helm template … | podrain lint -\n\n' +
        'There is no pod in 1 document; 1 thing skipped: nothing was judged.',
    )
    const both = [
      ...sources,
      { file: 'web.yaml', text: deployment.replace('[npm, start]', '[node, a.js]').replace('25', '2') },
    ]
    expect(renderHuman(lint(both), both, { colour: false })).toContain('Nothing found in 2 documents; 1 thing skipped.')
  })

  test('to programs', () => {
    expect(JSON.parse(renderJson(result)).skipped).toEqual(result.skipped)
    const [run] = JSON.parse(renderSarif(result, '1.0.0')).runs
    expect(run.invocations[0].toolExecutionNotifications[0]).toMatchObject({
      level: 'note',
      message: { text: expect.stringContaining('Skipped: HelmRelease/shop') },
      locations: [{ physicalLocation: { artifactLocation: { uri: 'flux.yaml' }, region: { startLine: 1 } } }],
    })
    expect(renderGithub(result)).toMatch(/^::notice file=flux\.yaml,line=1,title=podrain skipped::HelmRelease\/shop: /)
  })
})
