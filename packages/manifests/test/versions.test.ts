import { describe, expect, test } from 'vitest'
import { type LintOptions, lint, minorOf } from '../src/index.js'

const told = (text: string, options?: LintOptions) =>
  lint([{ file: 'web.yaml', text }], options).findings.map(
    ({ severity, rule, message }) => `${severity} ${rule}: ${message}`,
  )

/** A Deployment with some lines in its container, and in its pod. */
const deployment = (container: string, pod = '') => `apiVersion: apps/v1
kind: Deployment
metadata: { name: web }
spec:
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
${pod}      containers:
        - name: web
          image: web:1
${container}`

const object = (apiVersion: string, kind: string, spec: string) =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: { name: web }\nspec: ${spec}\n`
const job = 'template: { spec: { restartPolicy: Never, containers: [{ name: a, image: a }] } }'
const labelled =
  'selector: { matchLabels: { app: web } }, template: { metadata: { labels: { app: web } }, spec: { containers: [{ name: a, image: a }] } }'

describe('a field that is newer than the cluster', () => {
  test.each<[what: string, text: string, since: string, on: string]>([
    ['a hook that sleeps', deployment('          lifecycle: { preStop: { sleep: { seconds: 5 } } }\n'), '1.29', '1.30'],
    [
      'a hook that sleeps for nothing',
      deployment('          lifecycle: { preStop: { sleep: { seconds: 0 } } }\n'),
      '1.32',
      '1.33',
    ],
    [
      'a native sidecar',
      deployment('', '      initContainers: [{ name: log, image: log:1, restartPolicy: Always }]\n'),
      '1.28',
      '1.29',
    ],
    [
      'a grace period of a probe',
      deployment('          livenessProbe: { tcpSocket: { port: 80 }, terminationGracePeriodSeconds: 5 }\n'),
      '1.21',
      '1.25',
    ],
    ['a gRPC probe', deployment('          readinessProbe: { grpc: { port: 80 } }\n'), '1.23', '1.24'],
    [
      'when a pod of a Job is replaced',
      object('batch/v1', 'Job', `{ podReplacementPolicy: Failed, ${job} }`),
      '1.28',
      '1.29',
    ],
    [
      'the same in a CronJob',
      object(
        'batch/v1',
        'CronJob',
        `{ schedule: "* * * * *", jobTemplate: { spec: { podReplacementPolicy: Failed, ${job} } } }`,
      ),
      '1.28',
      '1.29',
    ],
    [
      'a budget for pods that are not ready',
      object('policy/v1', 'PodDisruptionBudget', '{ maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow }'),
      '1.26',
      '1.27',
    ],
    [
      'endpoints that are near',
      object('v1', 'Service', '{ ports: [{ port: 80 }], trafficDistribution: PreferClose }'),
      '1.30',
      '1.31',
    ],
    [
      'one more pod on each node',
      object(
        'apps/v1',
        'DaemonSet',
        `{ updateStrategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }, ${labelled} }`,
      ),
      '1.21',
      '1.22',
    ],
    [
      'a wait for each pod of a StatefulSet',
      object('apps/v1', 'StatefulSet', `{ serviceName: web, minReadySeconds: 5, ${labelled} }`),
      '1.22',
      '1.23',
    ],
  ])('%s is refused before it came, dropped before its gate was on, and fine then', (_, text, since, on) => {
    const before = `1.${Number(since.slice(2)) - 1}`
    const ofVersion = (kubernetes?: string) =>
      told(text, kubernetes === undefined ? {} : { kubernetes }).filter((line) => /came with|feature gate/.test(line))
    // A younger field of the same object may be dropped as well.
    expect(ofVersion(before)).toContainEqual(
      expect.stringMatching(`^error unknown-key: Kubernetes ${before} has no .* it came with ${since}\\.`),
    )
    expect(ofVersion(since)).toContainEqual(
      expect.stringMatching(`^warning unknown-key: Kubernetes ${since} drops .*by default since ${on}\\)$`),
    )
    expect(ofVersion(on)).toEqual([])
    expect(ofVersion()).toEqual([])
  })

  test('a stop signal is refused before it came', () => {
    const text = deployment('          lifecycle: { stopSignal: SIGINT }\n', '      os: { name: linux }\n')
    expect(told(text, { kubernetes: '1.32' })).toContainEqual(
      expect.stringMatching(/^error unknown-key: Kubernetes 1\.32 has no `stopSignal`/),
    )
    expect(told(text, { kubernetes: '1.33' })).not.toContainEqual(expect.stringContaining('unknown-key'))
  })
})

test('an API version is removed from its release on, and will be before', () => {
  const text = object(
    'policy/v1beta1',
    'PodDisruptionBudget',
    '{ maxUnavailable: 1, selector: { matchLabels: { app: web } } }',
  )
  const removed = (options?: LintOptions) => told(text, options).filter((line) => line.includes('removed-api'))
  expect(removed({ kubernetes: '1.24' })).toEqual([
    'info removed-api: Kubernetes 1.25 removes PodDisruptionBudget from policy/v1beta1: its version is then policy/v1',
  ])
  const since =
    'error removed-api: Kubernetes 1.25 removed PodDisruptionBudget from policy/v1beta1: its version is now policy/v1'
  expect(removed({ kubernetes: '1.25' })).toEqual([since])
  expect(removed()).toEqual([since])
})

describe('a key that the schema does not know', () => {
  const text = deployment('', '      trafficPolicy: Drain\n')

  test('may be newer than the newest schema, unless the cluster is known to be older', () => {
    expect(told(text)).toEqual([
      'warning unknown-key: `spec.template.spec` has no key `trafficPolicy` in Kubernetes 1.36: unless your cluster is newer, the API server refuses or drops the key',
    ])
    expect(told(text, { kubernetes: '1.30' })).toEqual([
      expect.stringMatching(
        /^error unknown-key: `spec\.template\.spec` has no key `trafficPolicy` in Kubernetes 1\.30\. The API server refuses the key/,
      ),
    ])
    expect(told(text, { kubernetes: '1.99' })).toEqual([expect.stringMatching(/^warning /)])
  })

  test.each([
    ['a hook', 'lifecycle: { onStop: { sleep: { seconds: 5 } } }'],
    ['its handler', 'lifecycle: { preStop: { sleep: { seconds: 5, jitter: 1 } } }'],
    ['a probe', 'livenessProbe: { tcpSocket: { port: 80 }, backoff: 2 }'],
  ])('is a mistake in %s, where keys are few and old', (_, line) => {
    expect(told(deployment(`          ${line}\n`))).toEqual([
      expect.stringMatching(/^error unknown-key: .* has no key `\w+`\. The API server refuses the key/),
    ])
  })

  test('is the one that it begins with, if its value fits there', () => {
    const hook = (handler: string) => deployment(`          lifecycle: { preStopHook: ${handler} }\n`)
    expect(told(hook('{ exec: { command: [sleep, "5"] } }'))).toEqual([
      expect.stringMatching(/^error unknown-key: .* did you mean `preStop`\?/),
    ])
    expect(told(hook('5'))).toEqual([expect.not.stringContaining('did you mean')])
  })
})

describe('a custom resource', () => {
  test('that its schema does not know is no error: it may be younger than the schema', () => {
    const rollout = `apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: { name: web }
spec:
  strategy: { canary: { stableService: a, canaryService: b, trafficRouting: { alb: { ingresses: [web], servicePort: 80 } } } }
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec: { containers: [{ name: web, image: web:1 }] }
`
    const scaled = object(
      'keda.sh/v1alpha1',
      'ScaledObject',
      '{ scaleTargetRef: { name: web }, triggers: [{ type: cron, metadata: {}, activation: 1 }], minReplicas: "2" }',
    )
    expect(told(`${rollout}---\n${scaled}`).filter((line) => line.startsWith('error'))).toEqual([])
  })
})

test.each([
  ['1.29', '1.29'],
  ['v1.29.4-gke.1043000', '1.29'],
  ['1.31+', '1.31'],
  ['latest', undefined],
  ['2.0', undefined],
])('the version %s is Kubernetes %s', (text, minor) => {
  expect(minorOf(text)).toBe(minor)
})

describe('responders to an eviction, of Kubernetes 1.37,', () => {
  const text = deployment('', '      evictionResponders: [{ name: example.com/web, priority: 10000 }]\n')
  const unknownKeys = (kubernetes?: string) =>
    told(text, kubernetes ? { kubernetes } : {}).filter((line) => line.includes('unknown-key'))

  test('are nothing to complain of where the cluster has them', () => {
    expect(unknownKeys('1.37')).toEqual([])
  })

  test('are told of where it is not known, and refused where it has not', () => {
    expect(unknownKeys()).toEqual([
      expect.stringMatching(
        /^warning unknown-key: .* `evictionResponders` since Kubernetes 1\.37: unless your cluster is that new/,
      ),
    ])
    expect(unknownKeys('1.35')).toEqual([expect.stringMatching(/^error unknown-key: /)])
  })
})
