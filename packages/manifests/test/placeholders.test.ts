import { describe, expect, test } from 'vitest'
import { lint } from '../src/index.js'

const deployment = `apiVersion: apps/v1
kind: Deployment
metadata: { name: cart }
spec:
  replicas: 2
  selector: { matchLabels: { app: cart } }
  template:
    metadata: { labels: { app: cart } }
    spec:
      restartPolicy: Always
      dnsPolicy: ClusterFirst
      terminationGracePeriodSeconds: 40
      hostNetwork: false
      containers:
        - name: cart
          image: cart:1
          imagePullPolicy: Always
          ports: [{ containerPort: 8080, protocol: TCP }]
          lifecycle: { preStop: { httpGet: { path: /stop, port: 8080 } } }
          readinessProbe: { httpGet: { path: /ready, port: 8080 } }
`

function errorsIn(text: string): string[] {
  const { findings } = lint([{ file: 'a.yaml', text }])
  return findings
    .filter(({ severity }) => severity === 'error')
    .map(({ line, rule, message }) => `${line} ${rule}: ${message}`)
}

/** The same with a value for each of these. */
function withValues(value: (name: string) => string): string {
  return deployment
    .replace('replicas: 2', `replicas: ${value('REPLICAS')}`)
    .replace('restartPolicy: Always', `restartPolicy: ${value('RESTART_POLICY')}`)
    .replace('dnsPolicy: ClusterFirst', `dnsPolicy: ${value('DNS_POLICY')}`)
    .replace('Seconds: 40', `Seconds: ${value('GRACE')}`)
    .replace('hostNetwork: false', `hostNetwork: ${value('HOST_NETWORK')}`)
    .replaceAll('ort: 8080', `ort: ${value('HTTP_PORT')}`)
    .replace('protocol: TCP', `protocol: ${value('PORT_PROTOCOL')}`)
}

describe('a value that a tool puts in is no error', () => {
  test.each([
    ['Flux and envsubst', (name: string) => `"\${${name}}"`],
    ['envsubst', (name: string) => `$${name}`],
    ['Mustache, in quotes', (name: string) => `"{{${name}}}"`],
    ['Azure Pipelines', (name: string) => `"#{${name}}#"`],
    ['autoconf and CMake', (name: string) => `"@${name}@"`],
    ['cmd', (name: string) => `"%${name}%"`],
  ])('as for %s', (_, value) => {
    expect(errorsIn(withValues(value))).toEqual([])
  })

  test('nor one that is only a name in capitals, but a warning', () => {
    const text = withValues((name) => (name === 'RESTART_POLICY' ? 'Always' : name))
    expect(errorsIn(text)).toEqual([])
    expect(
      lint([{ file: 'a.yaml', text }])
        .findings.filter(({ rule }) => /^wrong-/.test(rule))
        .map(({ line }) => line),
    ).toEqual([5, 11, 12, 13, 18, 18])
  })

  test('but a protocol in capitals is one', () => {
    expect(errorsIn(deployment.replace('protocol: TCP', 'protocol: HTTP'))).toHaveLength(1)
  })
})

test('an empty word where there is a choice of words is the default, as a chart writes it', () => {
  const text = deployment
    .replace('restartPolicy: Always', 'restartPolicy: ""')
    .replace('dnsPolicy: ClusterFirst', 'dnsPolicy: ""')
    .replace('protocol: TCP', 'protocol: ""')
    .replace('PullPolicy: Always', 'PullPolicy: ""')
  expect(errorsIn(text)).toEqual([])
})

describe('a patch is not told as an error what its base may have', () => {
  test('of an autoscaler, a budget, a binding', () => {
    const patches = `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: { name: cart }
spec: { minReplicas: 3 }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: { name: cart }
subjects: [{ kind: ServiceAccount, name: cart, namespace: shop }]
`
    expect(errorsIn(patches)).toEqual([])
    expect(lint([{ file: 'a.yaml', text: patches }]).findings.map(({ message }) => message)).toContain(
      '`spec` needs `scaleTargetRef`',
    )
  })

  test('of a DaemonSet that may surge', () => {
    const patch = `apiVersion: apps/v1
kind: DaemonSet
metadata: { name: edge }
spec: { updateStrategy: { rollingUpdate: { maxUnavailable: 0 } } }
`
    expect(errorsIn(patch)).toEqual([])
  })
})
