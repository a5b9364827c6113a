import { describe, expect, test } from 'vitest'
import { lint } from '../src/index.js'

interface App {
  readonly container?: string
  readonly pod?: string
  readonly spec?: string
  readonly more?: string
  readonly annotations?: string
}

/** An app behind a Service, with what is to be judged. */
function app({ container = '', pod = '', spec = '', more = '', annotations = '' }: App): string {
  return `apiVersion: apps/v1
kind: Deployment
metadata: { name: shop }
spec:
  selector: { matchLabels: { app: shop } }
  ${spec}
  template:
    metadata: { labels: { app: shop } }
    spec:
      ${pod}
      containers:
        - name: shop
          image: shop:3
          ports: [{ containerPort: 8080 }]
          ${container}
---
apiVersion: v1
kind: Service
metadata: { name: shop, annotations: { ${annotations} } }
spec: { selector: { app: shop }, ports: [{ port: 80, targetPort: 8080 }] }
${more}`
}

function told(text: string, rule: string): string[] {
  const { findings } = lint([{ file: 'a.yaml', text }])
  return findings.filter((each) => each.rule === rule).map(({ severity, message }) => `${severity} ${message}`)
}

describe('a deregistration delay', () => {
  const delay =
    'service.beta.kubernetes.io/aws-load-balancer-type: external, service.beta.kubernetes.io/aws-load-balancer-target-group-attributes: deregistration_delay.timeout_seconds=600'

  test('is not that of a pod where the load balancer sends to nodes', () => {
    expect(told(app({ annotations: delay }), 'deregistration-delay')).toEqual([])
  })

  test('is where it sends to pods', () => {
    const annotations = `${delay}, service.beta.kubernetes.io/aws-load-balancer-nlb-target-type: ip`
    expect(told(app({ annotations }), 'deregistration-delay')).toHaveLength(1)
  })
})

describe('a pod that writes to a disk of its own', () => {
  const spec = 'strategy: { rollingUpdate: { maxSurge: 1, maxUnavailable: 1 } }\n  replicas: 1'
  const container = 'volumeMounts: [{ name: data, mountPath: /data }]'

  test.each([
    ['a directory of its node', '{ hostPath: { path: /srv/gitea }, name: data }'],
    ['a disk of Google', '{ gcePersistentDisk: { pdName: gitea }, name: data }'],
    ['a disk of AWS', '{ awsElasticBlockStore: { volumeID: vol-1 }, name: data }'],
  ])('is never advised to have a second one beside it: %s', (_, volume) => {
    const text = app({ spec, container, pod: `volumes: [${volume}]` })
    expect(told(text, 'rollout-takes-last')).toEqual([])
    expect(told(text, 'single-replica')).toEqual([])
  })

  test('and a database there is told', () => {
    const text = app({ spec, container, pod: 'volumes: [{ hostPath: { path: /srv/db }, name: data }]' })
    expect(told(text.replace('shop:3', 'mongo:7'), 'rollout-shares-volume')).toHaveLength(1)
  })

  test('but not what only reads there, or the socket of its node', () => {
    for (const [mount, path] of [
      ['readOnly: true, ', '/srv/static'],
      ['', '/var/run/docker.sock'],
    ]) {
      const text = app({
        spec,
        container: `volumeMounts: [{ ${mount}name: data, mountPath: /data }]`,
        pod: `volumes: [{ hostPath: { path: ${path} }, name: data }]`,
      })
      expect(told(text, 'rollout-takes-last')).toHaveLength(1)
    }
  })
})

test('a liveness probe with other headers asks another question', () => {
  const probes = (headers: string) =>
    `readinessProbe: { httpGet: { path: /health, port: 8080 } }\n          livenessProbe: { httpGet: { path: /health, port: 8080${headers} } }`
  expect(told(app({ container: probes('') }), 'liveness-kills')).toHaveLength(1)
  expect(told(app({ container: probes(', httpHeaders: [{ name: X-Probe, value: live }]') }), 'liveness-kills')).toEqual(
    [],
  )
})

test('a variable in the path of a hook is asked for as it stands', () => {
  const container = 'lifecycle: { preStop: { httpGet: { path: "/$(STOP_PATH)", port: 8080 } } }'
  expect(told(app({ container }), 'hook-variable')).toEqual([
    'warning Kubernetes fills in no variables in a hook: the kubelet requests `/$(STOP_PATH)` as it is written',
  ])
})

test('no autoscaler of nodes takes a node of Fargate', () => {
  const pod = (where: string) => `terminationGracePeriodSeconds: 3600\n      ${where}`
  const fargate = 'nodeSelector: { eks.amazonaws.com/compute-type: fargate }'
  expect(told(app({ pod: pod('') }), 'grace-exceeds-node')).toHaveLength(1)
  expect(told(app({ pod: pod(fargate) }), 'grace-exceeds-node')).toEqual([])
})

describe('the first process', () => {
  test('may restart the app when a file changes', () => {
    const container = (words: string) => `command: ${words}`
    expect(told(app({ container: container('[tsx, watch, src/index.ts]') }), 'process-manager')).toEqual([
      'info Container `shop` starts `tsx watch src/index.ts`: `watch` passes SIGTERM on and waits, but restarts the app when a file changes: it is meant for development',
    ])
    expect(told(app({ container: container('[tsx, src/watch.ts]') }), 'process-manager')).toEqual([])
  })

  test('is what the entrypoint of the image starts', () => {
    const container = 'command: [docker-entrypoint.sh, forever, app.js]'
    expect(told(app({ container }), 'process-manager')).toHaveLength(1)
  })
})

test('a container without a name is told by its place', () => {
  const text = `apiVersion: serving.knative.dev/v1
kind: Service
metadata: { name: shop }
spec: { template: { spec: { containers: [{ image: "shop:1", command: [npm, start] }] } } }
`
  expect(told(text, 'package-manager')[0]).toMatch(/^warning Container `containers\[0\]` starts `npm start`/)
})

test('AKS has an nginx, by the class of its add-on', () => {
  const more = `---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: { name: shop }
spec:
  ingressClassName: webapprouting.kubernetes.azure.com
  rules: [{ http: { paths: [{ path: /, pathType: Prefix, backend: { service: { name: shop, port: { number: 80 } } } }] } }]
`
  const container = 'lifecycle: { preStop: { sleep: { seconds: 2 } } }'
  expect(told(app({ more, container }), 'hook-shorter-than-settle')[0]).toMatch(/ingress-nginx needs/)
})
