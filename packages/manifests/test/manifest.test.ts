import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import {
  hookKinds,
  lint,
  type ManifestOptions,
  manifestKinds,
  readSources,
  writeFiles,
  writeManifest,
} from '../src/index.js'
import { graceSecondsFor, presets } from '../src/shared/budget.js'

const base = { name: 'orders', image: 'orders:1.4' }

/** What is written, as lint comes to see it: a Component only in a build, and of a chart what is YAML. */
function inUse(options: ManifestOptions): Array<{ file: string; text: string }> {
  const written = writeFiles(options).filter(({ file }) => file.endsWith('.yaml'))
  if (options.kind !== 'component') return written
  const [name, image] = [JSON.stringify(options.name), JSON.stringify(options.image)]
  const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec: { containers: [{ name: ${name}, image: ${image} }] }
`
  return [
    { file: 'live/deployment.yaml', text: deployment },
    { file: 'live/kustomization.yaml', text: 'resources: [deployment.yaml]\ncomponents: [../podrain]\n' },
    ...written.map(({ file, text }) => ({ file: `podrain/${file}`, text })),
  ]
}

const behinds = Object.keys(presets) as Array<keyof typeof presets>

describe('a written manifest', () => {
  const grid = behinds.flatMap((behind) =>
    hookKinds.flatMap((hook) =>
      manifestKinds.flatMap((kind) =>
        [0, 500, 10_000, 61_000, 600_000].flatMap((longestRequest) =>
          [1, 2, 3, 50].map((replicas): ManifestOptions => ({ ...base, behind, hook, kind, longestRequest, replicas })),
        ),
      ),
    ),
  )
  const possible = grid.filter(({ behind, hook }) => behind !== 'aws-nlb' || hook !== 'http')

  test('has no findings, whatever its options', () => {
    expect(possible.length).toBeGreaterThan(1000)
    for (const options of possible) {
      const { findings, problems } = lint(inUse(options), { longestRequest: options.longestRequest ?? 0 })
      expect([...findings, ...problems], JSON.stringify(options)).toEqual([])
    }
  })

  test('has no findings with any name, image and ports', () => {
    fc.assert(
      fc.property(
        fc.stringMatching(/^[a-z]([-a-z0-9]{0,20}[a-z0-9])?$/),
        fc.stringMatching(/^[a-z0-9.-]{1,20}(\/[a-z0-9._-]{1,20})?(:[a-zA-Z0-9._-]{1,10})?$/),
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: 1, max: 65_535 }),
        fc.constantFrom(...hookKinds),
        fc.constantFrom(...manifestKinds),
        (name, image, port, controlPort, hook, kind) => {
          fc.pre(port !== controlPort)
          // A distroless image goes with the hooks that are written, too.
          const sources = inUse({ name, image, port, controlPort, hook, kind })
          expect(lint(sources).findings, sources[0]?.text).toEqual([])
        },
      ),
      { numRuns: 200 },
    )
  })

  test('has the sum in a comment, and the grace period that comes of it in both places', () => {
    const text = writeManifest({ ...base, behind: 'aws-alb', longestRequest: 30_000 })
    expect(text).toContain(
      '# settle 30 s + longest request 30 s + closing 5 s + reserve 1 s = 66 s (settle: aws-alb)\n',
    )
    expect(text).toContain('terminationGracePeriodSeconds: 66\n')
    expect(text).toContain('- name: TERMINATION_GRACE_PERIOD_SECONDS\n              value: "66"\n')
  })

  test('is of Deployment, Service and PodDisruptionBudget; of no Service where nothing routes to the pod', () => {
    const kinds = (options: Partial<ManifestOptions>) =>
      parseAllDocuments(writeManifest({ ...base, ...options })).map((document) =>
        'get' in document ? document.get('kind') : '',
      )
    expect(kinds({})).toEqual(['Deployment', 'Service', 'PodDisruptionBudget'])
    expect(kinds({ behind: 'none' })).toEqual(['Deployment', 'PodDisruptionBudget'])
    expect(kinds({ behind: 'gke-neg' })).toEqual(['Deployment', 'Service', 'PodDisruptionBudget', 'BackendConfig'])
    expect(kinds({ kind: 'kustomize' })).toEqual(['Deployment'])
    expect(kinds({ kind: 'component' })).toEqual(['Component'])
  })

  test('keeps the control port out of the Service, and the probes on it', () => {
    const [deployment, service] = parseAllDocuments(writeManifest({ ...base, hook: 'control-port' })).map((document) =>
      document.toJS(),
    )
    const [container] = deployment.spec.template.spec.containers
    expect(container.lifecycle.preStop.httpGet).toEqual({ path: '/prestop', port: 'control' })
    expect(container.readinessProbe.httpGet.port).toBe('control')
    expect(service.spec.ports).toEqual([{ name: 'http', port: 80, targetPort: 'http' }])
  })

  test('for Helm does not take a digest for a tag', () => {
    const values = writeManifest({ ...base, image: 'registry:5000/orders@sha256:0123', kind: 'helm' })
    expect(values).toContain('repository: registry:5000/orders@sha256:0123\n')
    expect(values).not.toContain('tag:')
  })

  test('without network has a place for the socket where the root file system is read-only', () => {
    const [deployment] = parseAllDocuments(writeManifest({ ...base, hook: 'exec' })).map((document) => document.toJS())
    const { containers, volumes } = deployment.spec.template.spec
    expect(containers[0].volumeMounts).toEqual([{ name: volumes[0].name, mountPath: '/tmp' }])
    expect(volumes[0].emptyDir).toEqual({})
    expect(writeManifest(base)).not.toContain('volume')
  })

  test('as a patch makes a rolling update of a Recreate, and leaves nothing of the hook and the probes that were there', () => {
    const patch = parseAllDocuments(writeManifest({ ...base, kind: 'kustomize' }))[0]?.toJS()
    expect(patch.spec.strategy.type).toBe('RollingUpdate')
    const [{ lifecycle, readinessProbe, livenessProbe }] = patch.spec.template.spec.containers
    for (const each of [lifecycle.preStop, readinessProbe, livenessProbe]) expect(each.$patch).toBe('replace')
  })

  test('takes no pod out for one late answer, and is still out of the endpoints before the drain goes on', () => {
    const [deployment] = parseAllDocuments(writeManifest(base)).map((document) => document.toJS())
    const { periodSeconds, failureThreshold } = deployment.spec.template.spec.containers[0].readinessProbe
    expect(failureThreshold).toBeGreaterThan(1)
    expect(periodSeconds * failureThreshold * 1000).toBeLessThan(presets['kube-proxy'].settle)
  })

  test.for<[what: string, options: Partial<ManifestOptions>, message: RegExp]>([
    ['a name that Kubernetes refuses', { name: 'Orders_1' }, /`name` to be a name in lower case.*got `Orders_1`/],
    ['a port that is none', { port: 70_000 }, /`port` to be a port from 1 to 65535, got `70000`/],
    ['one port for two', { hook: 'control-port', controlPort: 8080 }, /`controlPort` to be another port than `port`/],
    [
      'the open port behind an NLB',
      { behind: 'aws-nlb', hook: 'http' },
      /`hook` to be control-port or exec behind aws-nlb, got `http`/,
    ],
    ['no pods', { replicas: 0 }, /`replicas` to be a whole number from 1, got `0`/],
  ])('is refused for %s', ([, options, message]) => {
    expect(() => writeManifest({ ...base, ...options })).toThrow(message)
  })
})

describe('a written Component', () => {
  test('by itself has nothing to find either, whatever is ignored in it', () => {
    const sources = writeFiles({ ...base, kind: 'component', longestRequest: 3_600_000 })
    expect(sources[0]?.text).toContain('podrain-ignore')
    expect(lint(sources).findings).toEqual([])
  })

  const directory = join(__dirname, 'trees', 'orders')
  const options: ManifestOptions = { ...base, hook: 'exec', behind: 'ingress-nginx', kind: 'component' }

  test('is the one that kustomize was given: trees.test.ts holds what came of it', () => {
    expect(writeManifest(options)).toBe(readFileSync(join(directory, 'podrain', 'kustomization.yaml'), 'utf8'))
  })

  test('leaves nothing to find in an app that had much', () => {
    const { sources } = readSources([directory])
    const before = sources.filter(({ file }) => file.includes('base'))
    expect(lint(before).findings.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(['hook-outlasts-grace', 'rollout-recreate']),
    )
    expect(lint(sources)).toMatchObject({ findings: [], problems: [], pods: 1 })
  })
})

describe.each(['http', 'exec', 'control-port'] as const)('a written Helm library chart with the hook %s', (hook) => {
  const written = writeFiles({ ...base, kind: 'helm-library', hook, behind: 'aws-alb' })
  const textOf = (file: string) => written.find((each) => each.file === file)?.text ?? ''
  const values = parse(textOf('values.yaml'))
  /** The named templates, by name: all between `define` and `end`. */
  const templates = new Map(
    [...textOf('templates/_helpers.tpl').matchAll(/{{- define "([^"]+)" -}}\n(.*?)\n?{{- end }}\n/gs)].map(
      ([, name = '', text = '']) => [name, text],
    ),
  )
  /** There is nothing but values in them, so this is all that Helm does. */
  const rendered = (text: string) => text.replace(/{{ \.Values\.podrain\.(\w+) }}/g, (_, name) => String(values[name]))
  const included = (text: string) =>
    rendered(text).replace(/{{- include "([^"]+)" \. \| nindent (\d+) }}/g, (_, name, by) =>
      rendered(templates.get(name) ?? `no ${name}`)
        .replace(/^/gm, ' '.repeat(Number(by)))
        .replace(/^/, '\n'),
    )

  test('is a library, of templates that end where they should and use its own values only', () => {
    expect(parse(textOf('Chart.yaml'))).toMatchObject({ apiVersion: 'v2', name: 'podrain', type: 'library' })
    const rest = textOf('templates/_helpers.tpl').replace(/{{- define "[^"]+" -}}|{{- end }}|{{\/\*[^*]*\*\/}}/g, '')
    const used = [...rest.matchAll(/{{ \.Values\.podrain\.(\w+) }}/g)].map(([, name]) => name)
    expect(rendered(rest)).not.toMatch(/[{]{2}|undefined/)
    expect(new Set([...used, 'terminationGracePeriodSeconds'])).toEqual(new Set(Object.keys(values)))
    for (const name of templates.keys()) expect(name).toMatch(/^podrain\./)
  })

  test('makes of the example in its README a Deployment in which lint finds nothing', () => {
    const example = /```yaml\n(spec:.*?)```/s.exec(textOf('README.md'))?.[1] ?? ''
    const text = included(example)
      .replace(
        'spec:\n',
        'apiVersion: apps/v1\nkind: Deployment\nmetadata: { name: orders }\nspec:\n  selector: { matchLabels: { app: orders } }\n',
      )
      .replace('template:\n', 'template:\n    metadata: { labels: { app: orders } }\n')
      .replace(/(- name: orders\n)( +)/, '$1$2image: orders:1\n$2')
    expect(lint([{ file: 'x.yaml', text }]), text).toMatchObject({ findings: [], problems: [], pods: 1 })
    expect(text).toContain(hook === 'exec' ? 'podrain-prestop.js' : 'path: /prestop')
  })

  test('offers the hook that its variables are for, and no other', () => {
    const handlers = [...templates.values()].flatMap((text) => [
      ...(text.includes('path: /prestop') ? ['http'] : []),
      ...(text.includes('podrain-prestop.js') ? ['exec'] : []),
    ])
    expect(handlers).toEqual([hook === 'exec' ? 'exec' : 'http'])
  })

  test('has the RBAC of @podrain/kubernetes, with the name of the service account', () => {
    const rbac = readFileSync(join(__dirname, '..', '..', 'kubernetes', 'rbac.yaml'), 'utf8')
    const objects = (text: string) => parseAllDocuments(text).map((document) => document.toJS())
    expect(objects(rendered(templates.get('podrain.rbac') ?? ''))).toEqual(
      objects(rbac.replace(/name: podrain$/gm, 'name: orders')),
    )
  })

  test('is no single text', () => {
    expect(() => writeManifest({ ...base, kind: 'helm-library' })).toThrow(/`kind` to be one that is a single text/)
  })
})

test('the grace period that is asked for is the shortest into which the sum fits', () => {
  expect(graceSecondsFor(0)).toBe(2)
  expect(graceSecondsFor(5000)).toBe(8)
  expect(graceSecondsFor(30_000)).toBe(36)
  expect(graceSecondsFor(120_000, 10_000)).toBe(136)
})
