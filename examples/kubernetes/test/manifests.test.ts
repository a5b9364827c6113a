import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Manifest, problems } from '@podrain/e2e'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'

const examples = join(import.meta.dirname, '..')
const rbac = join(examples, '..', '..', 'packages', 'kubernetes')
const others = ['express', 'fastify', 'koa'].map((name) => join(examples, '..', name, 'kubernetes.yaml'))

const files = [
  ...readdirSync(examples)
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => join(examples, name)),
  ...['rbac.yaml', 'rbac-annotations.yaml'].map((name) => join(rbac, name)),
  ...others,
]

/** Kinds that podrain has no schema of. For these the tests check only the fields of every object, and the Pod template. */
const withoutSchema = ['AnalysisTemplate', 'CloneSet', 'CustomResourceDefinition', 'PodProbeMarker', 'Task']

interface Container {
  readonly ports?: readonly { name: string }[]
  readonly env?: readonly { name: string; value?: string }[]
  readonly lifecycle?: { preStop: { httpGet: { path: string; port: string } } }
  readonly readinessProbe?: { httpGet: { path: string; port: string } }
}

interface Workload extends Manifest {
  readonly spec?: {
    readonly selector?: { matchLabels: Record<string, string> }
    readonly template?: {
      readonly metadata: { labels: Record<string, string> }
      readonly spec: { terminationGracePeriodSeconds: number; containers: readonly Container[] }
    }
  }
}

const manifests = files.flatMap((file) =>
  parseAllDocuments(readFileSync(file, 'utf8')).map((document) => {
    expect(document.errors).toEqual([])
    const manifest: Workload = document.toJS()
    return {
      name: `${manifest.kind} ${manifest.metadata.name} of ${file.slice(file.indexOf('/examples/') + 1)}`,
      manifest,
    }
  }),
)

describe.each(manifests)('$name', ({ manifest }) => {
  test('is valid by its published schema', () => {
    if (withoutSchema.includes(manifest.kind)) {
      expect(problems(manifest)).toBeUndefined()
      expect(manifest.apiVersion).toMatch(/^[\w.]+\/v\w+$/)
      expect(manifest.metadata.name).toMatch(/^[a-z0-9.-]+$/)
    } else expect(problems(manifest)).toEqual([])
  })
})

/** All workloads except the controller, which serves no requests. */
const workloads = manifests.filter(
  ({ manifest }) => manifest.spec?.template && manifest.metadata.name !== 'task-controller',
)

describe.each(workloads)('the pods of $name', ({ manifest }) => {
  test('are valid, and have the hook, the probe and the grace period that podrain needs', () => {
    const { template, selector } = manifest.spec ?? {}
    const { metadata, spec } = template ?? expect.unreachable()
    const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'pod', ...metadata }, spec }
    expect(problems(pod)).toEqual([])
    expect(metadata.labels).toMatchObject(selector?.matchLabels ?? {})
    const [app] = spec.containers
    const ports = app?.ports?.map(({ name }) => name)
    expect(app?.lifecycle?.preStop.httpGet.path).toBe('/prestop')
    expect(ports).toContain(app?.lifecycle?.preStop.httpGet.port)
    expect(app?.readinessProbe?.httpGet.path).toBe('/readyz')
    const told = app?.env?.find(({ name }) => name === 'TERMINATION_GRACE_PERIOD_SECONDS')?.value
    expect(Number(told)).toBe(spec.terminationGracePeriodSeconds)
  })
})

test('the README links to every file', () => {
  const page = readFileSync(join(examples, 'README.md'), 'utf8')
  const named = [...page.matchAll(/\]\(([\w-]+\.(?:js|yaml))\)/g)].map(([, name = '']) => name)
  const there = readdirSync(examples).filter((name) => /\.(js|yaml)$/.test(name))
  expect([...new Set(named)].toSorted()).toEqual(there.toSorted())
})
