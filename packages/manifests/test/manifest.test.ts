import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseAllDocuments } from 'yaml'
import { hookKinds, lint, type ManifestOptions, manifestKinds, writeManifest } from '../src/index.js'
import { graceFor, presets } from '../src/shared/budget.js'

const base = { name: 'orders', image: 'orders:1.4' }
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

  test('has nothing in it that lint finds, whatever it is written from', () => {
    expect(possible.length).toBeGreaterThan(1000)
    for (const options of possible) {
      const text = writeManifest(options)
      const { findings, problems } = lint([{ file: 'x.yaml', text }], { longestRequest: options.longestRequest ?? 0 })
      expect([...findings, ...problems], JSON.stringify(options)).toEqual([])
    }
  })

  test('nor with any name, image and ports', () => {
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
          const text = writeManifest({ name, image, port, controlPort, hook, kind })
          expect(lint([{ file: 'x.yaml', text }]).findings, text).toEqual([])
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

  test('is of Deployment, Service and PodDisruptionBudget; of no Service where nothing sends', () => {
    const kinds = (options: Partial<ManifestOptions>) =>
      parseAllDocuments(writeManifest({ ...base, ...options })).map((document) =>
        'get' in document ? document.get('kind') : '',
      )
    expect(kinds({})).toEqual(['Deployment', 'Service', 'PodDisruptionBudget'])
    expect(kinds({ behind: 'none' })).toEqual(['Deployment', 'PodDisruptionBudget'])
    expect(kinds({ behind: 'gke-neg' })).toEqual(['Deployment', 'Service', 'PodDisruptionBudget', 'BackendConfig'])
    expect(kinds({ kind: 'kustomize' })).toEqual(['Deployment'])
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

test('the grace period that is asked for is the shortest into which the sum fits', () => {
  expect(graceFor(0)).toBe(2)
  expect(graceFor(5000)).toBe(8)
  expect(graceFor(30_000)).toBe(36)
  expect(graceFor(120_000, 10_000)).toBe(136)
})
